import AsyncHTTPClient
import ConclaveClient
import Foundation
import LocalProcesses
import NIOCore
import NIOHTTP1

@testable import conclave

/// Plain HTTP to one chosen node, with the headers that a client library would keep to itself.
struct NodeDoor: Sendable {
    let http: HTTPClient

    /// One answer.
    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]

        var revision: UInt64? { number("Conclave-Revision") }
        func number(_ name: String) -> UInt64? { headers[name].first.flatMap { UInt64($0.filter { $0 != "\"" }) } }
    }

    static func withDoor<Result>(_ body: (NodeDoor) async throws -> Result) async throws -> Result {
        var configuration = HTTPClient.Configuration(timeout: .init(connect: .seconds(1)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        let http = HTTPClient(configuration: configuration)
        do {
            let result = try await body(NodeDoor(http: http))
            try await http.shutdown()
            return result
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    func get(_ path: String, of member: LocalCluster.Member, within limit: Duration = .seconds(2)) async throws
        -> Answer
    {
        try await send(HTTPClientRequest(url: member.endpoint.url + path), within: limit)
    }

    func put(
        _ path: String, _ value: [UInt8], of member: LocalCluster.Member, within limit: Duration = .seconds(5)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: member.endpoint.url + path)
        request.method = .PUT
        request.body = .bytes(value)
        return try await send(request, within: limit)
    }

    func post(
        _ path: String, _ json: [UInt8], of member: LocalCluster.Member, within limit: Duration = .seconds(10)
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: member.endpoint.url + path)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(json)
        return try await send(request, within: limit)
    }

    private func send(_ request: HTTPClientRequest, within limit: Duration) async throws -> Answer {
        let (seconds, attoseconds) = limit.components
        let timeout = TimeAmount.nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        let response = try await http.execute(request, timeout: timeout)
        let body = try await response.body.collect(upTo: 64 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, body: Array(body.readableBytesView))
    }

    /// What `GET /v1/status` says, and a client library leaves out.
    func report(of member: LocalCluster.Member) async throws -> NodeReport {
        try JSONDecoder().decode(NodeReport.self, from: Data(try await get("/v1/status", of: member).body))
    }
}

/// A node's account of itself.
struct NodeReport: Decodable, Hashable, CustomStringConvertible {
    var node: String
    var role: String
    var leader: String?
    var term: UInt64
    var revision: UInt64
    var appliedIndex: UInt64
    var firstIndex: UInt64
    var lastIndex: UInt64
    var digest: String
    var keys: Int
    var incarnation: UInt64

    private enum CodingKeys: String, CodingKey {
        case node, role, leader, term, revision, digest, keys, incarnation
        case appliedIndex = "applied_index"
        case firstIndex = "first_index"
        case lastIndex = "last_index"
    }

    var description: String {
        "\(node) \(role) term \(term) revision \(revision) applied \(appliedIndex) digest \(digest)"
    }
}
