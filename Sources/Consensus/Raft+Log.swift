internal import Primitives

extension Raft {
    /// Appends one entry, and takes note of what it carries.
    mutating func append(_ entry: Entry) {
        log.append(entry)
        uncommittedBytes += entry.weight
        if unwrittenFrom == nil { unwrittenFrom = entry.index }
        if case .configuration(let configuration) = entry.payload {
            configurations.append((entry.index, configuration))
        }
    }

    /// Drops the entry at `first` and all after it: a newer leader has others there (Raft §5.3).
    mutating func truncate(from first: LogIndex, into out: inout RaftOutbox) {
        precondition(first > commitIndex, "a committed entry is never truncated")
        let weightBefore = log.byteCount
        log.truncate(from: first)
        uncommittedBytes -= weightBefore - log.byteCount
        configurations.removeAll { $0.index >= first }
        #if PlantedBugs
            let before = stableIndex
        #endif
        stableIndex = min(stableIndex, first.previous)
        for index in writesInFlight.indices {
            writesInFlight[index].lastIndex = min(writesInFlight[index].lastIndex, first.previous)
        }
        #if PlantedBugs
            if planted(.keepsStableIndex) { stableIndex = before }
        #endif
        unwrittenFrom = min(unwrittenFrom ?? first, first)
        out.notices.append(.truncated(from: first))
    }

    /// Moves the commit index onward; it never moves back and never beyond the log.
    mutating func commit(through index: LogIndex) {
        guard index > commitIndex else { return }
        precondition(index <= log.lastIndex, "only entries that are there can be committed")
        var passed = commitIndex
        while passed < index {
            passed = passed.next
            uncommittedBytes -= log[passed].weight
        }
        commitIndex = index
    }

    /// A member is whole again once it durably holds an entry that the current leader appended in this life of the member,
    /// and committed without counting it: what this member once acknowledged lies below, and no vote of it is under way that
    /// can still win.
    mutating func repairIfComplete() {
        guard let doubt, doubt.settled == nil, let later = doubt.later, later.term == term,
            case .follower(let following) = role,
            min(commitIndex, following.verified, stableIndex) >= later.index
        else { return }
        settle(.isRepaired)
        #if PlantedBugs
            if planted(.repairsInMemory), !isBlank { self.doubt = nil }
        #endif
    }

    /// The value that a majority of the members has reached: `own` for this member, `value` for each other that counts.
    func quorumValue<Value: Comparable>(own: Value, least: Value, of value: (Progress) -> Value) -> Value {
        var values = leading.peers.map { $0.counts ? value($0) : least }
        values.append(own)
        values.sort(by: >)
        #if PlantedBugs
            if planted(.commitsByMinority) { return values[max(0, configuration.quorum - 2)] }
        #endif
        return values[configuration.quorum - 1]
    }

    /// How far so many members besides `peer` durably hold this leader's log that with it they are a majority: what would be
    /// committed if it held everything.
    func heldByOthers(than peer: NodeID) -> LogIndex {
        quorumValue(own: stableIndex, least: .zero) { $0.id == peer ? log.lastIndex : $0.match }
    }

    /// A follower that durably holds what others hold knows that a majority does, without hearing it from the leader: so it is
    /// committed, if it is of the leader's term (Raft §5.4.2). One in doubt is not counted and does not count itself.
    mutating func commitWhatIsHeld() {
        guard case .follower(let following) = role, incoming?.isComplete != true else { return }
        #if PlantedBugs
            let (upTo, inDoubt) = (min(following.heldByOthers, following.verified), isDamaged)
            if planted(.countsItselfUnsynced), !inDoubt, log.term(at: upTo) == term { commit(through: upTo) }
            if planted(.countsItselfForOlderTerms), !inDoubt { commit(through: min(upTo, stableIndex)) }
            if planted(.countsItselfUnverified), !inDoubt {
                commit(through: min(following.heldByOthers, stableIndex, log.lastIndex))
            }
            if planted(.countsItselfInDoubt), log.term(at: min(upTo, stableIndex)) == term {
                commit(through: min(upTo, stableIndex))
            }
        #endif
        guard !isDamaged else { return }
        let held = min(following.heldByOthers, following.verified, stableIndex)
        if held > commitIndex, log.term(at: held) == term { commit(through: held) }
    }

    /// The leader's own data; only a leader has it.
    var leading: Leading {
        _read {
            guard case .leader(let leading) = role else { preconditionFailure("only a leader has a leader's data") }
            yield leading.value
        }
        _modify {
            guard case .leader(var leading) = role else { preconditionFailure("only a leader has a leader's data") }
            // Moved out while it is changed, so that its arrays are not shared and copied.
            role = .looking(Looking(phase: .waiting, deadline: .distantFuture))
            defer { role = .leader(leading) }
            yield &leading.value
        }
    }
}
