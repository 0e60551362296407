internal import KeyValue
internal import Primitives

/// The watches of one node. A live watch is matched as revisions are applied; one that starts in the past, or was paused,
/// reads the history from its cursor until it has caught up. Nothing is queued per watch.
struct WatchHub: Sendable {
    private struct Watch: Sendable {
        var selections: [KeySelection]
        var state: State
    }

    private enum State: Sendable {
        case live
        /// Reads history after the cursor.
        case catchingUp(after: Revision)
        case paused(after: Revision)
    }

    private var watches: [WatchID: Watch] = [:]
    private var index = WatchIndex<WatchID>()
    /// Those that catch up.
    private var lagging = WatchLine()
    /// Events of history that a watch is handed at once, or one revision's more.
    private var pageEvents: Int

    init(pageEvents: Int) { self.pageEvents = pageEvents }

    var count: Int { watches.count }

    /// Whether a flush now would deliver something to a watch that catches up.
    func hasWork(at revision: Revision) -> Bool {
        lagging.contains { id in
            if case .catchingUp(let after) = watches[id]?.state { after <= revision } else { false }
        }
    }

    mutating func open(_ id: WatchID, selections: [KeySelection], after revision: Revision, current: Revision) {
        if revision == current {
            watches[id] = Watch(selections: selections, state: .live)
            index.add(id, selections: selections)
        } else {
            watches[id] = Watch(selections: selections, state: .catchingUp(after: revision))
            lagging.append(id)
        }
    }

    mutating func close(_ id: WatchID) {
        guard let watch = watches.removeValue(forKey: id) else { return }
        if case .live = watch.state { index.remove(id) }
        lagging.remove(id)
    }

    /// - Returns: those that were open, in the order of their ids.
    mutating func closeAll() -> [WatchID] {
        let ids = watches.keys.sorted()
        self = WatchHub(pageEvents: pageEvents)
        return ids
    }

    /// Everything up to `current` has been handed out to a live watch.
    mutating func pause(_ id: WatchID, current: Revision) {
        guard let watch = watches[id] else { return }
        #if PlantedBugs
            if planted(.repeatsOnResume), case .live = watch.state, current > .empty {
                index.remove(id)
                watches[id]?.state = .paused(after: Revision(current.rawValue - 1))
                return
            }
        #endif
        switch watch.state {
        case .live:
            index.remove(id)
            watches[id]?.state = .paused(after: current)
        case .catchingUp(let after):
            lagging.remove(id)
            watches[id]?.state = .paused(after: after)
        case .paused: break
        }
    }

    mutating func resume(_ id: WatchID) {
        guard case .paused(let after) = watches[id]?.state else { return }
        watches[id]?.state = .catchingUp(after: after)
        lagging.append(id)
    }

    /// Up to where a watch has been handed everything; `nil` when there is no such watch.
    func reached(_ id: WatchID, current: Revision) -> Revision? {
        #if PlantedBugs
            if planted(.progressAhead), watches[id] != nil { return current }
        #endif
        return switch watches[id]?.state {
        case .live: current
        case .catchingUp(let after), .paused(let after): min(after, current)
        case nil: nil
        }
    }

    /// Hands a revision that was just applied to the live watches it concerns.
    mutating func match(_ events: RevisionEvents, into out: inout Outbox) {
        #if PlantedBugs
            if planted(.splitsRevisions), events.events.count > 1 {
                for event in events.events {
                    match(RevisionEvents(revision: events.revision, events: [event]), into: &out)
                }
                return
            }
        #endif
        guard !watches.isEmpty else { return }
        for group in index.match(events) {
            out.deliveries.append(WatchDelivery(watches: group.ids, batch: WatchBatch(revisions: [group.events])))
        }
    }

    /// One page of history for each watch that catches up, within bounds per flush, so that many that catch up do not hold
    /// up the others; those that arrive become live.
    mutating func catchUp(from store: Store, into out: inout Outbox) {
        #if PlantedBugs
            if planted(.deliversAllAtOnce) { pageEvents = .max }
        #endif
        var bytes = 0
        for _ in 0..<min(lagging.count, Limits.watchTurn) {
            guard bytes < Limits.watchTurnBytes, let id = lagging.popFirst(), let watch = watches[id],
                case .catchingUp(let after) = watch.state
            else { break }
            let isDone =
                after <= store.revision
                && advance(id, watch: watch, after: after, store: store, bytes: &bytes, into: &out)
            // Behind those who had no turn yet; one that begins in the future does not keep them from theirs either.
            if !isDone { lagging.append(id) }
        }
    }

    /// - Returns: whether the watch needs no further page.
    private mutating func advance(
        _ id: WatchID, watch: Watch, after: Revision, store: Store, bytes: inout Int, into out: inout Outbox
    ) -> Bool {
        #if PlantedBugs
            if planted(.skipsCompacted), after.next < store.oldestRevision {
                watches[id]?.state = .catchingUp(after: Revision(store.oldestRevision.rawValue - 1))
                return false
            }
        #endif
        guard after.next >= store.oldestRevision else {
            watches[id] = nil
            out.endedWatches.append((id, .compacted(oldest: store.oldestRevision)))
            return true
        }
        let page = store.events(after: after, selections: watch.selections, limit: pageEvents)
        guard case .events(let revisions, let scannedThrough) = page else {
            watches[id] = nil
            out.endedWatches.append((id, .compacted(oldest: store.oldestRevision)))
            return true
        }
        if !revisions.isEmpty {
            bytes += revisions.reduce(0) { $0 + $1.bytes }
            out.deliveries.append(WatchDelivery(watches: [id], batch: WatchBatch(revisions: revisions)))
        }
        #if PlantedBugs
            if planted(.skipsRestOfHistory), scannedThrough < store.revision {
                watches[id]?.state = .live
                index.add(id, selections: watch.selections)
                return true
            }
        #endif
        if scannedThrough >= store.revision {
            watches[id]?.state = .live
            index.add(id, selections: watch.selections)
            return true
        }
        watches[id]?.state = .catchingUp(after: scannedThrough)
        return false
    }

    /// The state was replaced: what came between is read from the new one's history, if it still has it.
    mutating func restart(after revision: Revision) {
        #if PlantedBugs
            if planted(.keepsWatchesLive) { return }
        #endif
        for id in watches.keys.sorted() {
            guard case .live = watches[id]?.state else { continue }
            index.remove(id)
            watches[id]?.state = .catchingUp(after: revision)
            lagging.append(id)
        }
    }
}
