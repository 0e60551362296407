internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// What a watch must bring next.
struct WatchCheck {
    var client: Int
    /// What it was called when it was first opened: it has gone on since.
    var origin: WatchID
    var node: Int
    var life: Int
    var selections: [KeySelection]
    /// Everything up to here was delivered, or lies before the start.
    var cursor: Revision
    var isOpen = false
    var isPaused = false
}

extension World {
    // MARK: Opening

    /// Opens a watch when there is none: from now, or where the last one ended.
    mutating func watch(_ client: Client) {
        guard client.watch == nil else { return }
        nextWatch += 1
        let id = WatchID(nextWatch)
        client.watch = id
        if client.resumeAfter == nil { client.selections = anySelections() }
        if client.resumeAfter == nil { client.firstWatch = id }
        let start = client.resumeAfter.map { WatchStart.after($0) } ?? (random.chance(5000) ? .now : .next)
        let request = WatchRequest(selections: client.selections, start: start)
        let node = random.below(nodes.count)
        watches[id] = WatchCheck(
            client: client.number, origin: client.firstWatch, node: node, life: nodes[node].life,
            selections: client.selections,
            cursor: client.resumeAfter ?? .zero)
        if client.resumeAfter != nil { counters[.watchResumed] += 1 }
        call(.watch(id, request), for: .watch(id), from: client, at: node)
    }

    private mutating func anySelections() -> [KeySelection] {
        switch random.below(4) {
        case 0: [.prefix([])]
        case 1: [.prefix(Bytes("k/".utf8))]
        case 2: [.key(Client.controllerKey), .key(Bytes("k/3".utf8)), .prefix(Bytes("k/1".utf8))]
        default: [.key(Bytes("k/\(random.below(Client.keyCount))".utf8))]
        }
    }

    /// The answer to the opening.
    mutating func opened(
        _ id: WatchID, _ records: [KeyRecord]?, _ start: WatchStart, at revision: Revision, node: SimulatedNode
    ) throws(Violation) {
        guard var watch = watches[id] else { return }
        counters[.watchOpened] += 1
        watch.isOpen = true
        watch.life = node.life
        if start == .now || start == .next {
            record.note(.opened(watch.selections, records, revision), of: watch.origin, at: now)
            watch.cursor = revision
        }
        if let records {
            var expected = watch.selections.flatMap { history.model.records($0, at: revision) }
            expected.sort { $0.key.lexicographicallyPrecedes($1.key) }
            let isSame = Set(expected) == Set(records) && records.count == Set(expected).count
            guard isSame else {
                throw Violation("29", "a watch begins with records that revision \(revision.rawValue) did not have")
            }
        }
        watches[id] = watch
        schedule.add(.watchTurn(client: watch.client, watch: id.rawValue), at: now + random.around(500_000_000))
    }

    /// The client pauses, goes on, or moves to another node.
    mutating func turnWatch(_ number: Int, _ id: WatchID) throws(Violation) {
        guard let watch = watches[id], watch.isOpen, clients[number].watch == id else { return }
        let node = nodes[watch.node]
        do throws(Violation) { try checkProgress(watch, id, node) } catch { try unlessLeftToHistory(error) }
        if watch.isPaused {
            watches[id]?.isPaused = false
            input(.resumeWatch(id), to: node)
        } else if case .settling = phase {
            return
        } else if random.chance(5000) {
            counters[.watchPaused] += 1
            watches[id]?.isPaused = true
            input(.pauseWatch(id), to: node)
        } else if random.chance(3000) {
            input(.closeWatch(id), to: node)
            close(id, watch)
        }
        schedule.add(.watchTurn(client: number, watch: id.rawValue), at: now + random.around(500_000_000))
    }

    private mutating func close(_ id: WatchID, _ watch: WatchCheck) {
        watches[id] = nil
        let client = clients[watch.client]
        guard client.watch == id else { return }
        client.watch = nil
        client.resumeAfter = watch.isOpen && random.chance(8000) ? watch.cursor : nil
        if client.resumeAfter != nil { record.note(.broken, of: watch.origin, at: now) }
    }

    /// The node is gone; its watches go on elsewhere.
    mutating func closeWatches(at node: SimulatedNode) {
        for (id, watch) in watches.sorted(by: { $0.key < $1.key }) where watch.node == node.number && watch.isOpen {
            close(id, watch)
        }
        closeObservations(at: node)
    }

    /// What a node says to have told a watch, it has told it (`invariants.md` 31).
    private mutating func checkProgress(_ watch: WatchCheck, _ id: WatchID, _ node: SimulatedNode) throws(Violation) {
        guard let process = node.process, watch.life == node.life,
            let told = PlantedBug.plant(options.planted, { process.replica.progress(of: id) }),
            told > watch.cursor
        else { return }
        counters[.progressTold] += 1
        record.note(.progress(told), of: watch.origin, at: now)
        try checkNothingMissed(watch, before: told.next, id, rule: "31")
        watches[id]?.cursor = told
    }

