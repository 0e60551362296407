import Primitives
import Testing

@testable import Consensus

@Suite struct RankedElectionTests {
    private static func best(_ cluster: TestCluster) -> NodeID { cluster.ids.max()! }

    @Test func allBackTheMemberThatRanksHighest() {
        var cluster = TestCluster(5, election: .ranked)
        cluster.run(for: .seconds(1))
        #expect(cluster.leaders == [Self.best(cluster)])
        #expect(cluster.ids.allSatisfy { cluster.raft($0).term == Term(2) }, "one campaign was enough")
    }

    @Test func amongEqualLogsTheHighestPriorityGoesFirst() {
        var cluster = TestCluster(5, election: .ranked, priorities: [100, 100, 150, 100, 100])
        cluster.run(for: .seconds(1))
        #expect(cluster.leaders == [cluster.ids[2]])
    }

    @Test func aLongerLogGoesBeforeAPriorityAndHandsOverOnce() {
        var cluster = TestCluster(3, election: .ranked, priorities: [100, 200, 100])
        cluster.start(cluster.ids[0], from: log(ofTerms: [1, 2, 2], configuration: cluster.configuration))
        cluster.run(for: .milliseconds(500))
        #expect(cluster.leaders == [cluster.ids[0]])
        cluster.run(for: .seconds(3))
        #expect(cluster.leaders == [cluster.ids[1]])
        let term = cluster.raft(cluster.ids[1]).term
        cluster.run(for: .seconds(120))
        #expect(cluster.raft(cluster.ids[1]).term == term)
        #expect(honoured(cluster) == 1)
    }

    /// Rule 9: whoever is dead, the rest elects.
    @Test(arguments: [ElectionStrategy.randomized, .ranked])
    func everySubsetOfTheHighestRanksMayBeDead(_ election: ElectionStrategy) {
        for dead in 0...31 where dead.nonzeroBitCount <= 2 {
            var cluster = TestCluster(5, election: election, priorities: [10, 20, 30, 40, 50])
            cluster.cutOff = Set((0..<5).filter { dead >> $0 & 1 == 1 }.map { cluster.ids[$0] })
            cluster.run(for: .seconds(8))
            let alive = cluster.ids.filter { !cluster.cutOff.contains($0) }
            #expect(cluster.leaders == [alive.last!], "the highest priority of those that live leads, without \(dead)")
        }
    }

    @Test func theBestIsNotWaitedForWhenItsDiskHangs() {
        var cluster = TestCluster(3, election: .ranked, priorities: [200, 150, 100])
        cluster.slowDisks = [cluster.ids[0]]
        cluster.run(for: .seconds(3))
        #expect(cluster.leaders == [cluster.ids[1]])
        #expect(honoured(cluster) == 0, "it holds nothing durably, so it is not handed the office")
    }

    @Test(arguments: [ElectionStrategy.randomized, .ranked])
    func aMemberOfPriorityZeroNeverLeads(_ election: ElectionStrategy) {
        var cluster = TestCluster(3, election: election, priorities: [0, 100, 100])
        let never = cluster.ids[0]
        cluster.cutOff = [cluster.ids[2]]
        cluster.run(for: .seconds(3))
        #expect(cluster.leaders == [cluster.ids[1]])
        #expect(cluster.raft(never).isUnderstood(as: "This node never leads: its priority is 0.", at: cluster.now))
        cluster.with(cluster.ids[1]) { #expect($0.handOver(to: never, now: $1, into: &$2) == nil) }
        cluster.with(cluster.ids[1]) { #expect($0.handOver(to: nil, now: $1, into: &$2) == nil) }
        cluster.receive(never, .campaignNow(CampaignNow(term: cluster.raft(never).term)), from: cluster.ids[1])
        #expect(!cluster.raft(never).isLooking)
    }

    @Test(arguments: [ElectionStrategy.randomized, .ranked])
    func whenOnlyOneThatNeverLeadsCouldWinItSaysThatNobodyMay(_ election: ElectionStrategy) {
        var cluster = TestCluster(3, election: election, priorities: [0, 100, 100])
        cluster.start(cluster.ids[0], from: log(ofTerms: [1, 2], configuration: cluster.configuration))
        cluster.cutOff = [cluster.ids[2]]
        cluster.run(for: .seconds(3))
        #expect(cluster.leaders.isEmpty)
        #expect(cluster.raft(cluster.ids[0]).isUnderstood(as: "Nobody may lead", at: cluster.now))
        cluster.cutOff = []
        cluster.run(for: .seconds(5))
        #expect(cluster.leaders.count == 1 && cluster.leaders != [cluster.ids[0]])
    }

    @Test func credentialsUnseatNobody() {
        var cluster = TestCluster(3)
        cluster.elect(cluster.ids[0])
        let high = Credentials(term: Term(9), lastTerm: Term(9), lastIndex: LogIndex(99), priority: 255, asks: true)
        cluster.receive(cluster.ids[0], .credentials(high), from: cluster.ids[2])
        cluster.receive(cluster.ids[1], .credentials(high), from: cluster.ids[2])
        #expect(cluster.leaders == [cluster.ids[0]])
        #expect(cluster.raft(cluster.ids[1]).leader == cluster.ids[0])
    }

    /// The member of the higher priority never takes over: it is asked less and less often.
    @Test func anOfficeThatComesBackStays() {
        var cluster = TestCluster(3, priorities: [100, 200, 100])
        cluster.elect(cluster.ids[0])
        cluster.isLost = { if case .campaignNow = $0 { true } else { false } }
        cluster.run(for: .seconds(59))
        #expect(honoured(cluster) == 1)
        cluster.run(for: .seconds(600))
        #expect((3...5).contains(honoured(cluster)), "once a minute at first, then half as often each time")
    }

    @Test func aLeaderOfThePriorityOfAllKeepsItsOffice() {
        var cluster = TestCluster(3, election: .ranked, priorities: [7, 7, 7])
        cluster.run(for: .seconds(60))
        #expect(honoured(cluster) == 0)
    }

    @Test func everyStateOfARankedElectionHasItsSentence() {
        var cluster = TestCluster(3, election: .ranked)
        let lowest = cluster.ids.min()!
        expect("waits a moment before it asks the others for their credentials", of: lowest, in: cluster)
        cluster.mail = []
        cluster.pass(.milliseconds(200))
        cluster.tick(lowest)
        expect("asked the others for their credentials", of: lowest, in: cluster)
        cluster.settle()
        expect("ranks below", of: lowest, in: cluster)
        expect("it asks for votes itself in", of: lowest, in: cluster)
    }

    private func expect(_ words: String, of id: NodeID, in cluster: TestCluster) {
        let said = cluster.raft(id).explanation(at: cluster.now) { "\($0.rawValue)" }
        #expect(said.contains(words), "\(said)")
    }

    private func honoured(_ cluster: TestCluster) -> Int {
        cluster.notices.values.joined().count { if case .priorityHonoured = $0 { true } else { false } }
    }
}

extension Raft {
    fileprivate func isUnderstood(as words: String, at now: Instant) -> Bool {
        explanation(at: now) { "\($0.rawValue)" }.contains(words)
    }
}
