import Primitives
import Testing

@testable import Consensus

@Suite struct ReadTests {
    private let read = ReadID(rawValue: 1)

    @Test func aReadIsProvenByARoundThatBeganAfterIt() {
        var cluster = TestCluster(3)
        let leader = cluster.ids[0]
        cluster.elect(leader)
        cluster.run(for: .milliseconds(200))
        let stale = cluster.raft(leader).leading.round
        cluster.mail = []
        cluster.with(leader) { raft, _, _ in raft.requestRead(read) }
        let reply = AppendReply(
            term: cluster.raft(leader).term, round: stale,
            outcome: .matching(through: cluster.raft(leader).log.lastIndex), counts: true, needsSnapshot: false)
        cluster.receive(leader, .appendReply(reply), from: cluster.ids[1])
        cluster.receive(leader, .appendReply(reply), from: cluster.ids[2])
        #expect(cluster.readyReads[leader]!.isEmpty)
        cluster.settle()
        #expect(cluster.readyReads[leader]!.map(\.0) == [read])
    }

    @Test func aRoundThatWasNeverBegunProvesNothing() {
        var cluster = TestCluster(3)
        let leader = cluster.ids[0]
        cluster.elect(leader)
        let reply = AppendReply(
            term: cluster.raft(leader).term, round: .max,
            outcome: .matching(through: cluster.raft(leader).log.lastIndex), counts: true, needsSnapshot: false)
        cluster.receive(leader, .appendReply(reply), from: cluster.ids[1])
        cluster.mail = []
        cluster.cutOff = [cluster.ids[1], cluster.ids[2]]
        cluster.with(leader) { raft, _, _ in raft.requestRead(read) }
        cluster.settle()
        #expect(cluster.readyReads[leader]!.isEmpty)
    }

    @Test func aNewLeaderAnswersReadsOnlyOnceItsNoopIsCommitted() {
        var cluster = TestCluster(3)
        let leader = cluster.ids[0]
        cluster.slowDisks = Set(cluster.ids)
        cluster.elect(leader)
        for _ in 0..<2 {
            for id in cluster.ids { cluster.sync(id) }
            cluster.settle()
        }
        var raft = cluster.raft(leader)
        #expect(raft.isLeader)
        raft.commitIndex = .zero
        var out = RaftOutbox()
        raft.requestRead(read)
        raft.flush(now: cluster.now, into: &out)
        for peer in cluster.ids.dropFirst() {
            let reply = AppendReply(
                term: raft.term, round: raft.leading.round,
                outcome: .mismatch(previous: LogIndex(9), hint: .zero, hintTerm: .zero), counts: true,
                needsSnapshot: false)
            raft.leading.peers = raft.leading.peers.map { progress in
                var progress = progress
                progress.match = .zero
                return progress
            }
            raft.receive(.appendReply(reply), from: peer, now: cluster.now, into: &out)
        }
        #expect(out.readyReads.isEmpty)
    }

    @Test func aFollowersReadWaitsForWhatTheLeaderHadCommitted() {
        var cluster = TestCluster(3)
        let (leader, follower) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.propose("a", at: leader)
        cluster.settle()
        cluster.with(follower) { raft, _, _ in raft.requestRead(read) }
        cluster.settle()
        #expect(cluster.readyReads[follower]!.map(\.0) == [read])
        #expect(cluster.readyReads[follower]!.map(\.1) == [cluster.raft(leader).commitIndex])
    }

    @Test func aFollowersReadIsAskedAgainWhenTheQuestionWasLost() {
        var cluster = TestCluster(3)
        let follower = cluster.ids[1]
        cluster.elect(cluster.ids[0])
        cluster.with(follower) { raft, _, _ in raft.requestRead(read) }
        cluster.mail = []
        cluster.run(for: .milliseconds(300))
        #expect(cluster.readyReads[follower]!.map(\.0) == [read])
    }

    @Test func aLeaderThatWasReplacedProvesNothing() {
        var cluster = TestCluster(3)
        let old = cluster.ids[0]
        cluster.elect(old)
        cluster.cutOff = [old]
        cluster.elect(cluster.ids[1])
        #expect(cluster.raft(cluster.ids[1]).isLeader)
        cluster.with(old) { raft, _, _ in raft.requestRead(read) }
        cluster.cutOff = []
        cluster.settle()
        #expect(!cluster.raft(old).isLeader)
        #expect(cluster.readyReads[old]!.isEmpty)
    }
}
