internal import Consensus
internal import KeyValue
internal import Primitives

// Linearizable and stale reads, and the opening of watches, which begins with one.

extension Replica {
    /// All reads that came since the last flush share one proof; without a leader they wait here.
    mutating func submitReads() {
        guard !arrivedReads.isEmpty, raft.leader != nil else { return }
        readBatches[nextRead] = arrivedReads
        arrivedReads = []
        raft.requestRead(nextRead)
        nextRead = ReadID(rawValue: nextRead.rawValue + 1)
    }

    mutating func takeReadyReads(at now: Instant, into out: inout Outbox) {
        for (read, index) in raftOut.readyReads {
            guard let batch = readBatches.removeValue(forKey: read) else { continue }
            #if PlantedBugs
                if planted(.answersBeforeApplied), !isFenced {
                    for request in batch { answerRead(request, at: now, into: &out) }
                    continue
                }
            #endif
            if store.appliedIndex >= index && !isFenced {
                hasBeenCurrent = true
                for request in batch { answerRead(request, at: now, into: &out) }
            } else {
                readsAwaitingApply.append((index, batch))
            }
        }
        raftOut.readyReads.removeAll(keepingCapacity: true)
    }

    /// Answers the reads whose index the state has reached.
    mutating func answerAwaitingReads(at now: Instant, into out: inout Outbox) {
        guard !readsAwaitingApply.isEmpty, !isFenced else { return }
        let ready = readsAwaitingApply.filter { $0.index <= store.appliedIndex }
        guard !ready.isEmpty else { return }
        hasBeenCurrent = true
        readsAwaitingApply.removeAll { $0.index <= store.appliedIndex }
        for batch in ready { for request in batch.requests { answerRead(request, at: now, into: &out) } }
    }

    private mutating func answerRead(_ id: RequestID, at now: Instant, into out: inout Outbox) {
        guard let request = takeRequest(id) else { return }
        switch request.content {
        case .read(let query, .stale): answerStale(id, query, at: now, into: &out)
        case .read(let query, _): out.replies.append((id, .read(answer(query, at: now), position(at: now))))
        case .watch(let watch, let wanted): openNow(id, watch, wanted, at: now, into: &out)
        case .observe(let watch, let election, _): observeNow(id, watch, election, at: now, into: &out)
        case .write(let proposal): answerContender(id, request, proposal, at: now, into: &out)
        case .renew: preconditionFailure("a renewal does not wait for a read index")
        }
    }

    func answerStale(_ id: RequestID, _ query: Query, at now: Instant, into out: inout Outbox) {
        var position = position(at: now)
        position.staleness = raft.staleness(at: now)
        guard !isFenced else {
            out.replies.append((id, .refused(.notReady("this node is repairing its state"), position)))
            return
        }
        out.replies.append((id, .read(answer(query, at: now), position)))
    }

    private func answer(_ query: Query, at now: Instant) -> QueryResult {
        #if PlantedBugs
            if planted(.countsLeasesFromEntries) { return store.query(query) }
        #endif
        return store.query(query, at: raft.presentTime(at: now))
    }

    // MARK: - Opening watches

    private mutating func openNow(
        _ id: RequestID, _ watch: WatchID, _ wanted: WatchRequest, at now: Instant, into out: inout Outbox
    ) {
        var records: [KeyRecord] = []
        for selection in wanted.start == .now ? wanted.selections : [] {
            guard case .range(let page) = store.query(.range(RangeQuery(selection: selection))) else { continue }
            guard !page.more else {
                out.replies.append((id, .refused(.stateTooLarge(limit: Limits.rangePage), position(at: now))))
                return
            }
            records.append(contentsOf: page.records)
        }
        guard hasRoomForWatch(id, at: now, into: &out) else { return }
        if wanted.selections.count > 1 { records = records.orderedWithoutRepetition() }
        #if PlantedBugs
            if planted(.beginsWatchLate) {
                watches.open(watch, selections: wanted.selections, after: store.revision.next, current: store.revision)
                return out.replies.append((id, .watching(records, position(at: now))))
            }
        #endif
        watches.open(watch, selections: wanted.selections, after: store.revision, current: store.revision)
        out.replies.append((id, .watching(wanted.start == .now ? records : nil, position(at: now))))
    }

    mutating func openResumed(
        _ id: RequestID, _ watch: WatchID, _ wanted: WatchRequest, at now: Instant, into out: inout Outbox
    ) {
        guard case .after(let revision) = wanted.start else { preconditionFailure("a resumed watch names a revision") }
        guard !isFenced else {
            out.replies.append((id, .refused(.notReady("this node is repairing its state"), position(at: now))))
            return
        }
        guard revision.next >= store.oldestRevision else {
            out.replies.append((id, .refused(.compacted(oldest: store.oldestRevision), position(at: now))))
            return
        }
        guard hasRoomForWatch(id, at: now, into: &out) else { return }
        watches.open(watch, selections: wanted.selections, after: revision, current: store.revision)
        out.replies.append((id, .watching(nil, position(at: now))))
    }

    private mutating func observeNow(
        _ id: RequestID, _ watch: WatchID, _ election: ElectionID, at now: Instant, into out: inout Outbox
    ) {
        guard hasRoomForWatch(id, at: now, into: &out) else { return }
        let newest = store.newestEvent(of: election)
        elections.openLive(watch, election: election, at: newest.fence)
        out.replies.append((id, .observing(newest, position(at: now))))
    }

    mutating func observeResumed(
        _ id: RequestID, _ watch: WatchID, _ election: ElectionID, after fence: Fence, at now: Instant,
        into out: inout Outbox
    ) {
        guard !isFenced else {
            out.replies.append((id, .refused(.notReady("this node is repairing its state"), position(at: now))))
            return
        }
        guard hasRoomForWatch(id, at: now, into: &out) else { return }
        elections.open(watch, election: election, after: fence)
        out.replies.append((id, .observing(nil, position(at: now))))
    }

    /// The client wants nothing more of a watch, open or not.
    mutating func close(_ watch: WatchID, at now: Instant, into out: inout Outbox) {
        if let request = openings[watch] {
            reply(
                request, .refused(.notReady("the watch was closed before it was open"), position(at: now)), into: &out)
        }
        watches.close(watch)
        elections.close(watch)
    }

    private func hasRoomForWatch(_ id: RequestID, at now: Instant, into out: inout Outbox) -> Bool {
        guard watches.count + elections.count >= Limits.watches else { return true }
        out.replies.append((id, .refused(.overloaded, position(at: now))))
        return false
    }
}

extension [KeyRecord] {
    /// In key order, each key once: selections of one watch may overlap.
    fileprivate func orderedWithoutRepetition() -> [KeyRecord] {
        var result: [KeyRecord] = []
        for record in sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) where result.last?.key != record.key {
            result.append(record)
        }
        return result
    }
}
