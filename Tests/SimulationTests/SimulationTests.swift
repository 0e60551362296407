import Exploration
import Primitives
import Simulation
import Testing

@Suite struct SimulationTests {
    @Test func aSeedGivesTheSameWorldEveryTime() {
        let options = SimulationOptions(seed: 7, duration: .seconds(2))
        let first = Simulation.run(options)
        #expect(first.report == nil)
        #expect(first.events > 1_000)
        #expect(Simulation.run(options).traceHash == first.traceHash)
        #expect(Simulation.run(SimulationOptions(seed: 8, duration: .seconds(2))).traceHash != first.traceHash)
    }

    @Test func noRuleIsBrokenInThreeHundredWorldsFullOfTrouble() async {
        let results = await runAll(
            (1...300).map { seed in
                SimulationOptions(seed: seed, nodes: SimulationOptions.mixedNodes(seed: seed), duration: .seconds(1))
            })
        for result in results {
            if let report = result.report { Issue.record("\(report)") }
        }
        let counters = Counters(summing: results.map(\.counters))
        // Too rare for worlds this short; the gate asks its longer ones.
        let rare: [Sometimes] = [
            .deletedWithoutSpace, .nobodyMayLead, .topRanksDead, .resumeCompacted, .entriesTruncated,
        ]
        for what in Sometimes.allCases where !rare.contains(what) {
            #expect(counters[what] > 0, "\(what) never happened: the worlds test less than they should")
        }
    }

    @Test func aWorldThatBreaksARuleIsShrunkToOneThatBreaksTheSameRule() throws {
        let worlds = (1...40).lazy.map { (seed: UInt64) in
            Simulation.run(SimulationOptions(seed: seed, duration: .seconds(4), planted: .readsFromMemory))
        }
        let found = try #require(worlds.first { $0.violation != nil })
        let shrunk = Simulation.shrunk(found)
        #expect(shrunk.violation?.rule == found.violation?.rule)
        #expect(shrunk.options.faults.count < Fault.allCases.count / 2)
        #expect(shrunk.suddenFaults.count <= 2)
        #expect(Simulation.run(shrunk.options).traceHash == shrunk.traceHash)
        #expect(shrunk.report?.contains("shrunk to") ?? false)
    }

    @Test func aFaultThatIsLeftOutLeavesTheOthersAsTheyWere() {
        var options = SimulationOptions(seed: 5, duration: .seconds(12))
        let all = Simulation.run(options)
        #expect(all.suddenFaults.count > 1)
        options.onlyFaults = all.suddenFaults
        #expect(Simulation.run(options).traceHash == all.traceHash)
        options.onlyFaults = [all.suddenFaults[0]]
        #expect(Simulation.run(options).suddenFaults == [all.suddenFaults[0]])
    }

    @Test func nothingIsRefusedOrLostInAWorldWithoutTrouble() {
        // Of a seed whose world does not end with one member cut off from its leader.
        let result = Simulation.run(
            SimulationOptions(seed: 6, duration: .seconds(3), faults: [], election: .randomized, priorities: [9, 9, 9]))
        #expect(result.report == nil)
        #expect(result.counters[.leaderElected] == 1)
        #expect(result.counters[.writeUnknown] == 0 && result.counters[.writeRefused] == 0)
        #expect(result.counters[.writeAcknowledged] > 50)
    }

    @Test(arguments: [ElectionMix.randomized, .ranked, .mixed])
    func inAWorldWithoutTroubleThereIsOneHandOverToTheHighestPriorityAtMost(_ mix: ElectionMix) {
        for seed in 1...5 as ClosedRange<UInt64> {
            let result = Simulation.run(
                SimulationOptions(
                    seed: seed, duration: .seconds(20), faults: [], election: mix, priorities: [0, 200, 100]))
            #expect(result.report == nil)
            // Worlds without faults still have hand-overs that somebody asks for.
            #expect(result.counters[.leaderElected] == 1 + result.counters[.handOver])
            #expect(result.counters[.priorityHonoured] <= 1)
        }
    }

    @Test func theElectionsOfAWorldCanBeForcedAndAreInItsReplay() {
        let options = SimulationOptions(
            seed: 4, duration: .seconds(2), election: .mixed, priorities: [0, 1, 255])
        #expect(Simulation.run(options).report == nil)
        #expect(options.replayCommand.contains("--election mixed --priorities 0,1,255"))
    }

    /// A mistake in a shell, a disk, a clock or a transport, and how many worlds may pass before it shows.
    @Test(
        arguments: [
            (.sendsBeforeDurable, 20), (.lyingDisk, 20), (.losesDurableEntries, 200), (.forgetsVote, 20),
            (.readsFromMemory, 40), (.repeatsForwards, 40), (.racingClocks, 60), (.skipsDeliveries, 60),
            (.savesIndexWithoutRows, 40), (.deliversOldFrames, 60), (.takesDamageForTail, 40),
            (.takesTailForDamage, 20),
            (.retriesFailedSync, 100),
        ] as [(PlantedBug, UInt64)])
    func aPlantedMistakeIsCaught(_ mistake: PlantedBug, within worlds: UInt64) {
        let caught = (1...worlds).contains { seed in
            Simulation.run(
                SimulationOptions(seed: seed, duration: .seconds(2), planted: mistake)
            ).violation != nil
        }
        #expect(caught, "\(mistake) went unnoticed in \(worlds) worlds")
    }

    @Test func aBrokenRuleIsReportedWithItsStoryAndHowToSeeItAgain() throws {
        let options = SimulationOptions(seed: 1, duration: .seconds(3), planted: .lyingDisk)
        let report = try #require(Simulation.run(options).report)
        #expect(report.contains("rule 1 is broken"))
        #expect(report.contains("conclave simulate --seed 1 --nodes 3 --seconds 3 --faults all --planted lyingDisk"))
        #expect(report.split(separator: "\n").count > 10)
    }

    private func runAll(_ worlds: [SimulationOptions]) async -> [SimulationResult] {
        await withTaskGroup(of: SimulationResult.self, returning: [SimulationResult].self) { group in
            for world in worlds { group.addTask { Simulation.run(world) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
