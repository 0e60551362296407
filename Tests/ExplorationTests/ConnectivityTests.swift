import Exploration
import Testing

@Suite struct ConnectivityTests {
    @Test(arguments: [0, 1, 2, 3] as [UInt64])
    func everyDirectedGraphOfThreeHasALeaderExactlyWhereOneCanBeElected(_ seed: UInt64) async {
        await expectTheRightOutcome(of: Graph.directedOfThree, seed: seed)
    }

    @Test(arguments: [0, 1] as [UInt64])
    func everyGraphOfFiveHasALeaderExactlyWhereOneCanBeElected(_ seed: UInt64) async {
        await expectTheRightOutcome(of: Graph.undirectedOfFive, seed: seed)
    }

    /// Also with priorities, some of them 0, and when only some members are ranked.
    @Test(arguments: [ElectionMix.ranked, .mixed])
    func theSameHoldsWhenMembersAreRanked(_ mix: ElectionMix) async {
        for seed in 0...1 as ClosedRange<UInt64> {
            await expectTheRightOutcome(of: Graph.directedOfThree, seed: seed, mix: mix)
        }
        await expectTheRightOutcome(of: Graph.undirectedOfFive, seed: 2, mix: mix)
    }

    @Test func aMemberThatNeverLeadsIsNotElectable() throws {
        let star = try #require(Graph.undirectedOfFive.first { $0.words == "n1=n2 n1=n3" })
        #expect(!star.isElectable(lagging: [], neverLeading: [0]))
        #expect(star.isElectable(lagging: [], neverLeading: [1, 2]))
    }

    @Test func thereAreAsManyGraphsAsThereShouldBe() {
        #expect(Set(Graph.directedOfThree).count == 64)
        #expect(Set(Graph.undirectedOfFive).count == 1024)
        // With equal logs: one pair that talks is enough of three, one member with two partners of five.
        #expect(Graph.directedOfThree.count { $0.isElectable(lagging: []) } == 37)
        #expect(Graph.undirectedOfFive.count { $0.isElectable(lagging: []) } == 998)
    }

    /// The only member that reaches a majority lacks an entry that the others hold.
    @Test func aStarWhoseCentreLagsHasNoLeader() throws {
        let star = try #require(Graph.undirectedOfFive.first { $0.words == "n1=n2 n1=n3" })
        #expect(star.isElectable(lagging: []))
        #expect(!star.isElectable(lagging: [0]))
        #expect(star.isElectable(lagging: [0, 1, 2]))
    }

    private func expectTheRightOutcome(of graphs: [Graph], seed: UInt64, mix: ElectionMix = .randomized) async {
        let outcomes = await withTaskGroup(of: ConnectivityTrial.Outcome.self) { group in
            for graph in graphs { group.addTask { ConnectivityTrial(graph: graph, seed: seed, mix: mix).run() } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for outcome in outcomes {
            if let problem = outcome.problem { Issue.record("\(problem)") }
        }
        #expect(outcomes.contains { $0.settledAfter != nil } && outcomes.contains { $0.settledAfter == nil })
    }
}
