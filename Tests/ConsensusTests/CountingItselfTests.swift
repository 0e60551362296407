import Primitives
import Testing

@testable import Consensus

/// A follower knows by its own disk, and by what it was told of the others', what is committed.
@Suite struct CountingItselfTests {
    private let isAcknowledgement: (Message) -> Bool = { if case .appendReply = $0 { true } else { false } }
    private let vouchesForTheThird: (Message) -> Bool = { message in
        if case .appendReply(let reply) = message { reply.outcome == .matching(through: LogIndex(3)) } else { false }
    }

    private func heldByOthers(_ raft: Raft) -> LogIndex? {
        if case .follower(let following) = raft.role { following.heldByOthers } else { nil }
    }

    @Test func aFollowerThatHoldsWhatItsLeaderHoldsKnowsThatItIsCommittedBeforeTheLeaderDoes() {
        var cluster = TestCluster(3)
        let (leader, follower) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.isLost = isAcknowledgement
        let index = cluster.propose("a", at: leader)!
        cluster.settle()
        #expect(cluster.raft(follower).commitIndex == index)
        #expect(cluster.raft(leader).commitIndex < index)
    }

    @Test func aFollowerCountsItselfOnlyWhenItsDiskHasTheEntries() {
        var cluster = TestCluster(3)
        let (leader, follower) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.isLost = isAcknowledgement
        cluster.slowDisks = [follower]
        let index = cluster.propose("a", at: leader)!
        cluster.settle()
        #expect(cluster.raft(follower).commitIndex < index)
        cluster.sync(follower)
        #expect(cluster.raft(follower).commitIndex == index)
    }

    @Test func aLeaderVouchesForItsOwnDiskOnlyWhenItHasTheEntries() {
        var cluster = TestCluster(3)
        let (leader, follower) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.isLost = isAcknowledgement
        cluster.slowDisks = [leader]
        let index = cluster.propose("a", at: leader)!
        cluster.settle()
        #expect(cluster.raft(follower).commitIndex < index)
        cluster.sync(leader)
        cluster.settle()
        #expect(cluster.raft(follower).commitIndex == index)
    }

    /// Raft figure 8, seen by a follower.
    @Test func aFollowerThatCountsItselfCommitsNoEntryOfAnOlderTerm() {
        var cluster = TestCluster(3)
        cluster.bringOlderEntryWithoutOwn(cluster.ids[0])
        for follower in cluster.ids.dropFirst() {
            #expect(heldByOthers(cluster.raft(follower)) == LogIndex(3))
            #expect(cluster.raft(follower).stableIndex == LogIndex(2))
            #expect(cluster.raft(follower).commitIndex == .zero)
        }
    }

    @Test func aMemberInDoubtDoesNotCountItself() {
        var cluster = TestCluster(3)
        let (leader, damaged) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.propose("a", at: leader)
        cluster.settle()
        cluster.cutOff = [cluster.ids[2]]
        cluster.restart(damaged, isDamaged: true, losing: 1)
        cluster.with(leader) { raft, _, _ in raft.connected(damaged) }
        let index = cluster.propose("b", at: leader)!
        cluster.settle()
        #expect(cluster.raft(damaged).stableIndex >= index)
        #expect(cluster.raft(damaged).isDamaged)
        #expect(cluster.raft(damaged).commitIndex < index)
        #expect(cluster.raft(leader).commitIndex < index)
    }

    /// The first leads, the third's disk is slow, two are cut off, and an entry is proposed.
    private func fiveOfWhichThreeAreLeft() -> (cluster: TestCluster, index: LogIndex) {
        var cluster = TestCluster(5)
        cluster.elect(cluster.ids[0])
        cluster.cutOff = [cluster.ids[3], cluster.ids[4]]
        cluster.slowDisks = [cluster.ids[2]]
        let index = cluster.propose("a", at: cluster.ids[0])!
        return (cluster, index)
    }

    @Test func ofFiveMembersTwoOthersMustHoldWhatAFollowerHolds() {
        let (begun, index) = fiveOfWhichThreeAreLeft()
        var cluster = begun
        let (leader, first, second) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.settle()
        #expect(cluster.raft(first).commitIndex < index)
        // The leader and the first hold it: the second makes them three, and the leader need not hear of it.
        cluster.isLost = isAcknowledgement
        cluster.sync(second)
        cluster.settle()
        #expect(cluster.raft(second).commitIndex == index)
        #expect(cluster.raft(leader).commitIndex < index)
        #expect(cluster.raft(first).commitIndex < index)
    }

    @Test func ofFiveMembersALeaderWhoseDiskIsBehindVouchesForWhatItHas() {
        let (begun, index) = fiveOfWhichThreeAreLeft()
        var cluster = begun
        let (leader, first, second) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.slowDisks = [leader, second]
        cluster.propose("b", at: leader)
        cluster.settle()
        #expect(cluster.raft(leader).leading.peers.first { $0.id == first }?.match == index.next)
        #expect(cluster.raft(leader).heldByOthers(than: second) == index)
    }

