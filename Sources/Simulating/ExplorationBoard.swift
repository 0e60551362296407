import Exploration
import Foundation
import Primitives

/// What came of an exploration, as a table.
enum ExplorationBoard {
    static func table(_ report: ExplorationReport, wall: Duration) -> String {
        let left =
            report.unexplored == 0
            ? "nothing within the bounds" : "\(report.unexplored) states met and not gone on from"
        let rows = [
            ("states", "\(report.states)"), ("steps between them", "\(report.transitions)"),
            ("depth", "all states within \(report.depth) steps"), ("left", left),
            ("beyond the last term", "\(report.beyondTerms) steps not taken"),
            ("states of one member", "\(report.memberStates)"), ("messages", "\(report.messages)"),
            ("runs of Raft", "\(report.raftSteps)"), ("time", String(format: "%.1f s", wall / .seconds(1))),
        ]
        let verdict =
            report.problem.map { ["", "broken: \($0)"] + report.story.map { "  \($0)" } } ?? ["no rule broken"]
        return (rows.map { $0.padding(toLength: 24, withPad: " ", startingAt: 0) + $1 } + verdict)
            .joined(separator: "\n")
    }
}

/// All graphs of links, and what came of them.
enum GraphBoard {
    static func run(seeds: UInt64, mix: ElectionMix) async -> Bool {
        var succeeded = true
        for (what, graphs) in [
            ("directed graphs of 3", Graph.directedOfThree), ("undirected graphs of 5", Graph.undirectedOfFive),
        ] {
            let trials = graphs.flatMap { graph in
                (0..<seeds).map { ConnectivityTrial(graph: graph, seed: $0, mix: mix) }
            }
            let results = await outcomes(of: trials)
            let settled = results.compactMap(\.settledAfter?.milliseconds).sorted()
            let problems = results.compactMap(\.problem)
            print(
                "\(graphs.count) \(what), \(seeds) seeds each: \(settled.count) trials with a leader, after "
                    + "\(settled.isEmpty ? 0 : settled[settled.count / 2]) ms in the middle and \(settled.last ?? 0) ms at most; "
                    + "\(results.count - settled.count) without; \(problems.count) wrong")
            for problem in problems.prefix(20) { print("  \(problem)") }
            succeeded = succeeded && problems.isEmpty
        }
        return succeeded
    }

    private static func outcomes(of trials: [ConnectivityTrial]) async -> [ConnectivityTrial.Outcome] {
        await withTaskGroup(of: ConnectivityTrial.Outcome.self) { group in
            for trial in trials { group.addTask { trial.run() } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
