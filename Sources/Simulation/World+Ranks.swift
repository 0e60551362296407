internal import Consensus
internal import Exploration
internal import Primitives
internal import ReplicaCore

// Ranks and priorities: what they may do (`invariants.md` 9), and what they may not.

extension World {
    /// The nodes whose death hurts a ranked cluster most come first; without priorities and ranks, as they are numbered.
    var nodesByRank: [SimulatedNode] {
        guard electorate.mix != .randomized || Set(electorate.priorities).count > 1 else { return nodes }
        return nodes.sorted { rank(of: $0) > rank(of: $1) }
    }

    private func rank(of node: SimulatedNode) -> (UInt8, NodeID) { (electorate.priorities[node.number], node.id) }

    /// While all is well, an office changes hands only because a leader gave it to a member of higher priority. Priorities
    /// only grow from one leader to the next then, so that it ends.
    mutating func checkTakeOver(_ node: SimulatedNode, _ settings: Settings) throws(Violation) {
        if settings.priority == 0 { throw Violation("9", "n\(node.number + 1) leads, but its priority is 0") }
        if settings.election == .ranked { counters[.rankedElection] += 1 }
        if history.isRetired.contains(true), electorate.mix == .ranked { counters[.topRanksDead] += 1 }
        defer { leadingPriority = settings.priority }
        switch phase {
        case .steady, .settling:
            guard settings.priority <= leadingPriority else { return }
            throw Violation("6", "n\(node.number + 1) takes over from a leader that was well")
        case .faults, .healing, .done: break
        }
    }

    /// Whether only members that never lead could win, so that no leader is due: the others' logs are behind, and who holds
    /// the rest is dead or may not vote. Each of those that hear the others must say so.
    var nobodyMayLead: Bool {
        let rafts = liveNodes.compactMap { $0.process?.replica.raft }
        return Electorate.isWithoutLeader(rafts.filter { !$0.isDamaged }, of: nodes.count)
    }

    /// Whether a member says that nobody may lead. It does not while it asks the others anew, which it does from time to time.
    var isExplained: Bool {
        liveNodes.contains { node in
            let reading = node.clock.reading(at: now)
            return node.process?.replica.raft.explanation(at: reading) { "\($0.rawValue)" }.contains("Nobody may lead")
                ?? false
        }
    }

    /// The world proves nothing any more, except that those who never lead know why there is no leader.
    mutating func giveUp() throws(Violation) {
        counters[.nobodyMayLead] += 1
        phase = .done
        isInconclusive = true
        if !isExplained { throw Violation("9", "nobody may lead, and no node says so: \(views)") }
    }
}
