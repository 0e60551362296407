import Exploration
import Primitives
import Testing

@testable import Consensus

/// Members whose data directory has not joined: `Docs/Decisions/0005-blank-members.md`.
@Suite struct BlankTests {
    /// Members of a cluster of which nobody has started before; those in `late` do not run yet.
    private func newCluster(_ count: Int, late: [Int] = []) -> TestCluster {
        var cluster = TestCluster(count)
        cluster.cutOff = Set(late.map { cluster.ids[$0] })
        for place in 0..<count where !late.contains(place) { begin(place, &cluster) }
        return cluster
    }

    /// A start on an empty data directory.
    private func begin(_ place: Int, directory: UInt64? = nil, _ cluster: inout TestCluster) {
        let id = cluster.ids[place]
        cluster.cutOff.remove(id)
        cluster.start(id, from: RecoveredLog(blank: DirectoryID(directory ?? UInt64(place) + 1)))
        // Those that asked before it was there ask again when they are connected to it.
        for other in cluster.ids where other != id && !cluster.cutOff.contains(other) {
            cluster.with(other) { raft, _, _ in raft.connected(id) }
            cluster.with(id) { raft, _, _ in raft.connected(other) }
        }
    }

    /// A cluster whose first member leads and has had `words` committed everywhere.
    private func runningCluster(_ count: Int, _ words: [String] = ["a", "b"]) -> TestCluster {
        var cluster = newCluster(count)
        cluster.settle()
        cluster.elect(cluster.ids[0])
        for word in words { cluster.propose(word, at: cluster.ids[0]) }
        cluster.run(for: .milliseconds(200))
        return cluster
    }

    private func joined(_ place: Int, _ cluster: TestCluster) -> [Notice] {
        cluster.notices[cluster.ids[place], default: []].filter { if case .joined = $0 { true } else { false } }
    }

    // MARK: A new cluster

    @Test(arguments: [1, 3, 5]) func aNewClusterFindsOutByItself(count: Int) {
        var cluster = newCluster(count)
        cluster.settle()
        #expect(cluster.ids.allSatisfy { !cluster.raft($0).isBlank && !cluster.raft($0).isDamaged })
        cluster.run(for: .seconds(2))
        #expect(cluster.leaders.count == 1)
        #expect(cluster.logs.values.allSatisfy { $0.blank == nil && $0.entries[0].isFirstConfiguration })
    }

    @Test func aMajorityIsEnoughAndTheLastIsBroughtUpToDate() {
        var cluster = newCluster(3, late: [2])
        cluster.run(for: .seconds(2))
        let leader = cluster.leaders[0]
        cluster.propose("a", at: leader)
        cluster.run(for: .milliseconds(200))
        begin(2, &cluster)
        #expect(cluster.raft(cluster.ids[2]).isDamaged)
        cluster.run(for: .milliseconds(500))
        #expect(joined(2, cluster).count == 1)
        #expect(joined(2, cluster) != [.joined(isNew: true, LogIndex(1))])
        #expect(cluster.commands(cluster.ids[2]) == ["a"])
        #expect(!cluster.raft(cluster.ids[2]).isDamaged)
    }

    @Test func aMinorityOfBlankMembersStaysBlank() {
        var cluster = newCluster(5, late: [2, 3, 4])
        cluster.run(for: .seconds(3))
        #expect(cluster.leaders.isEmpty)
        #expect(cluster.raft(cluster.ids[0]).isBlank && cluster.raft(cluster.ids[1]).isBlank)
    }

    @Test func whoWasSeenBlankByAFounderIsNewToo() {
        var cluster = newCluster(3, late: [2])
        cluster.slowDisks = [cluster.ids[1]]
        cluster.settle()
        #expect(!cluster.raft(cluster.ids[0]).isBlank)
        // The second dies before it has joined, and the first is not blank any more.
        #expect(cluster.logs[cluster.ids[1]]?.blank == DirectoryID(2))
        cluster.slowDisks = []
        begin(1, &cluster)
        cluster.settle()
        #expect(joined(1, cluster) == [.joined(isNew: true, LogIndex(1))])
        cluster.run(for: .seconds(2))
        #expect(cluster.leaders.count == 1)
    }

    @Test func afterACrashOfAllInTheMiddleTheySettleItAnew() {
        var cluster = newCluster(3)
        cluster.slowDisks = Set(cluster.ids)
        cluster.settle()
        cluster.slowDisks = []
        for place in 0..<3 { begin(place, &cluster) }
        cluster.run(for: .seconds(2))
        #expect(cluster.leaders.count == 1)
    }

    // MARK: A lost directory

    @Test func whoLostItsDirectoryElectsNobodyAndIsRepaired() {
        var cluster = runningCluster(3)
        let (first, second) = (cluster.ids[0], cluster.ids[1])
        cluster.cutOff = [first]
        begin(1, directory: 77, &cluster)
        cluster.run(for: .seconds(5))
        #expect(cluster.leaders.filter { $0 != first }.isEmpty)
        #expect(cluster.raft(second).isBlank)
        cluster.cutOff = []
        cluster.run(for: .seconds(3))
        #expect(cluster.leaders.count == 1)
        #expect(joined(1, cluster).last != joined(1, cluster).first)
        #expect(cluster.commands(second) == ["a", "b"])
        #expect(cluster.logs[second]?.blank == nil)
    }