    /// One delivery holds no more than a page and a revision (`invariants.md` 32).
    private func checkSize(_ batch: WatchBatch) throws(Violation) {
        let events = batch.revisions.dropLast().reduce(0) { $0 + $1.events.count }
        guard events > swarm.watchPage else { return }
        throw Violation("32", "\(events) events are delivered at once")
    }

    // MARK: Deliveries

    mutating func deliver(_ delivery: WatchDelivery, from node: SimulatedNode) throws(Violation) {
        try checkSize(delivery.batch)
        for id in delivery.watches {
            if observations[id] != nil { try observe(delivery.batch.elections, by: id) }
            if options.planted == .skipsDeliveries, random.chance(100) { continue }
            guard var watch = watches[id] else { continue }
            guard watch.isOpen else { throw Violation("29", "watch \(id.rawValue) gets events before it is open") }
            if !losesOnTheWay { record.note(.events(delivery.batch), of: watch.origin, at: now) }
            for revision in delivery.batch.revisions { try check(revision, of: &watch, id) }
            watches[id] = watch
        }
    }

    private mutating func check(_ events: RevisionEvents, of watch: inout WatchCheck, _ id: WatchID) throws(Violation) {
        guard events.revision > watch.cursor else {
            throw Violation(
                "30", "watch \(id.rawValue) gets revision \(events.revision.rawValue) after \(watch.cursor.rawValue)")
        }
        try checkNothingMissed(watch, before: events.revision, id)
        guard let expected = expectedEvents(watch, events.revision), expected.matches(events.events) else {
            throw Violation("29", "watch \(id.rawValue) gets wrong events of revision \(events.revision.rawValue)")
        }
        counters[.eventsDelivered] += events.events.count
        watch.cursor = events.revision
    }

    private func checkNothingMissed(
        _ watch: WatchCheck, before end: Revision, _ id: WatchID, rule: String = "29"
    ) throws(Violation) {
        var revision = watch.cursor.next
        while revision < end {
            guard expectedEvents(watch, revision) == nil else {
                throw Violation(rule, "watch \(id.rawValue) misses revision \(revision.rawValue)")
            }
            revision = revision.next
        }
    }

    /// The events of a revision that a watch selects; `nil` when there are none.
    private func expectedEvents(_ watch: WatchCheck, _ revision: Revision) -> [Event]? {
        let events = history.model.events(of: revision)?.events.filter { event in
            watch.selections.contains { $0.contains(event.key) }
        }
        return events?.isEmpty ?? true ? nil : events
    }

    mutating func ended(_ id: WatchID, _ end: WatchEnd, at node: SimulatedNode) throws(Violation) {
        guard let watch = watches[id] else { return try endedObservation(id, end) }
        if case .stateReplaced = end, history.isDiverged[node.number] { return close(id, watch) }
        counters[.watchCompacted] += 1
        guard case .compacted(let oldest) = end, oldest > watch.cursor.next,
            oldest <= history.model.store.oldestRevision
        else {
            throw Violation("29", "watch \(id.rawValue) at \(watch.cursor.rawValue) ends with \(end)")
        }
        watches[id] = nil
        clients[watch.client].watch = nil
        clients[watch.client].resumeAfter = nil
    }

    /// In the end nothing is outstanding.
    mutating func checkComplete(_ watch: WatchCheck) throws(Violation) {
        guard watch.isOpen, !watch.isPaused, nodes[watch.node].isUp else { return }
        record.note(.closed(history.model.store.revision), of: watch.origin, at: now)
        try checkNothingMissed(
            watch, before: history.model.store.revision.next, clients[watch.client].watch ?? WatchID(0))
    }
}

extension [Event] {
    /// Equal but for what an event replaced, which may be compacted.
    fileprivate func matches(_ others: [Event]) -> Bool {
        count == others.count && zip(self, others).allSatisfy { $0.0.matches($0.1) }
    }
}

extension Event {
    fileprivate func matches(_ other: Event) -> Bool {
        switch (self, other) {
        case (.put(let record, let before), .put(let otherRecord, let otherBefore)):
            record == otherRecord && (otherBefore == nil || otherBefore == before)
        case (
            .delete(let key, let revision, let reason, let before),
            .delete(let otherKey, let otherRevision, let otherReason, let otherBefore)
        ):
            key == otherKey && revision == otherRevision && reason == otherReason
                && (otherBefore == nil || otherBefore == before)
        default: false
        }
    }
}
