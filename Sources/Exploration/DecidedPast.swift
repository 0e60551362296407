internal import Consensus
internal import Primitives

/// What a cluster has decided so far, against which everything later is held.
struct DecidedPast {
    private var leaders: [Term: Int] = [:]
    private var committed: [Entry] = []

    /// - Returns: the rule that `raft` breaks, if it breaks one.
    mutating func note(_ raft: Raft, at place: Int) -> String? {
        if raft.isLeader {
            let known = leaders[raft.term] ?? place
            guard known == place else { return "two leaders in term \(raft.term.rawValue)" }
            leaders[raft.term] = place
        }
        var index = LogIndex(1)
        while index <= raft.commitIndex {
            let offset = Int(index.rawValue) - 1
            if offset == committed.count { committed.append(raft.log[index]) }
            guard committed[offset] == raft.log[index] else { return "two entries are committed at \(index.rawValue)" }
            index = index.next
        }
        return nil
    }
}
