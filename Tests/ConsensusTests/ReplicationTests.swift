import Primitives
import Testing

@testable import Consensus

@Suite struct ReplicationTests {
    /// Raft figure 7: a new leader of term 8 and six followers whose logs lack entries, have more, or both.
    @Test(arguments: [
        [1, 1, 1, 4, 4, 5, 5, 6, 6],
        [1, 1, 1, 4],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        [1, 1, 1, 4, 4, 4, 4],
        [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ])
    func everyFollowerOfFigureSevenComesToEqualTheLeader(_ terms: [UInt64]) {
        var cluster = TestCluster(3)
        let (leader, follower) = (cluster.ids[0], cluster.ids[1])
        let own: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        for id in [leader, cluster.ids[2]] {
            cluster.start(
                id, from: log(ofTerms: own, configuration: cluster.configuration, vote: HardState(term: Term(7))))
        }
        cluster.start(follower, from: log(ofTerms: terms, configuration: cluster.configuration))
        cluster.elect(leader)
        cluster.run(for: .seconds(1))
        #expect(cluster.leaders == [leader])
        let (a, b) = (cluster.raft(leader).log, cluster.raft(follower).log)
        #expect(a.suffix(from: LogIndex(1)) == b.suffix(from: LogIndex(1)))
        #expect(cluster.logs[follower]?.entries == b.suffix(from: LogIndex(1)))
    }

    /// Raft figure 8: an entry of an older term on a majority is not committed until one of the leader's own is.
    @Test func anEntryOfAnOlderTermIsNotCommittedByCounting() {
        var cluster = TestCluster(3)
        let leader = cluster.ids[0]
        cluster.bringOlderEntryWithoutOwn(leader)
        #expect(cluster.ids.allSatisfy { cluster.raft($0).log.term(at: LogIndex(2)) == Term(2) })
        #expect(cluster.raft(leader).isLeader)
        #expect(cluster.raft(leader).commitIndex == .zero)
        cluster.isLost = { _ in false }
        cluster.run(for: .milliseconds(100))
        #expect(cluster.raft(leader).commitIndex == LogIndex(3))
    }

    @Test func anAcknowledgementLeavesOnlyWhenItsEntriesAreDurable() {
        var cluster = TestCluster(3)
        let (leader, follower) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.cutOff = [cluster.ids[2]]
        cluster.slowDisks = [follower]
        let index = cluster.propose("a", at: leader)!
        cluster.settle()
        #expect(cluster.raft(follower).log.lastIndex == index)
        #expect(cluster.raft(leader).commitIndex < index)
        cluster.sync(follower)
        cluster.settle()
        #expect(cluster.raft(leader).commitIndex == index)
    }

    @Test func newsOfTheCommitIndexAloneIsNotAcknowledgedAndAHeartbeatIs() {
        var cluster = TestCluster(3)
        let (leader, follower) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        cluster.run(for: .milliseconds(200))
        let acknowledgements = Counter()
        cluster.isLost = { message in
            if case .appendReply = message { acknowledgements.value += 1 }
            return false
        }
        let index = cluster.propose("a", at: leader)!
        cluster.settle()
        #expect(cluster.raft(follower).commitIndex == index)
        #expect(acknowledgements.value == 2)
        cluster.run(for: Settings().heartbeat)
        #expect(acknowledgements.value == 4)
    }

    @Test func aLeadersSlowDiskDoesNotHoldUpAMajorityOfOthers() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.slowDisks = [cluster.ids[0]]
        let index = cluster.propose("a", at: cluster.ids[0])!
        cluster.settle()
        #expect(cluster.raft(cluster.ids[0]).commitIndex == index)
    }

    @Test func aConnectionAfterAnElectionDoesNotSendTheWholeLogAgain() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        for number in 0..<50 { cluster.propose("\(number)", at: cluster.ids[0]) }
        cluster.settle()
        cluster.cutOff = [cluster.ids[0]]
        cluster.isLost = { if case .appendReply = $0 { true } else { false } }
        cluster.elect(cluster.ids[1])
        #expect(cluster.raft(cluster.ids[1]).isLeader)
        cluster.mail = []
        let peer = cluster.ids[2]
        cluster.with(cluster.ids[1]) { raft, _, _ in raft.connected(peer) }
        for case (_, cluster.ids[2], .append(let append)) in cluster.mail { #expect(append.entries.count <= 1) }
        #expect(cluster.mail.contains { $0.to == cluster.ids[2] })
    }

