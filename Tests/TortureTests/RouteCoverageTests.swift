import Foundation
import HistoryChecker
import LoadGenerator
import Testing

@testable import Torture

/// The torture's clients use all there is.
@Suite struct RouteCoverageTests {
    /// One invocation of each kind that the clients make, as in ``Writer``, ``Holder`` and ``Candidate``.
    private static let invocations: [Invocation] = {
        let offices = [Office(.elections, "name"), Office(.locks, "name")]
        return [
            .put(.init("key", "v")), .delete("key", .none), .clear("p"), .get("key", .newest), .list(.init("p")),
            .transaction(.init(if: [], then: [])), .grant(1, ttl: 900), .renew([1]), .renew([1, 2]), .revoke(1),
            .lease(1), .leases(start: 1, limit: 2),
        ]
            + offices.flatMap { office -> [Invocation] in
                [
                    .campaign(.init(office, "id", "v")), .resign(.init(office, "id")),
                    .offices(.standing(office, .newest)), .offices(.past(office, limit: 1)),
                    .offices(.list(office.kind, prefix: "", limit: 1)),
                ]
            }
    }()

    /// `METHOD path` of each; a watch has no invocation.
    private static let used: Set<String> = {
        let asked = invocations.map { invocation in
            let request = WireRequest(invocation, idempotencyKey: nil, time: .seconds(1)).loadRequest
            return "\(request.method) \(request.path.split(separator: "?")[0])"
        }
        return Set(asked + Visitor.pages.map { "GET \($0)" } + ["GET /v1/watch"])
    }()

    @Test func eachRouteOfTheContractIsUsed() throws {
        let contract = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Docs/openapi.yaml")
        var path = ""
        var routes: [String] = []
        for line in try String(contentsOf: contract, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("  /"), line.hasSuffix(":") { path = String(line.dropFirst(2).dropLast()) }
            for method in ["get", "put", "post", "delete"] where line == "    \(method):" {
                routes.append("\(method.uppercased()) \(path)")
            }
        }
        #expect(routes.count > 30)
        for route in routes { #expect(Self.used.contains { matches($0, route) }, "\(route) is not used") }
    }

    @Test func eachPathOfEtcdsGatewayForKeysLeasesElectionsAndLocksIsUsed() {
        let kv = ["range", "put", "deleterange", "txn", "compaction"].map { "/v3/kv/\($0)" }
        let lease = ["grant", "revoke", "keepalive", "timetolive", "leases"].map { "/v3/lease/\($0)" }
        let election = ["campaign", "proclaim", "leader", "observe", "resign"].map { "/v3/election/\($0)" }
        let used = Set(EtcdWireTests.invocations.map { EtcdRequest($0).path })
        #expect(used == Set(kv + lease + election + ["/v3/lock/lock", "/v3/lock/unlock"]))
    }

    private func matches(_ used: String, _ route: String) -> Bool {
        let parts = [used, route].map { $0.split(separator: "/", omittingEmptySubsequences: false) }
        return parts[0].count == parts[1].count
            && zip(parts[0], parts[1]).allSatisfy { part, wanted in wanted.hasPrefix("{") || part == wanted }
    }

    /// What a client that writes draws, in either API.
    @Test(arguments: [SpokenAPI.native, .etcd]) func aWriterDrawsEverythingThatConcernsKeys(_ api: SpokenAPI) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let requester = Requester(
            name: "c", api, nodes: [Endpoint(host: "127.0.0.1", port: 23_999)], preferring: 0,
            file: try HistoryFile(folder))
        var writer = Writer(requester, seed: 7)
        var kinds: Set<String> = []
        for _ in 0..<5_000 {
            let words = Operation(client: "c", node: "n", call: 0, end: 0, writer.choice(), .unknown).line
            kinds.insert(String(words.split(separator: " ")[5]))
        }
        let common: Set = ["put", "delete", "clear", "get", "list", "txn", "wait"]
        #expect(kinds == (api == .etcd ? common.union(["compact"]) : common))
    }
}