    @Test func whatAnEarlierLeaderToldIsForgottenWithIt() {
        var cluster = TestCluster(3)
        let (old, next, follower) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.elect(old)
        let told = HeldByOthers(term: cluster.raft(old).term, index: LogIndex(9))
        cluster.receive(follower, .heldByOthers(told), from: old)
        #expect(heldByOthers(cluster.raft(follower)) == LogIndex(9))
        cluster.cutOff = [old]
        cluster.mail = []
        cluster.elect(next)
        #expect(cluster.raft(next).isLeader)
        #expect(cluster.raft(follower).leader == next)
        #expect(heldByOthers(cluster.raft(follower)) == cluster.raft(next).log.lastIndex)
    }

    @Test func aMemberThatKnowsByItselfIsNotToldOnceMore() {
        var cluster = TestCluster(3)
        let leader = cluster.ids[0]
        cluster.elect(leader)
        cluster.run(for: .milliseconds(200))
        let (appends, news) = (Counter(), Counter())
        cluster.isLost = { message in
            if case .append = message { appends.value += 1 }
            if case .heldByOthers = message { news.value += 1 }
            return false
        }
        let index = cluster.propose("a", at: leader)!
        cluster.settle()
        #expect(cluster.ids.allSatisfy { cluster.raft($0).commitIndex == index })
        #expect(appends.value == 2)
        #expect(news.value == 2)
    }

    /// A release that does not know the message, or a connection that lost it.
    @Test func aMemberThatMissesTheNewsHearsOfTheCommitIndexFromTheNextAppend() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.isLost = { if case .heldByOthers = $0 { true } else { false } }
        let index = cluster.propose("a", at: cluster.ids[0])!
        cluster.settle()
        #expect(cluster.raft(cluster.ids[1]).commitIndex < index)
        cluster.run(for: Settings().heartbeat)
        #expect(cluster.raft(cluster.ids[1]).commitIndex == index)
    }

    @Test func whatSomebodyElseThanTheLeaderSaysOfOthersCountsForNothing() {
        var cluster = TestCluster(3)
        let (leader, follower, other) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.elect(leader)
        cluster.slowDisks = [leader]
        cluster.isLost = isAcknowledgement
        let index = cluster.propose("a", at: leader)!
        cluster.settle()
        let term = cluster.raft(leader).term
        cluster.receive(follower, .heldByOthers(HeldByOthers(term: term, index: index)), from: other)
        let stale = HeldByOthers(term: Term(term.rawValue - 1), index: index)
        cluster.receive(follower, .heldByOthers(stale), from: leader)
        #expect(cluster.raft(follower).commitIndex < index)
        cluster.receive(follower, .heldByOthers(HeldByOthers(term: term, index: index)), from: leader)
        #expect(cluster.raft(follower).commitIndex == index)
    }

    @Test func aReadAtTheLeaderWaitsForWhatAFollowerMayHaveAnsweredFor() {
        var cluster = TestCluster(3)
        let (leader, follower) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.cutOff = [cluster.ids[2]]
        cluster.isLost = vouchesForTheThird
        let index = cluster.propose("a", at: leader)!
        #expect(index == LogIndex(3))
        cluster.settle()
        #expect(cluster.raft(follower).commitIndex == index)
        #expect(cluster.raft(leader).commitIndex < index)
        // The follower's answer proves that this one still leads, but says nothing of its log.
        cluster.with(leader) { raft, _, _ in raft.requestRead(ReadID(rawValue: 1)) }
        cluster.mail = []
        let round = AppendReply(
            term: cluster.raft(leader).term, round: cluster.raft(leader).leading.round,
            outcome: .matching(through: .zero), counts: true, needsSnapshot: false)
        cluster.receive(leader, .appendReply(round), from: follower)
        #expect(cluster.readyReads[leader]?.isEmpty != false)
        cluster.isLost = { _ in false }
        cluster.run(for: .milliseconds(100))
        #expect(cluster.readyReads[leader]?.map(\.1) == [index])
    }

    @Test func aFollowersReadThatCameAfterAnotherFollowersAnswerSeesIt() {
        var cluster = TestCluster(3)
        let (leader, writer, reader) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.elect(leader)
        cluster.isLost = vouchesForTheThird
        let index = cluster.propose("a", at: leader)!
        cluster.settle()
        #expect(cluster.raft(writer).commitIndex == index)
        cluster.with(reader) { raft, _, _ in raft.requestRead(ReadID(rawValue: 1)) }
        cluster.settle()
        cluster.isLost = { _ in false }
        cluster.run(for: .milliseconds(100))
        #expect(cluster.readyReads[reader]?.map(\.1) == [index])
    }
}
