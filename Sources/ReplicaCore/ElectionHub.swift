internal import KeyValue
internal import Primitives

/// The watches of elections at one node. Each knows the fence it was told of last, and what comes after that is read from what
/// the election remembers: nothing is queued per watch.
struct ElectionHub: Sendable {
    private struct Watch: Sendable {
        let election: ElectionID
        /// Every change up to and including this one was handed out.
        var cursor: Fence
        var state: State
    }

    private enum State: Sendable {
        /// Told of a change as it is applied.
        case live
        /// Told of what came after the cursor with the next flush.
        case catchingUp
        case paused
    }

    private var watches: [WatchID: Watch] = [:]
    private var live: [ElectionID: WatchRoster<WatchID>] = [:]
    /// Those that catch up.
    private var lagging = WatchLine()

    var count: Int { watches.count }
    var hasWork: Bool { !lagging.isEmpty }

    mutating func open(_ id: WatchID, election: ElectionID, after fence: Fence) {
        watches[id] = Watch(election: election, cursor: fence, state: .catchingUp)
        lagging.append(id)
    }

    /// A watch that was told everything up to now.
    mutating func openLive(_ id: WatchID, election: ElectionID, at fence: Fence) {
        watches[id] = Watch(election: election, cursor: fence, state: .live)
        live[election, default: WatchRoster()].insert(id)
    }

    mutating func close(_ id: WatchID) {
        guard let watch = watches.removeValue(forKey: id) else { return }
        leave(id, watch)
    }

    /// - Returns: those that were open, in the order of their ids.
    mutating func closeAll() -> [WatchID] {
        let ids = watches.keys.sorted()
        self = ElectionHub()
        return ids
    }

    mutating func pause(_ id: WatchID) {
        guard let watch = watches[id] else { return }
        leave(id, watch)
        watches[id]?.state = .paused
    }

    mutating func resume(_ id: WatchID) {
        guard case .paused = watches[id]?.state else { return }
        watches[id]?.state = .catchingUp
        lagging.append(id)
    }

    /// The state was replaced: what came between is read from the new one.
    mutating func restart() {
        for id in watches.keys.sorted() {
            guard let watch = watches[id], case .live = watch.state else { continue }
            leave(id, watch)
            watches[id]?.state = .catchingUp
            lagging.append(id)
        }
    }

    private mutating func leave(_ id: WatchID, _ watch: Watch) {
        switch watch.state {
        case .live:
            live[watch.election]?.remove(id)
            if live[watch.election]?.isEmpty == true { live[watch.election] = nil }
        case .catchingUp: lagging.remove(id)
        case .paused: break
        }
    }

    /// Hands changes that were just applied to the live watches they concern: one object for all who get it.
    mutating func match(_ events: [ElectionEvent], into out: inout Outbox) {
        for event in events {
            guard let ids = live[event.election]?.all() else { continue }
            let due = ids.filter { id in watches[id].map { $0.cursor < event.fence } ?? false }
            guard !due.isEmpty else { continue }
            for id in due { watches[id]?.cursor = event.fence }
            out.deliveries.append(WatchDelivery(watches: due, batch: WatchBatch(elections: [event])))
        }
    }

    /// What each watch that catches up has missed, within bounds per flush; then it is live. Those with the same cursor share it.
    mutating func catchUp(from store: Store, into out: inout Outbox) {
        var shared: [Lag: Missed] = [:]
        var bytes = 0
        for _ in 0..<Limits.watchTurn {
            guard bytes < Limits.watchTurnBytes, let id = lagging.popFirst(), let watch = watches[id] else { break }
            let lag = Lag(election: watch.election, cursor: watch.cursor)
            let missed = shared[lag] ?? Missed(lag, in: store)
            if shared.updateValue(missed, forKey: lag) == nil { bytes += missed.bytes }
            serve(id, missed, store: store, into: &out)
        }
    }

    private mutating func serve(_ id: WatchID, _ missed: Missed, store: Store, into out: inout Outbox) {
        guard var watch = watches.removeValue(forKey: id) else { return }
        guard let batch = missed.batch else {
            out.endedWatches.append((id, .electionCompacted(now: store.summary(of: watch.election).fence)))
            return
        }
        if let last = batch.elections.last {
            watch.cursor = max(watch.cursor, last.fence)
            out.deliveries.append(WatchDelivery(watches: [id], batch: batch))
        }
        watch.state = .live
        watches[id] = watch
        live[watch.election, default: WatchRoster()].insert(id)
    }

    /// Where a watch stands.
    private struct Lag: Hashable {
        var election: ElectionID
        var cursor: Fence
    }

    /// What came after that; no batch when it is not known any more.
    private struct Missed {
        let batch: WatchBatch?
        let bytes: Int

        init(_ lag: Lag, in store: Store) {
            let events = store.events(of: lag.election, after: lag.cursor)
            batch = events.map { WatchBatch(elections: $0) }
            bytes = events?.reduce(0) { $0 + $1.bytes } ?? 0
        }
    }
}