    @Test func clusterTimeGoesOnFromTheLogAndNotFromAnotherBranch() {
        var cluster = TestCluster(3)
        let (cut, quick, witness) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.elect(cut)
        cluster.run(for: .milliseconds(200))
        // The witness hears ten seconds of the old leader that the next one does not.
        cluster.cutOff = [quick]
        cluster.run(for: .seconds(10))
        let ahead = cluster.raft(witness).clusterTime(at: cluster.now)
        cluster.cutOff = [cut]
        cluster.elect(quick)
        #expect(cluster.leaders.contains(quick))
        cluster.propose("grant", at: quick)
        cluster.settle()
        let granted = cluster.raft(quick).clusterTime(at: cluster.now)
        #expect(granted < ahead)
        // Whoever leads next counts from the grant on: else what was granted would end ten seconds early.
        cluster.run(for: .seconds(1))
        cluster.cutOff = [quick]
        cluster.elect(witness)
        #expect(cluster.raft(witness).isLeader)
        let elapsed = cluster.raft(witness).clusterTime(at: cluster.now) - granted
        #expect(elapsed <= .seconds(3))
    }

    @Test func clusterTimeGoesOnFromHeartbeatsOfTheLeaderOfTheLog() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.run(for: .seconds(10))
        let before = cluster.raft(cluster.ids[0]).clusterTime(at: cluster.now)
        cluster.cutOff = [cluster.ids[0]]
        cluster.elect(cluster.ids[1])
        #expect(cluster.raft(cluster.ids[1]).isLeader)
        let after = cluster.raft(cluster.ids[1]).clusterTime(at: cluster.now)
        #expect(before - after <= .milliseconds(100))
    }

    // MARK: Damage

    @Test func aDamagedMemberNeitherVotesNorCampaigns() {
        var cluster = TestCluster(3)
        cluster.restart(cluster.ids[0], isDamaged: true)
        cluster.mail = []
        let request = VoteRequest(term: Term(5), lastIndex: LogIndex(9), lastTerm: Term(4), handOver: false)
        cluster.receive(cluster.ids[0], .vote(request), from: cluster.ids[1])
        cluster.receive(cluster.ids[0], .preVote(request), from: cluster.ids[1])
        cluster.pass(.seconds(10))
        cluster.tick(cluster.ids[0])
        // It only asks for what repairs it.
        #expect(!cluster.mail.isEmpty)
        #expect(cluster.mail.allSatisfy { if case .introduction = $0.message { true } else { false } })
    }

    /// A leader that answers a damaged member's question has appended an entry since.
    private func later(_ index: UInt64, than question: UInt64, at leader: Raft) -> Message {
        .introduction(
            Introduction(
                term: leader.term, directory: nil, holdsEntries: true, question: nil, answered: question, firsts: [],
                later: LogIndex(index)))
    }

    private func append(_ entries: ClosedRange<UInt64>, of leader: Raft, commit: UInt64? = nil) -> Message {
        let previous = LogIndex(entries.lowerBound - 1)
        return .append(
            Append(
                term: leader.term, previousIndex: previous, previousTerm: leader.log.term(at: previous)!,
                entries: entries.map { leader.log[LogIndex($0)] },
                commit: commit.map { LogIndex($0) } ?? leader.commitIndex, round: 1, roundIsUrgent: false, time: .zero,
                digestIndex: .zero, digest: 0))
    }

    @Test func aDamagedMemberDoesNotCountUntilItHoldsAllThatIsCommitted() {
        var cluster = TestCluster(3)
        let (leader, damaged, other) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.elect(leader)
        for text in ["a", "b", "c", "d"] { cluster.propose(text, at: leader) }
        cluster.settle()
        cluster.cutOff = [other]
        cluster.restart(damaged, isDamaged: true, losing: 4)
        let raft = cluster.raft(leader)
        cluster.receive(damaged, later(6, than: cluster.raft(damaged).doubt!.question, at: raft), from: leader)
        // The first of the lost entries is of the leader's own term, but it is not all.
        cluster.receive(damaged, append(3...3, of: raft), from: leader)
        cluster.flush(damaged)
        #expect(cluster.raft(damaged).isDamaged)
        cluster.receive(damaged, append(4...6, of: raft), from: leader)
        cluster.flush(damaged)
        #expect(cluster.raft(damaged).isDamaged == false)
    }

    /// All that it lost is there again, and committed, as far as an old message of its leader knows; but the last entry was
    /// committed by its word.
    @Test func aMessageFromBeforeItAskedDoesNotRepairADamagedMember() {
        var cluster = TestCluster(3)
        let (leader, damaged, other) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.elect(leader)
        cluster.cutOff = [other]
        for text in ["a", "b"] { cluster.propose(text, at: leader) }
        cluster.settle()
        let raft = cluster.raft(leader)
        #expect(raft.commitIndex == LogIndex(4))
        cluster.restart(damaged, isDamaged: true, losing: 2)
        cluster.receive(damaged, append(3...3, of: raft, commit: 3), from: leader)
        cluster.flush(damaged)
        #expect(cluster.raft(damaged).commitIndex == LogIndex(3))
        #expect(cluster.raft(damaged).isDamaged)
        // Nor does the answer to a question of an earlier life.
        let asked = cluster.raft(damaged).doubt!.question
        cluster.receive(damaged, later(3, than: asked &+ 1, at: raft), from: leader)
        #expect(cluster.raft(damaged).isDamaged)
        cluster.cutOff = []
        cluster.mail = []
        cluster.with(leader) { raft, _, _ in raft.connected(damaged) }
        cluster.run(for: .seconds(1))
        #expect(cluster.raft(damaged).isDamaged == false)
        #expect(cluster.commands(damaged) == ["a", "b"])
        #expect(cluster.raft(damaged).log.lastIndex > LogIndex(4))
    }

    @Test func aDamagedMemberIsNotRepairedByAMessageThatDoesNotFitItsLog() {
        var cluster = TestCluster(3)
        let (leader, damaged) = (cluster.ids[0], cluster.ids[1])
        cluster.elect(leader)
        for text in ["a", "b", "c"] { cluster.propose(text, at: leader) }
        cluster.settle()
        cluster.restart(damaged, isDamaged: true, losing: 2)
        let raft = cluster.raft(leader)
        cluster.receive(damaged, later(5, than: cluster.raft(damaged).doubt!.question, at: raft), from: leader)
        let position = SnapshotPosition(
            index: LogIndex(5), term: raft.term, time: .zero, configuration: cluster.configuration)
        let chunk = SnapshotChunk(term: raft.term, position: position, number: 0, bytes: [], isLast: true, round: 1)
        let heartbeat = Append(
            term: raft.term, previousIndex: .zero, previousTerm: .zero, entries: [], commit: LogIndex(5), round: 2,
            roundIsUrgent: false, time: .zero, digestIndex: .zero, digest: 0)
        // While the snapshot is being written, and what it has agrees with the leader as far as it goes.
        cluster.members[damaged]!.commitIndex = LogIndex(3)
        cluster.receive(damaged, .snapshotChunk(chunk), from: leader)
        cluster.receive(damaged, .append(heartbeat), from: leader)
        #expect(cluster.raft(damaged).isDamaged)
        cluster.with(damaged) { $0.snapshotInstalled(at: position, now: $1, into: &$2) }
        cluster.flush(damaged)
        #expect(!cluster.raft(damaged).isDamaged)
    }

    // MARK: Bounds

    @Test func uncommittedBytesAreCountedUntilTheyAreCommitted() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        cluster.cutOff = [cluster.ids[1], cluster.ids[2]]
        cluster.propose(String(repeating: "x", count: 1000), at: cluster.ids[0])
        #expect(cluster.raft(cluster.ids[0]).uncommittedBytes > 1000)
        cluster.cutOff = []
        cluster.mail = []
        cluster.run(for: .milliseconds(300))
        #expect(cluster.ids.allSatisfy { cluster.raft($0).uncommittedBytes == 0 })
    }
}
