import Primitives
internal import Simulation

/// What became of planted bugs.
enum PlantedBoard {
    static let buildCommand = "swift run -c release --traits PlantedBugs simulator simulate --planted all"

    /// Every bug with its sentence.
    static var list: String {
        PlantedBug.allCases.map { bug in
            "\(bug.rawValue)\(bug.isInCore ? "" : " (of the world around the core)"), rule \(bug.rule)\n    \(bug.sentence)"
        }.joined(separator: "\n")
    }

    /// Searches for all, one on each core, then runs as many seeds as the rarest needed without any bug.
    ///
    /// - Returns: whether all were caught, and nothing where there was nothing to catch.
    static func run(_ bugs: [PlantedBug], _ hunts: PlantedHunt) async -> Bool {
        var outcomes: [PlantedHunt.Outcome] = []
        await each(bugs) {
            try? hunts.outcome(of: $0)
        } took: { outcome in
            guard let outcome else { return }
            outcomes.append(outcome)
            PlantedHunt.say("\(outcomes.count) of \(bugs.count): \(outcome.line)")
        }
        outcomes.sort { order($0, bugs) < order($1, bugs) }
        let most = outcomes.map(\.seeds).max() ?? 0
        var broken: [SimulationResult] = []
        await each(Array(1...max(1, most))) {
            Simulation.run(hunts.world(nil, seed: $0))
        } took: {
            if $0.violation != nil { broken.append($0) }
        }
        for result in broken { print(result.report ?? "") }
        print(table(outcomes, of: bugs.count))
        print("without a bug: \(broken.count) of \(most) seeds break a rule")
        return outcomes.count { $0.caughtBy != nil } == bugs.count && broken.isEmpty
    }

    private static func order(_ outcome: PlantedHunt.Outcome, _ bugs: [PlantedBug]) -> Int {
        bugs.firstIndex { $0 == outcome.bug } ?? bugs.count
    }

    /// Does `work` for each item, as many at a time as there are cores.
    private static func each<Item: Sendable, Result: Sendable>(
        _ items: [Item], _ work: @escaping @Sendable (Item) -> Result, took: (Result) -> Void
    ) async {
        await withTaskGroup(of: Result.self) { group in
            var rest = items[...]
            for _ in 0..<SimulationBoard.workers {
                if let item = rest.popFirst() { group.addTask { work(item) } }
            }
            while let result = await group.next() {
                took(result)
                if let item = rest.popFirst() { group.addTask { work(item) } }
            }
        }
    }

    private static func table(_ outcomes: [PlantedHunt.Outcome], of count: Int) -> String {
        var lines = ["", "| bug | rule | seeds | caught by |", "|---|---|---|---|"]
        lines += outcomes.map(\.row)
        let caught = outcomes.filter { $0.caughtBy != nil }.map(\.seeds).sorted()
        guard let worst = caught.last else { return (lines + ["", "none of \(count) caught"]).joined(separator: "\n") }
        lines += ["", "\(caught.count) of \(count) caught, median \(caught[caught.count / 2]) seeds, worst \(worst)"]
        return lines.joined(separator: "\n")
    }
}

extension PlantedHunt.Outcome {
    fileprivate var line: String {
        caughtBy.map { "\(bug.rawValue) after \(seeds) seeds: \($0)" } ?? "\(bug.rawValue) not caught in \(seeds) seeds"
    }

    fileprivate var row: String {
        "| `\(bug.rawValue)` | \(bug.rule) | \(caughtBy == nil ? "> " : "")\(seeds) | \(caughtBy ?? "nothing") |"
    }
}

extension PlantedBug {
    /// For a run that must not take long: all but those that only few worlds show.
    static var sample: [PlantedBug] {
        let rare: Set<PlantedBug> = [
            .votesTwice, .keepsStableIndex, .countsStaleAcknowledgements, .protectsNobody, .leadsWithHangingDisk,
            .readsBeforeNoop, .countsEarlierRounds, .trustsLease, .inheritsAnyClock, .countsStaleVotes, .skipsTermCheck,
            .comparesLengthFirst, .keepsWatchesLive,
        ]
        return allCases.filter { !rare.contains($0) }
    }
}
