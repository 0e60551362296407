internal import Consensus
internal import KeyValue
internal import Primitives

/// How a leader ends due leases: a bounded number with one entry, and between two entries others have their turn.
struct ExpiryTurns {
    /// The entry that is not applied yet, and when it was proposed.
    var inFlight: (index: LogIndex, since: Instant)?
    /// When others last had something in the log behind such an entry.
    var othersWroteAt = Instant(nanoseconds: 0)
    /// Nothing ends before.
    var restsUntil = Instant(nanoseconds: 0)
}

// What a leader does by itself.

extension Replica {
    /// Ends due leases and forgets old history, by log entries.
    mutating func leaderDuties(at now: Instant) {
        guard raft.hasCommittedInTerm, raft.acceptsProposals else {
            expiry = ExpiryTurns()
            compactionInFlight = nil
            return
        }
        if expiry.inFlight == nil, now >= expiry.restsUntil { endDueLeases(at: now) }
        if compactionInFlight == nil, let revision = store.compactionDue(historyBounds) {
            let proposal = Proposal(command: .compact(through: revision))
            compactionInFlight = propose(proposal.encoded(), origins: [], at: now)
        }
    }

    private mutating func endDueLeases(at now: Instant) {
        let due = store.dueLeases(at: raft.clusterTime(at: now), limit: Limits.expiriesPerEntry)
        guard !due.isEmpty else { return }
        // They came before those ended.
        proposeRenewals(at: now)
        let command = Command.expireLeases(due, term: raft.term)
        guard let index = propose(Proposal(command: command).encoded(), origins: [], at: now) else { return }
        expiry.inFlight = (index, now)
    }

    /// When leases are to end next; `nil` while their entry is under way, or when there are none.
    func nextExpiry(at now: Instant) -> Instant? {
        guard raft.hasCommittedInTerm, raft.acceptsProposals, expiry.inFlight == nil, let due = store.nextLeaseDeadline
        else { return nil }
        let wait = max(0, due.nanoseconds - raft.clusterTime(at: now).nanoseconds)
        return max(Instant(nanoseconds: now.nanoseconds + wait), expiry.restsUntil)
    }

    /// Takes note of what is applied.
    mutating func finishDuties(at now: Instant) {
        renewalTurns.applied(through: store.appliedIndex, at: now)
        #if PlantedBugs
            if planted(.expiresOnce) { return }
        #endif
        if let index = compactionInFlight, index <= store.appliedIndex { compactionInFlight = nil }
        if let turn = expiry.inFlight, turn.index <= store.appliedIndex {
            expiry.inFlight = nil
            if raft.log.lastIndex > turn.index { expiry.othersWroteAt = now }
            let moreAreDue = store.nextLeaseDeadline.map { $0 <= raft.clusterTime(at: now) } ?? false
            guard moreAreDue, now - expiry.othersWroteAt < Limits.expiryRest * 10 else { return }
            // What all nodes do for others gets most of the time until the rest of the leases has ended.
            expiry.restsUntil = now + min((now - turn.since) * 3, Limits.expiryRest)
        }
    }
}
