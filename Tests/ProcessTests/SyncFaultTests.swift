import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    /// Members whose syncs hang or fail, and which lose what was not synced when they are killed.
    @Suite struct SyncFaultTests {
        /// What a leader is given before it is replaced (`invariants.md` 8).
        private static let threeElectionTimeouts = Duration.milliseconds(1200)

        @Test(.timeLimit(.minutes(2)), arguments: [1, 24])
        func aLeaderWhoseSyncHangsIsReplacedWithinThreeElectionTimeouts(writers: Int) async throws {
            try await withCluster(of: Sandbox.torturedMember) { cluster, client in
                let writing = Task { try await write(writers, through: client) }
                defer { writing.cancel() }
                var spans: [Duration] = []
                for _ in 0..<3 { spans.append(try await replacement(in: cluster, client)) }
                writing.cancel()
                _ = try await writing.value
                #expect(spans.sorted()[1] < Self.threeElectionTimeouts, "\(spans)")
            }
        }

        /// How long after its sync began to hang there was another leader.
        private func replacement(in cluster: LocalCluster, _ client: ClusterClient) async throws -> Duration {
            try await cluster.waitUntilReady(client)
            let (leader, term) = try await cluster.waitForLeader(client)
            let faults = SyncFaults(of: leader.dataDirectory.path)
            try faults.order(.hang)
            try await eventually("the leader's sync hangs", pause: .milliseconds(1)) { faults.isMet }
            let start = ContinuousClock.now
            try await NodeDoor.withDoor { door in
                let others = cluster.members.filter { $0 != leader }
                try await eventually("another member leads", pause: .milliseconds(2)) {
                    for member in others {
                        let report = try? await door.report(of: member)
                        if let report, report.role == "leader", report.term > term { return true }
                    }
                    return false
                }
            }
            let span = ContinuousClock.now - start
            try faults.order(nil)
            return span
        }

        /// Each writes one key after the other until it is cancelled.
        private func write(_ writers: Int, through client: ClusterClient) async throws {
            try await withThrowingTaskGroup { group in
                for writer in 0..<writers {
                    group.addTask {
                        for number in 0... {
                            if Task.isCancelled { return }
                            _ = try? await client.put(ByteString("w\(writer)"), ByteString("\(number)"))
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aKilledMemberHasWhatItAcknowledgedAndNotWhatItDidNotSync() async throws {
            try await withCluster(size: 1, of: Sandbox.torturedMember) { cluster, client in
                let member = cluster.members[0]
                let faults = SyncFaults(of: member.dataDirectory.path)
                try await client.put("kept", "v")
                try faults.order(.hang)
                try await NodeDoor.withDoor { door in
                    // Some hundred pages: that all of them get to the disk without a sync does not happen.
                    let large = [UInt8](repeating: 7, count: 500_000)
                    _ = try? await door.put("/v1/kv/lost?timeout=1s", large, of: member, within: .seconds(1))
                    #expect(faults.isMet)
                    try await cluster.kill(member)
                    try faults.order(nil)
                    try cluster.start(member)
                    try await cluster.waitUntilReady(client)
                    #expect(try await door.get("/v1/kv/kept", of: member).status == 200)
                    #expect(try await door.get("/v1/kv/lost", of: member).status == 404)
                }
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aMemberWhoseSyncFailsEndsAndAfterwardsServesAgain() async throws {
            try await withCluster(of: Sandbox.torturedMember) { cluster, client in
                for member in cluster.members {
                    let faults = SyncFaults(of: member.dataDirectory.path)
                    try faults.order(.fail)
                    for number in 0..<10 { try await client.put(ByteString("k\(number)"), "v") }
                    #expect(try await cluster.waitForExit(of: member, within: .seconds(15)) == .code(1))
                    #expect(cluster.logTail(of: member).contains("its disk failed"))
                    try faults.order(nil)
                    try cluster.start(member)
                    try await cluster.waitUntilReady(client)
                }
                let agreed = try await NodeDoor.withDoor { try await cluster.agreement($0) }
                #expect(agreed.keys == 10)
            }
        }
    }
}
