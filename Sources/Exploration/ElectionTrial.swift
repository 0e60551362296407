package import Consensus
package import Primitives

/// A healthy cluster in virtual time whose leader goes silent at once: how does it get the next one?
package struct ElectionTrial {
    private let members: Int
    private let settings: Settings
    private let seed: UInt64

    package init(members: Int, settings: Settings, seed: UInt64) {
        self.members = members
        self.settings = settings
        self.seed = seed
    }

    /// What came of it.
    package struct Outcome: Sendable {
        /// From the silence of the old leader to a new one whose first entry is committed.
        package var time: TimeSpan
        /// How often members asked whether they could win; 1 when the first that asked was elected.
        package var rounds: Int
        /// Whether a term went by in which nobody got the votes of a majority.
        package var isSplit: Bool
    }

    /// Elects a leader, lets it serve for a while that the seed draws, silences it, and waits for another; `nil` when there
    /// is none after fifty election timeouts.
    package func run() -> Outcome? {
        var random = SeededGenerator(seed: seed)
        let electorate = Electorate(
            members: members, mix: settings.election == .ranked ? .ranked : .randomized,
            priorities: Array(repeating: settings.priority, count: members), seed: seed)
        var network = Network(
            size: members, lagging: [], electorate: electorate, settings: settings, seed: random.next())
        guard network.waitForLeader(other: nil, atMost: settings.electionTimeout * 50) else { return nil }
        network.run(for: random.span(from: settings.electionTimeout * 4, below: settings.electionTimeout * 5))
        guard let old = network.leaders.first else { return nil }
        let (start, term, tries) = (network.now, network.highestTerm, network.tries)
        network.graph = network.graph.without(old)
        guard network.waitForLeader(other: old, atMost: settings.electionTimeout * 50) else { return nil }
        return Outcome(
            time: network.now - start, rounds: network.tries - tries, isSplit: network.highestTerm > term.next)
    }
}

extension Graph {
    /// The same without any link of one member.
    func without(_ member: Int) -> Graph {
        var graph = self
        graph.isolate(member)
        return graph
    }
}
