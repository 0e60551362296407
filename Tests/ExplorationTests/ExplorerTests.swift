import Exploration
import Testing

@Suite struct ExplorerTests {
    @Test func noRuleIsBrokenInTheFirstStatesAfterAnElection() {
        let report = explore(.led, states: 60_000) { _ in }
        #expect(report.problem == nil, "\(report.story)")
        #expect(report.states >= 60_000 && report.depth >= 5 && report.unexplored > 0)
    }

    @Test func noRuleIsBrokenInTheFirstStatesOfAFreshCluster() {
        let report = explore(.fresh, states: 60_000) { _ in }
        #expect(report.problem == nil, "\(report.story)")
        #expect(report.states >= 60_000 && report.depth >= 5)
    }

    @Test func narrowBoundsAreExhaustedAndTheSameEveryTime() {
        let narrow: (inout ExplorationBounds) -> Void = { bounds in
            bounds.timeouts = 1
            bounds.entries = 1
            bounds.crashes = 0
            bounds.duplicates = 0
            bounds.reorders = 0
        }
        let (first, second) = (explore(.fresh, states: 100_000, narrow), explore(.fresh, states: 100_000, narrow))
        #expect(first.problem == nil && first.unexplored == 0)
        #expect(first.states > 1_000 && first.states == second.states)
        #expect(first.transitions == second.transitions && first.depth == second.depth)
    }

    @Test func theTermBoundIsKeptAndCounted() {
        let report = explore(.led, states: 20_000) { $0.terms = 2 }
        #expect(report.problem == nil && report.beyondTerms > 0)
    }

    // MARK: Mistakes

    @Test func aShellThatSendsPromisesBeforeTheWriteIsCaught() {
        let report = explore(.led, states: 10_000) { $0.mistake = .sendsBeforeDurable }
        #expect(report.problem?.hasPrefix("promise before durable") == true)
        #expect(!report.story.isEmpty)
    }

    @Test func whatSuchAShellDoesIsCaughtAsWell() {
        let report = explore(.led, states: 100_000) { bounds in
            bounds.mistake = .sendsBeforeDurable
            bounds.checksPromises = false
        }
        #expect(report.problem?.hasPrefix("durability") == true)
    }

    @Test func aDiskThatForgetsAVoteIsCaught() {
        let report = explore(.fresh, states: 300_000) { bounds in
            bounds.mistake = .forgetsVote
            bounds.entries = 0
            bounds.crashes = 1
            bounds.duplicates = 0
            bounds.reorders = 0
        }
        #expect(report.problem?.hasPrefix("vote once") == true)
    }

    @Test func aDiskThatLosesAnEntryIsCaught() {
        let report = explore(.led, states: 100_000) { $0.mistake = .losesEntry }
        #expect(report.problem?.hasPrefix("durability") == true)
    }

    private func explore(
        _ start: ExplorationBounds.Start, states: Int, _ change: (inout ExplorationBounds) -> Void
    ) -> ExplorationReport {
        var bounds = ExplorationBounds(start: start, states: states)
        change(&bounds)
        var explorer = Explorer(bounds)
        return explorer.run()
    }
}
