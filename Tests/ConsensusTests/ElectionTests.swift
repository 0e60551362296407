import Primitives
import Testing

@testable import Consensus

@Suite struct ElectionTests {
    @Test func oneOfThreeIsElectedAndAllFollowIt() {
        var cluster = TestCluster(3)
        cluster.run(for: .seconds(2))
        #expect(cluster.leaders.count == 1)
        #expect(cluster.ids.allSatisfy { cluster.raft($0).leader == cluster.leaders.first })
    }

    @Test func aClusterOfOneLeadsItself() {
        var cluster = TestCluster(1)
        cluster.run(for: .milliseconds(100))
        cluster.propose("a", at: cluster.ids[0])
        #expect(cluster.raft(cluster.ids[0]).commitIndex == LogIndex(3))
    }

    @Test func aClusterOfOneCommitsNothingBeforeItsDiskSaysSo() {
        var cluster = TestCluster(1)
        cluster.run(for: .milliseconds(100))
        cluster.slowDisks = [cluster.ids[0]]
        let index = cluster.propose("a", at: cluster.ids[0])!
        #expect(cluster.raft(cluster.ids[0]).commitIndex < index)
        cluster.sync(cluster.ids[0])
        #expect(cluster.raft(cluster.ids[0]).commitIndex == index)
    }

    @Test func aVoteLeavesOnlyWhenItIsDurable() {
        var cluster = TestCluster(3)
        let (voter, candidate) = (cluster.ids[0], cluster.ids[1])
        cluster.mail = []
        cluster.slowDisks = [voter]
        let request = VoteRequest(term: Term(5), lastIndex: LogIndex(1), lastTerm: Term(1), handOver: false)
        cluster.receive(voter, .vote(request), from: candidate)
        #expect(cluster.mail.isEmpty)
        #expect(cluster.logs[voter]?.hardState.votedFor == nil)
        cluster.sync(voter)
        #expect(cluster.logs[voter]?.hardState == HardState(term: Term(5), votedFor: candidate))
        #expect(cluster.mail.map(\.message) == [.voteReply(VoteReply(term: Term(5), granted: true))])
    }

    @Test func aMemberVotesOncePerTermAlsoAfterARestart() {
        var cluster = TestCluster(3)
        let voter = cluster.ids[0]
        let request = VoteRequest(term: Term(5), lastIndex: LogIndex(1), lastTerm: Term(1), handOver: false)
        cluster.receive(voter, .vote(request), from: cluster.ids[1])
        cluster.restart(voter)
        cluster.mail = []
        cluster.receive(voter, .vote(request), from: cluster.ids[2])
        #expect(cluster.mail.map(\.message) == [.voteReply(VoteReply(term: Term(5), granted: false))])
        cluster.mail = []
        cluster.receive(voter, .vote(request), from: cluster.ids[1])
        #expect(cluster.mail.map(\.message) == [.voteReply(VoteReply(term: Term(5), granted: true))])
    }

    @Test func candidaciesLeaveOnlyWhenTheyAreDurable() {
        var cluster = TestCluster(3)
        let candidate = cluster.ids[0]
        cluster.slowDisks = [candidate]
        cluster.mail = []
        cluster.elect(candidate)
        #expect(!cluster.raft(candidate).isLeader)
        #expect(cluster.mail.isEmpty)
        cluster.sync(candidate)
        cluster.settle()
        #expect(cluster.raft(candidate).isLeader)
        #expect(cluster.logs[candidate]?.hardState.votedFor == candidate)
    }

    @Test func onlyAnUpToDateLogIsVotedFor() {
        var cluster = TestCluster(3)
        cluster.start(cluster.ids[0], from: log(ofTerms: [1, 2, 2], configuration: cluster.configuration))
        cluster.start(cluster.ids[1], from: log(ofTerms: [1, 1, 1, 1, 1], configuration: cluster.configuration))
        cluster.cutOff = [cluster.ids[2]]
        cluster.elect(cluster.ids[1])
        #expect(cluster.leaders.isEmpty)
        cluster.elect(cluster.ids[0])
        #expect(cluster.leaders == [cluster.ids[0]])
    }

