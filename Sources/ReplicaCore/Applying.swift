internal import Consensus
internal import KeyValue
internal import Primitives

extension Replica {
    /// Applies what is committed, answers those who waited for it, and hands events to watches.
    mutating func applyCommitted(at now: Instant, into out: inout Outbox) {
        guard !isInstalling, store.appliedIndex >= raft.log.baseIndex else { return }
        #if PlantedBugs
            if planted(.retriesTooEarly) { retryWhatWasLost(before: raft.term, into: &out) }
        #endif
        var events = 0
        while store.appliedIndex < raft.commitIndex {
            let entry = raft.log[store.appliedIndex.next]
            if entry.term > store.appliedTerm { retryWhatWasLost(before: entry.term, into: &out) }
            events += apply(entry, at: now, into: &out)
            digests.record(entry.index, digest: store.header.digest)
        }
        finishDuties(at: now)
        answerAwaitingReads(at: now, into: &out)
        out.notices.append(.applied(through: store.appliedIndex, events: events))
    }

    /// - Returns: how many events it made.
    private mutating func apply(_ entry: Entry, at now: Instant, into out: inout Outbox) -> Int {
        #if PlantedBugs
            let ownTime = raft.clusterTime(at: now)
            if planted(.appliesAtOwnTime), entry.time < ownTime {
                let entry = Entry(index: entry.index, term: entry.term, time: ownTime, payload: entry.payload)
                return apply(entry, at: now, into: &out)
            }
        #endif
        let position = ApplyPosition(index: entry.index, term: entry.term, time: entry.time)
        guard case .command(let bytes) = entry.payload else {
            store.advance(to: position)
            return 0
        }
        guard let (origins, proposal) = try? LoggedCommand.decode(bytes) else {
            // Every node of this release skips it alike.
            store.advance(to: position)
            out.notices.append(.unreadableCommand(entry.index))
            return 0
        }
        let applied = store.apply(proposal, at: position)
        if let events = applied.events { watches.match(events, into: &out) }
        if !applied.elections.isEmpty {
            elections.match(applied.elections, into: &out)
            out.notices.append(.electionsChanged(applied.elections))
        }
        notice(applied.result, into: &out)
        for origin in origins where origin.node == id {
            resolve(origin.number, with: applied.result, at: now, into: &out)
        }
        return applied.events?.events.count ?? 0
    }

    private func notice(_ result: CommandResult, into out: inout Outbox) {
        switch result {
        case .leasesExpired(let leases, _) where leases > 0: out.notices.append(.leasesExpired(leases))
        case .compacted(let revision): out.notices.append(.compacted(through: revision))
        default: break
        }
    }

    private mutating func resolve(_ number: UInt64, with result: CommandResult, at now: Instant, into out: inout Outbox)
    {
        guard let waiter = waiters.removeValue(forKey: number) else { return }
        let position = position(at: now)
        for request in waiter.requests {
            // A state that differs may come to another result than all others.
            if isFenced {
                reply(request, .refused(.timeout, position), into: &out)
                continue
            }
            // Only of renewals it has to be looked up what was asked for.
            guard case .leasesRenewed = result, let content = requests[request]?.content else {
                reply(request, .written(result, position), into: &out)
                continue
            }
            switch content {
            case .renew(let leases):
                reply(request, .renewed(leases.map { store.lease($0) }, position), into: &out)
            case .write(let proposal) where proposal.command.isCampaign:
                answerCampaign(request, proposal, position, into: &out)
            default: reply(request, .written(result, position), into: &out)
            }
        }
    }

    /// A campaign that went in with the renewals: when the candidacy has ended since, or is another one, that was not all.
    private mutating func answerCampaign(
        _ request: RequestID, _ proposal: Proposal, _ position: ReplyPosition, into out: inout Outbox
    ) {
        let lease = requests[request]?.renewing
        if let result = lease.flatMap({ store.answer(renewing: $0, for: proposal) }) {
            return reply(request, .written(result, position), into: &out)
        }
        requests[request]?.needsOwnEntry = true
        enqueueAgain(request)
    }

    /// An entry of a newer term is committed: what was handed to a leader of an older one and has not come by is lost for
    /// certain (its log position is taken), so it may be tried again.
    private mutating func retryWhatWasLost(before term: Term, into out: inout Outbox) {
        let lost = waiters.filter { $0.value.term < term }.keys.sorted()
        guard !lost.isEmpty else { return }
        for number in lost {
            for request in waiters.removeValue(forKey: number)?.requests ?? [] { enqueueAgain(request) }
        }
        out.notices.append(.retriedAfterElection(lost.count))
    }
}

extension Command {
    fileprivate var isCampaign: Bool { if case .campaign = self { true } else { false } }
}