    @Test func aDirectoryThatTookTheOthersPlaceIsVouchedForByNobody() {
        var cluster = runningCluster(3)
        cluster.cutOff = [cluster.ids[0]]
        begin(1, directory: 77, &cluster)
        let replay = Introduction(
            term: Term(1), directory: nil, holdsEntries: true, question: nil, answered: nil,
            firsts: (0..<3).map { FirstDirectory(member: cluster.ids[$0], directory: DirectoryID(UInt64($0) + 1)) },
            later: nil)
        cluster.receive(cluster.ids[1], .introduction(replay), from: cluster.ids[2])
        cluster.settle()
        #expect(cluster.raft(cluster.ids[1]).isBlank)
    }

    /// The third campaigned with the second's vote, which is still under way; the second loses all it had. As long as that
    /// vote can elect the third, the second must not help the first to commit anything.
    @Test func aForgottenVoteThatCanStillWinKeepsItsGiverFromCounting() {
        var cluster = runningCluster(3)
        let (first, second, third) = (cluster.ids[0], cluster.ids[1], cluster.ids[2])
        cluster.cutOff = [third]
        cluster.with(third) { raft, now, out in
            raft.becomeLooking(.newerTerm, term: raft.term.next, now: now, into: &out)
        }
        #expect(cluster.raft(third).term > cluster.raft(first).term)
        begin(1, directory: 77, &cluster)
        cluster.cutOff = [third]
        for _ in 0..<20 {
            cluster.with(first) { $0.receiveTick(&$2, $1) }
            cluster.settle()
        }
        #expect(cluster.raft(second).leader == first)
        #expect(cluster.raft(second).log.lastIndex == cluster.raft(first).log.lastIndex)
        #expect(cluster.raft(second).isBlank)
        let committed = cluster.raft(first).commitIndex
        cluster.propose("c", at: first)
        cluster.settle()
        #expect(cluster.raft(first).commitIndex == committed)
    }

    // MARK: Proof

    private func answer(
        to member: NodeID, directory: UInt64, question: UInt64? = nil, _ cluster: TestCluster
    ) -> Message {
        .introduction(
            Introduction(
                term: .zero, directory: DirectoryID(directory), holdsEntries: false, question: nil,
                answered: question ?? cluster.raft(member).doubt?.question, firsts: [], later: nil))
    }

    @Test func whoWasBlankAtOneTimeOrAnotherIsNoMajorityAtOnce() {
        var cluster = newCluster(5, late: [1, 2, 3, 4])
        let asker = cluster.ids[0]
        cluster.receive(asker, answer(to: asker, directory: 2, cluster), from: cluster.ids[1])
        cluster.receive(asker, answer(to: asker, directory: 3, cluster), from: cluster.ids[2])
        #expect(cluster.raft(asker).isBlank)
        // In the next round one of them has another directory.
        cluster.receive(asker, answer(to: asker, directory: 2, cluster), from: cluster.ids[1])
        cluster.receive(asker, answer(to: asker, directory: 9, cluster), from: cluster.ids[2])
        #expect(cluster.raft(asker).isBlank)
        // The same question is repeated a few times before there is another.
        for _ in 0..<5 {
            cluster.pass(.seconds(1))
            cluster.tick(asker)
        }
        cluster.receive(asker, answer(to: asker, directory: 2, cluster), from: cluster.ids[1])
        cluster.receive(asker, answer(to: asker, directory: 9, cluster), from: cluster.ids[2])
        #expect(!cluster.raft(asker).isBlank)
    }

    @Test func anAnswerToAnotherQuestionProvesNothing() {
        var cluster = newCluster(3, late: [1, 2])
        let asker = cluster.ids[0]
        for question in [nil, 5, 6, 7] as [UInt64?] {
            let other = question ?? cluster.raft(asker).doubt!.question
            cluster.receive(asker, answer(to: asker, directory: 2, question: other, cluster), from: cluster.ids[1])
        }
        #expect(cluster.raft(asker).isBlank)
        cluster.receive(asker, answer(to: asker, directory: 2, cluster), from: cluster.ids[1])
        #expect(!cluster.raft(asker).isBlank)
    }

    @Test func whereAnotherHoldsEntriesNobodyIsNew() {
        var cluster = newCluster(3, late: [1, 2])
        let asker = cluster.ids[0]
        let told = Introduction(
            term: Term(7), directory: nil, holdsEntries: true, question: nil, answered: nil, firsts: [], later: nil)
        cluster.receive(asker, .introduction(told), from: cluster.ids[2])
        for _ in 0..<3 {
            cluster.receive(asker, answer(to: asker, directory: 2, cluster), from: cluster.ids[1])
        }
        #expect(cluster.raft(asker).isBlank)
    }

    @Test func nothingIsPromisedBeforeItIsDurableThatTheDirectoryJoined() {
        var cluster = newCluster(3)
        cluster.slowDisks = Set(cluster.ids)
        cluster.settle()
        #expect(cluster.ids.allSatisfy { cluster.raft($0).isBlank && cluster.raft($0).isDamaged })
        cluster.run(for: .seconds(2))
        #expect(cluster.leaders.isEmpty)
        for id in cluster.ids { cluster.sync(id) }
        #expect(cluster.ids.allSatisfy { !cluster.raft($0).isBlank })
    }

    @Test func whatAMemberWaitsForIsSaid() {
        let cluster = newCluster(3, late: [1, 2])
        let raft = cluster.raft(cluster.ids[0])
        #expect(raft.explanation(at: cluster.now) { "\($0.rawValue)" }.contains("whether the cluster is new"))
    }
}

extension Raft {
    fileprivate mutating func receiveTick(_ out: inout RaftOutbox, _ now: Instant) {
        if case .leader = role { for index in leading.peers.indices { leading.peers[index].heartbeatDue = true } }
    }
}
