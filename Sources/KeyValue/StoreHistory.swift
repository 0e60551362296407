package import Primitives

/// A piece of the history for a watch.
package enum HistoryPage: Sendable {
    /// The selected events in the order of revisions, each revision's together. Everything up to and including
    /// `scannedThrough` was looked at; when that is before the store's revision there is more, even if no event was found.
    case events([RevisionEvents], scannedThrough: Revision)
    /// Not all revisions asked for are there any more.
    case compacted(oldest: Revision)
}

/// How much history is kept before the oldest is due for compaction.
package struct HistoryBounds: Hashable, Sendable {
    package var revisions: Int
    package var bytes: Int
    /// In cluster time.
    package var age: TimeSpan
    package init(
        revisions: Int = Limits.historyRevisions, bytes: Int = Limits.historyBytes, age: TimeSpan = Limits.historyAge
    ) {
        self.revisions = revisions
        self.bytes = bytes
        self.age = age
    }
}

extension Store {
    /// The first revision whose events are all there still.
    package var oldestRevision: Revision { keys.compacted.next }

    /// Events of the revisions after `revision` that any of the selections contains: whole revisions, up to `limit` events
    /// and `bytes`, or one revision's more. Looks at a bounded number of revisions; go on from `scannedThrough`.
    package func events(
        after revision: Revision, selections: [KeySelection], limit: Int, bytes: Int = Limits.watchBatchBytes
    ) -> HistoryPage {
        guard revision >= keys.compacted else { return .compacted(oldest: oldestRevision) }
        guard revision < keys.revision else { return .events([], scannedThrough: revision) }
        // A store in which nothing ever happened is at a revision all the same.
        guard let first = keys.history.first?.events.revision else {
            return .events([], scannedThrough: keys.revision)
        }
        var found: [RevisionEvents] = []
        var count = 0
        var size = 0
        var reached = revision
        let start = revision < first ? 0 : Int(revision.rawValue - first.rawValue) + 1
        for place in start..<min(keys.history.count, start + Limits.historyScan) {
            let events = keys.history[place].events
            if let selected = events.selected(by: selections) {
                found.append(selected)
                count += selected.events.count
                size += selected.bytes
            }
            reached = events.revision
            if count >= limit || size >= bytes { break }
        }
        return .events(found, scannedThrough: reached)
    }

    /// Through which revision history is due to go, to be proposed as ``Command/compact(through:)``. Waits until the history
    /// is over a bound, and then goes a tenth below it (for age, a minute if that is less), so that it goes in steps; no step
    /// is of more than ``Limits/compactionRevisions``. Costs next to nothing while none is due, and the revisions that are due
    /// once some are: ask again when they are gone.
    package func compactionDue(_ bounds: HistoryBounds = HistoryBounds()) -> Revision? {
        guard let first = keys.history.first?.events.revision else { return nil }
        let gone = max(excessRevisions(bounds), excessBytes(bounds), excessAge(bounds))
        return gone > 0 ? Revision(first.rawValue + UInt64(min(gone, Limits.compactionRevisions)) - 1) : nil
    }

    private func excessRevisions(_ bounds: HistoryBounds) -> Int {
        let count = keys.history.count
        return count > bounds.revisions ? count - (bounds.revisions - bounds.revisions / 10) : 0
    }

    private func excessBytes(_ bounds: HistoryBounds) -> Int {
        guard keys.historyBytes > bounds.bytes else { return 0 }
        var excess = keys.historyBytes - (bounds.bytes - bounds.bytes / 10)
        var place = 0
        while excess > 0, place < min(keys.history.count, Limits.compactionRevisions) {
            excess -= keys.history[place].superseded
            place += 1
        }
        return place
    }

    private func excessAge(_ bounds: HistoryBounds) -> Int {
        let step = min(bounds.age / 10, .seconds(60))
        guard let oldest = keys.history.first, (time - oldest.time) - bounds.age > step else { return 0 }
        var low = 0
        var high = keys.history.count
        while low < high {
            let middle = (low + high) / 2
            if time - keys.history[middle].time > bounds.age { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func compact(through target: Revision) -> CommandResult {
        #if PlantedBugs
            if planted(.compactsOnlySaved), appliedIndex.rawValue > takenIndex.rawValue + 4 {
                return .compacted(through: keys.compacted)
            }
        #endif
        guard target <= keys.revision else { return .failed(.futureRevision(current: keys.revision)) }
        if target > keys.compacted {
            keys.compact(through: target)
            digest.combine(compactedThrough: target)
        }
        return .compacted(through: keys.compacted)
    }

    mutating func discardHistory(before first: Revision) -> CommandResult {
        guard first <= keys.revision else { return .failed(.futureRevision(current: keys.revision)) }
        guard first > keys.compacted.next || (first == .empty && keys.compacted == .zero) else {
            return .failed(.compacted(oldest: oldestRevision))
        }
        return compact(through: Revision(first.rawValue - 1))
    }
}

extension RevisionEvents {
    /// Bytes of the keys and values that the events tell.
    package var bytes: Int { events.reduce(0) { $0 + $1.bytes } }

    /// The events whose keys are selected: this object itself when they all are, `nil` when none is.
    func selected(by selections: [KeySelection]) -> RevisionEvents? {
        func isSelected(_ event: Event) -> Bool { selections.contains { $0.contains(event.key) } }
        if events.count == 1 { return isSelected(events[0]) ? self : nil }
        let selected = events.filter(isSelected)
        if selected.count == events.count { return self }
        return selected.isEmpty ? nil : RevisionEvents(revision: revision, events: selected)
    }
}

extension Event {
    fileprivate var bytes: Int {
        switch self {
        case .put(let record, let previous): record.key.count + record.value.count + (previous?.value.count ?? 0)
        case .delete(let key, _, _, let previous): key.count + (previous?.value.count ?? 0)
        }
    }
}