    @Test func aMemberThatWasCutOffDoesNotDisturbALeaderWhenItReturns() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        let term = cluster.raft(cluster.ids[0]).term
        cluster.cutOff = [cluster.ids[2]]
        cluster.run(for: .seconds(10))
        #expect(cluster.raft(cluster.ids[2]).isLooking)
        cluster.cutOff = []
        cluster.run(for: .seconds(2))
        #expect(cluster.leaders == [cluster.ids[0]])
        #expect(cluster.ids.allSatisfy { cluster.raft($0).term == term })
    }

    @Test func aLeaderThatHearsNoMajorityGivesUp() {
        var cluster = TestCluster(5)
        cluster.elect(cluster.ids[0])
        cluster.cutOff = [cluster.ids[1], cluster.ids[2], cluster.ids[3]]
        cluster.run(for: .milliseconds(600))
        #expect(!cluster.raft(cluster.ids[0]).isLeader)
        #expect(cluster.notices[cluster.ids[0]]!.contains { $0 == .lookingForLeader(Term(2), .quorumLost) })
    }

    @Test func aLateAnswerDoesNotMakeAMemberUncountedAgain() {
        var cluster = TestCluster(3)
        let (leader, other) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.cutOff = [cluster.ids[2]]
        cluster.run(for: .seconds(2))
        let late = AppendReply(
            term: cluster.raft(leader).term, round: 1, outcome: .matching(through: LogIndex(1)), counts: false,
            needsSnapshot: false)
        cluster.receive(leader, .appendReply(late), from: other)
        cluster.run(for: .milliseconds(200))
        #expect(cluster.raft(leader).isLeader)
        #expect(!cluster.notices[leader]!.contains { $0 == .lookingForLeader(Term(2), .quorumLost) })
    }

    @Test func aLeaderWhoseDiskHangsGivesUp() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.slowDisks = [cluster.ids[0]]
        cluster.propose("a", at: cluster.ids[0])
        cluster.run(for: .seconds(1))
        #expect(!cluster.raft(cluster.ids[0]).isLeader)
        cluster.run(for: .seconds(2))
        #expect(cluster.leaders.count == 1 && cluster.leaders != [cluster.ids[0]])
    }

    @Test func whenTheLeadersProcessIsGoneNobodyWaitsForATimeOut() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.cutOff = [cluster.ids[0]]
        let gone = cluster.ids[0]
        for id in cluster.ids.dropFirst() {
            cluster.with(id) { $0.disconnected(gone, processIsGone: true, now: $1, into: &$2) }
        }
        cluster.run(for: .milliseconds(60))
        #expect(cluster.leaders.contains { $0 != cluster.ids[0] })
    }

    @Test func aResetAloneDoesNotUnseatALeaderThatOthersHear() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        let leader = cluster.ids[0]
        cluster.with(cluster.ids[1]) { $0.disconnected(leader, processIsGone: true, now: $1, into: &$2) }
        cluster.run(for: .seconds(1))
        #expect(cluster.leaders == [cluster.ids[0]])
        #expect(cluster.raft(cluster.ids[1]).term == Term(2))
    }

    @Test func aHandOverSeatsAMemberThatHasEverything() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.propose("a", at: cluster.ids[0])
        cluster.settle()
        cluster.with(cluster.ids[0]) { raft, now, out in #expect(raft.handOver(to: nil, now: now, into: &out) != nil) }
        #expect(cluster.propose("b", at: cluster.ids[0]) == nil)
        cluster.settle()
        #expect(cluster.leaders.count == 1 && cluster.leaders != [cluster.ids[0]])
        #expect(cluster.commands(cluster.leaders[0]) == ["a"])
    }

    @Test func aHandOverThatComesToNothingIsAbandoned() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.run(for: .milliseconds(200))
        let target = cluster.ids[1]
        cluster.with(cluster.ids[0]) { _ = $0.handOver(to: target, now: $1, into: &$2) }
        cluster.mail.removeAll { $0.message == .campaignNow(CampaignNow(term: Term(2))) }
        cluster.run(for: .milliseconds(500))
        #expect(cluster.leaders == [cluster.ids[0]])
        #expect(cluster.propose("b", at: cluster.ids[0]) != nil)
    }

    @Test func aLeaderWhoseDiskHangsNamesWhoHasMostOfTheLog() {
        var cluster = TestCluster(3)
        let (leader, behind, ahead) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.elect(leader)
        cluster.run(for: .milliseconds(200))
        cluster.slowDisks = [leader, behind]
        #expect(cluster.propose("a", at: leader) != nil)
        cluster.settle()
        cluster.sync(leader)
        cluster.settle()
        cluster.slowDisks = [leader]
        #expect(cluster.propose("b", at: leader) != nil)
        cluster.run(for: cluster.settings.diskPatience + cluster.settings.heartbeat * 2)
        // Long before anybody could have missed it.
        #expect(!cluster.raft(leader).isLeader)
        cluster.sync(behind)
        cluster.run(for: .milliseconds(20))
        #expect(cluster.leaders == [ahead])
    }

    @Test func aPausedFollowerReadsItsMailBeforeItLooksForALeader() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.pass(.seconds(5))
        cluster.tick(cluster.ids[1])
        #expect(!cluster.raft(cluster.ids[1]).isLooking)
        cluster.pass(.milliseconds(60))
        cluster.tick(cluster.ids[1])
        #expect(cluster.raft(cluster.ids[1]).isLooking)
    }
}
