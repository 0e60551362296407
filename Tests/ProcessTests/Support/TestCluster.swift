import ConclaveClient
import Foundation
import LocalProcesses

@testable import conclave

/// Runs `body` with a cluster of real processes that serves; ends them all afterwards, whatever happens.
func withCluster<Result>(
    size: Int = 3, of executable: String = Sandbox.executable, arguments: [String] = [],
    _ body: (LocalCluster, ClusterClient) async throws -> Result
) async throws -> Result {
    let cluster = try LocalCluster(
        .conclave(executable, flags: arguments), at: Place.free(size),
        directory: try Sandbox.directory("cluster"))
    let client = ClusterClient(endpoints: cluster.endpoints)
    do {
        try cluster.startAll()
        try await cluster.waitUntilReady(client)
        let result = try await body(cluster, client)
        await client.shutdown()
        await cluster.shutdown()
        return result
    } catch {
        await client.shutdown()
        let logs = cluster.members.map { "\($0.name):\n\(cluster.logTail(of: $0))" }.joined(separator: "\n")
        await cluster.destroy()
        throw ClusterFailure("\(error)", log: logs)
    }
}

extension LocalCluster {
    /// All client addresses, as `--endpoints` takes them.
    var endpointList: String { endpoints.map(\.url).joined(separator: ",") }

    /// The state of all members once they have applied the same log as far and agree on its digest.
    func agreement(_ door: NodeDoor, within limit: Duration = .seconds(20)) async throws -> NodeReport {
        var reports: [NodeReport] = []
        do {
            try await eventually("all members have the same state", within: limit) {
                reports = []
                for member in members { reports.append(try await door.report(of: member)) }
                return Set(reports.map { [$0.digest, String($0.appliedIndex)] }).count == 1
            }
        } catch {
            throw ClusterFailure("\(error): \(reports)")
        }
        return reports[0]
    }
}
