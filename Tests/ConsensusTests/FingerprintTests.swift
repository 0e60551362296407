import Primitives
import Testing

@testable import Consensus

@Suite struct FingerprintTests {
    /// A new property must be combined, or named here with the others on which no decision depends.
    @Test func everyPropertyIsCombinedOrLeftOutOnPurpose() {
        var cluster = TestCluster(3)
        guard case .looking(let looking) = cluster.raft(cluster.ids[0]).role else {
            Issue.record("a member that begins is looking")
            return
        }
        expectProperties(of: looking, combined: ["phase", "lost", "heard"], leftOut: ["deadline"])
        expectProperties(
            of: cluster.raft(cluster.ids[0]),
            combined: [
                "log", "commitIndex", "digestStamp", "needsSnapshot", "hardState", "role", "stableIndex",
                "unwrittenFrom", "hardStateIsDirty", "pendingReset", "promises", "writesInFlight", "waitingReads",
                "incoming", "doubt", "firsts",
            ],
            leftOut: [
                "id", "settings", "bounds", "generator", "configurations", "baseTime", "heardTime", "latestTime",
                "uncommittedBytes", "nextWrite", "nextReadBatch", "lastLed", "lastFlush", "courtesy", "inPlace",
            ])
        cluster.elect(cluster.ids[0])
        let leading = cluster.raft(cluster.ids[0]).leading
        expectProperties(
            of: leading, combined: ["peers", "noop", "round", "reads", "handOver", "mayBeCommitted"],
            leftOut: ["clock", "roundStarts", "arrivedRemoteReads", "nextHeartbeat", "wasForgiving"])
        expectProperties(
            of: leading.peers[0],
            combined: [
                "match", "next", "flow", "inFlight", "ackedRound", "sentCommit", "sentHeldByOthers",
                "heardSinceElection", "heartbeatDue",
                "counts", "priority", "asked",
            ], leftOut: ["id", "lastHeard", "roundTrip"])
        guard case .follower(let following) = cluster.raft(cluster.ids[1]).role else {
            Issue.record("a member that was told of a leader follows it")
            return
        }
        expectProperties(
            of: following,
            combined: ["leader", "wasForgiven", "verified", "heldByOthers", "owed", "acknowledged", "reads"],
            leftOut: ["lastHeard", "deadline", "announcesAt"])
    }

    @Test func aFingerprintTellsMembersApartAndNotTheirClocks() {
        var cluster = TestCluster(3)
        let before = print(of: cluster.raft(cluster.ids[0]))
        #expect(before == print(of: cluster.raft(cluster.ids[0])))
        cluster.elect(cluster.ids[0])
        let led = print(of: cluster.raft(cluster.ids[0]))
        #expect(led != before)
        cluster.pass(.milliseconds(10))
        cluster.flush(cluster.ids[0])
        #expect(print(of: cluster.raft(cluster.ids[0])) == led)
        cluster.propose("x", at: cluster.ids[0])
        #expect(print(of: cluster.raft(cluster.ids[0])) != led)
    }

    private func print(of raft: Raft) -> Fingerprint {
        var print = Fingerprint()
        raft.combine(into: &print)
        return print
    }

    private func expectProperties(of value: Any, combined: [String], leftOut: [String]) {
        let names = Mirror(reflecting: value).children.compactMap(\.label)
        #expect(Set(names) == Set(combined + leftOut))
    }
}
