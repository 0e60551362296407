package import Consensus
package import Primitives

/// One cluster in virtual time whose links are those of one graph: does it get the leader that it should, and keep it?
package struct ConnectivityTrial {
    package let graph: Graph
    package let seed: UInt64
    package let mix: ElectionMix

    package static let settings = Settings(heartbeat: .milliseconds(50), electionTimeout: .milliseconds(400))
    /// The time in which a leader must emerge; where there are priorities, one may hand over in vain first.
    var patience: TimeSpan { Self.settings.electionTimeout * (mix == .randomized ? 10 : 20) }
    /// The time for which it must then stay, or there must be none.
    static let watch = settings.electionTimeout * 5

    /// - Parameter mix: how members take part in elections; with another than ``ElectionMix/randomized`` they have
    ///   priorities, too, half of the time.
    package init(graph: Graph, seed: UInt64, mix: ElectionMix = .randomized) {
        self.mix = mix
        self.graph = graph
        self.seed = seed
    }

    /// What came of it.
    package struct Outcome: Sendable {
        /// When the last change of leaders was over, `nil` when there is no leader.
        package var settledAfter: TimeSpan?
        /// What is wrong, in one sentence.
        package var problem: String?
    }

    /// Runs the trial. An even seed starts all members from their disks, some with a log that lacks the last entry; an odd
    /// one lets all of them follow one leader first, before links go.
    package func run() -> Outcome {
        var random = SeededGenerator(seed: seed ^ graph.hash)
        let isRunning = seed % 2 == 1
        let lagging = isRunning ? [] : Set((0..<graph.size).filter { _ in random.next() % 3 == 0 })
        let electorate = Electorate(
            members: graph.size, mix: mix,
            priorities: mix == .randomized
                ? Array(repeating: Settings.standardPriority, count: graph.size) : nil, seed: seed ^ graph.hash)
        var network = Network(size: graph.size, lagging: lagging, electorate: electorate, seed: random.next())
        if isRunning {
            network.run(for: patience)
            guard network.leaders.count == 1 else { return Outcome(problem: "no leader while all links are there") }
        }
        let start = network.now
        let term = network.highestTerm
        network.graph = graph
        network.run(for: patience)
        let settled = network.leaders
        let settledAfter = max(.zero, network.lastChange - start)
        let isWatchedFrom = network.now
        network.run(for: Self.watch)
        let changed = network.lastChange > isWatchedFrom
        let problem =
            network.problem
            ?? (graph.isElectable(lagging: lagging, neverLeading: electorate.neverLeading)
                ? problem(withLeaders: settled, changed: changed, network)
                : problem(withoutLeader: settled, changed: changed, grew: network.highestTerm > term))
        return Outcome(
            settledAfter: settled.isEmpty ? nil : settledAfter,
            problem: problem.map { "\(graph.words), seed \(seed): \($0)" })
    }

    private func problem(withLeaders leaders: [Int], changed: Bool, _ network: Network) -> String? {
        guard leaders.count == 1 else { return "\(leaders.count) leaders in the end, not one" }
        if changed { return "n\(leaders[0] + 1) led in the end, and did not stay" }
        return network.members[leaders[0]].raft.hasCommittedInTerm ? nil : "the leader commits nothing"
    }

    private func problem(withoutLeader leaders: [Int], changed: Bool, grew: Bool) -> String? {
        if !leaders.isEmpty || changed { return "somebody leads that no majority can follow" }
        return grew ? "the term grew without anybody who could win" : nil
    }
}
