internal import Consensus
internal import Primitives

// Where a new leader's cluster time comes from.

/// A leader's cluster time when its office began, and the clock that counted on from there.
struct LeaderClock {
    var began: Int64
    var time: ClusterTime
    var clock: NodeClock

    /// The latest cluster time that leader can have shown by a moment of true time.
    func latest(at moment: Int64) -> ClusterTime {
        let counted = clock.reading(at: moment).nanoseconds - clock.reading(at: began).nanoseconds
        return ClusterTime(nanoseconds: time.nanoseconds + counted)
    }
}

extension World {
    /// A new leader goes on from the clock of whoever appended the entry before its own: the leases it inherits were promised by
    /// that clock, and another may be ahead of it (`invariants.md` 25).
    mutating func checkInheritedTime(_ node: SimulatedNode, _ raft: Raft) throws(Violation) {
        var first = raft.log.lastIndex
        while first > raft.log.baseIndex, raft.log.term(at: first.previous) == raft.term { first = first.previous }
        guard first > raft.log.baseIndex, raft.log.term(at: first) == raft.term else { return }
        let time = raft.log[first].time
        history.leaderClocks[raft.term] = LeaderClock(began: now, time: time, clock: node.clock)
        guard let previous = raft.log.term(at: first.previous), let inherited = history.leaderClocks[previous],
            time > inherited.latest(at: now)
        else { return }
        throw Violation(
            "25",
            "n\(node.number + 1) leads term \(raft.term.rawValue) with a cluster time that the leader of term \(previous.rawValue) never had"
        )
    }
}
