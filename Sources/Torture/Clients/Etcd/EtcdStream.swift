import AsyncHTTPClient
internal import Foundation
import LoadGenerator
import NIOCore

/// An endless answer of etcd's gateway, line by line.
struct EtcdStream: Sendable {
    private let client: HTTPClient

    /// - Parameter silence: after which a stream counts as broken.
    init(silence: TimeAmount) {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .milliseconds(900), read: silence))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func shutdown() async { try? await client.shutdown() }

    /// Asks once, and hands each line on until `take` says that it is enough. Throws when the stream breaks.
    func read(
        _ path: String, _ body: String, at endpoint: Endpoint, _ take: (Data) throws -> Bool
    ) async throws {
        var request = HTTPClientRequest(url: "http://\(endpoint.host):\(endpoint.port)\(path)")
        request.method = .POST
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await client.execute(request, deadline: .distantFuture)
        guard response.status == .ok else { throw Broken(reason: "status \(response.status.code)") }
        var line = Data()
        for try await piece in response.body {
            for byte in piece.readableBytesView {
                if byte != UInt8(ascii: "\n") {
                    line.append(byte)
                    continue
                }
                guard try take(line) else { return }
                line.removeAll(keepingCapacity: true)
            }
        }
        throw Broken(reason: "it ended")
    }

    /// The first message of an endless answer, as if it were a whole one.
    static func first(of request: LoadRequest, at endpoint: Endpoint, within time: TimeAmount) async throws -> Answer {
        let stream = EtcdStream(silence: time)
        var found: Answer?
        do {
            try await stream.read(request.path, String(buffer: request.body), at: endpoint) { line in
                let piece = try JSONSerialization.jsonObject(with: line) as? [String: Any]
                let isError = piece?["error"] != nil
                guard let message = piece?["result"] ?? piece?["error"] else { throw Broken(reason: "no result") }
                let body = ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: message))
                found = Answer(status: isError ? 500 : 200, body: body)
                return false
            }
        } catch {
            if found == nil {
                await stream.shutdown()
                throw error
            }
        }
        await stream.shutdown()
        guard let found else { throw Broken(reason: "nothing came") }
        return found
    }

    struct Broken: Error {
        var reason: String
    }
}
