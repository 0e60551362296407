import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct Snapshots {
        @Test(.timeLimit(.minutes(2)))
        func aMemberThatFellBehindTheLogIsBroughtUpWithASnapshotUnderWrites() async throws {
            try await NodeDoor.withDoor { door in
                try await withCluster { cluster, client in
                    let leader = try await cluster.waitForLeader(client).member
                    let others = cluster.members.filter { $0 != leader }
                    try await client.put("before", "1")
                    try await cluster.kill(others[0])
                    let left = try await door.report(of: leader).lastIndex
                    try await fill(leader, door, until: { $0.firstIndex > left + 1 })
                    let writer = Task { try await keepWriting(client) }
                    try cluster.start(others[0])
                    try await eventually("\(others[0].name) serves", within: .seconds(30)) {
                        await client.isReady(others[0].endpoint)
                    }
                    try await Task.sleep(for: .milliseconds(300))
                    writer.cancel()
                    let written = try await writer.value
                    let report = try await cluster.agreement(door)
                    #expect(report.keys >= 2)
                    #expect(cluster.logTail(of: others[0], lines: 100).contains("installed a snapshot"))
                    let direct = ClusterClient(endpoints: [others[0].endpoint])
                    #expect(try await direct.get("during")?.value == ByteString("\(written)"))
                    #expect(try await direct.get("before")?.value == "1")
                    await direct.shutdown()
                }
            }
        }

        /// Large values until the log, which keeps a bounded number of bytes, has let go of what a member lacks.
        private func fill(
            _ leader: LocalCluster.Member, _ door: NodeDoor, until isCut: (NodeReport) -> Bool
        ) async throws {
            let value = [UInt8](repeating: 7, count: 768 * 1024)
            let deadline = ContinuousClock.now + .seconds(40)
            for number in 0... {
                let answer = try await door.put("/v1/kv/fill/\(number % 8)", value, of: leader)
                guard answer.status < 300 else { throw ClusterFailure("status \(answer.status)") }
                if number > 30, isCut(try await door.report(of: leader)) { return }
                guard ContinuousClock.now < deadline else { throw ClusterFailure("the log is not cut") }
                if number > 60 { try await Task.sleep(for: .milliseconds(200)) }
            }
        }

        /// Returns the last number written.
        private func keepWriting(_ client: ClusterClient) async throws -> Int {
            var number = 0
            while !Task.isCancelled {
                let next = number + 1
                // Not cancelled on the way: its outcome would be unknown.
                try await Task { _ = try await client.put("during", ByteString("\(next)")) }.value
                number = next
            }
            return number
        }
    }
}
