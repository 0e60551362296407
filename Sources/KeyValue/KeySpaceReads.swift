internal import Primitives

/// Reads of ranges, now and at a revision of the history.
extension KeySpace {
    /// Why `query` cannot be answered: the revision it reads at is gone, or not there yet. The newest one always is.
    func refusal(of query: RangeQuery) -> CommandFailure? {
        guard let at = query.at, at != revision else { return nil }
        if at > revision { return .futureRevision(current: revision) }
        return at <= compacted ? .compacted(oldest: compacted.next) : nil
    }

    /// The page that `query` asks for, once ``refusal(of:)`` found nothing. `budget` are the bytes it may take, and is left
    /// with what it did not; one record always fits.
    func page(_ query: RangeQuery, budget: inout Int) -> RangeResult {
        var page = PageBuilder(query, budget: budget)
        if let at = query.at, at < reachedRevision {
            collect(query.selection, at: at, into: &page)
        } else {
            collect(query.selection, into: &page)
        }
        budget = page.budget
        return page.result
    }

    /// Whether `body` is true for every living record of a selection; asks no further after the first that is not.
    func allRecords(in selection: KeySelection, _ body: (KeyRecord) -> Bool) -> Bool {
        var (position, end) = living.bounds(of: selection)
        while position < end {
            if let record = living[position].newest.record, !body(record) { return false }
            position = living.position(after: position)
        }
        return true
    }

    /// The living keys of a selection, in order.
    func livingKeys(in selection: KeySelection) -> [Bytes] {
        var (position, end) = living.bounds(of: selection)
        var result: [Bytes] = []
        while position < end {
            result.append(living.key(at: position).bytes)
            position = living.position(after: position)
        }
        return result
    }

    private func collect(_ selection: KeySelection, into page: inout PageBuilder) {
        if case .key(let key) = selection {
            if let record = record(for: key) { page.add(record) }
            return
        }
        var (position, end) = living.bounds(of: selection)
        page.count = living.distance(from: position, to: end)
        while position < end, !page.isFull {
            if let record = living[position].newest.record { page.append(record) }
            position = living.position(after: position)
        }
    }

    private func collect(_ selection: KeySelection, at revision: Revision, into page: inout PageBuilder) {
        if case .key(let key) = selection {
            let key = ByteKey(key)
            let versions = living.value(for: key) ?? dead.value(for: key)
            if let record = versions?.record(at: revision) { page.add(record) }
            return
        }
        var (next, end) = living.bounds(of: selection)
        var (nextDead, endOfDead) = dead.bounds(of: selection)
        while next < end || nextDead < endOfDead {
            // The smaller key next: no key is in both.
            let isDead = next == end || nextDead < endOfDead && dead.key(at: nextDead) < living.key(at: next)
            let record = isDead ? dead[nextDead].record(at: revision) : living[next].record(at: revision)
            if let record { page.add(record) }
            if isDead { nextDead = dead.position(after: nextDead) } else { next = living.position(after: next) }
        }
    }
}

extension OrderedMap where Key == ByteKey {
    /// The entries of a selection, from the first up to and without the second position.
    func bounds(of selection: KeySelection) -> (start: Position, end: Position) {
        switch selection {
        case .key(let key):
            let place = search(ByteKey(key))
            return (place.position, place.found ? position(after: place.position) : place.position)
        case .range(let from, let to):
            let start = lowerBound(ByteKey(from))
            let end = to.map { lowerBound(ByteKey($0)) } ?? endPosition
            return (start, max(start, end))
        }
    }
}

/// Fills a page of a range read up to its limits, and counts beyond them.
private struct PageBuilder {
    private let limit: Int
    private let keysOnly: Bool
    private let countOnly: Bool
    private var records: [KeyRecord] = []
    /// Bytes that may still be taken.
    private(set) var budget: Int
    /// Whether nothing more goes in; stays so once it is.
    private(set) var isFull: Bool
    /// How many keys the selection has.
    var count = 0

    init(_ query: RangeQuery, budget: Int) {
        limit = query.limit > 0 ? min(query.limit, Limits.rangePage) : Limits.rangePage
        keysOnly = query.keysOnly
        countOnly = query.countOnly
        isFull = query.countOnly
        self.budget = budget
    }

    /// Counts a record, and takes it if there is room.
    mutating func add(_ record: KeyRecord) {
        count += 1
        if !isFull { append(record) }
    }

    /// Takes a record that is counted already, if there is room.
    mutating func append(_ record: KeyRecord) {
        let bytes = record.key.count + (keysOnly ? 0 : record.value.count)
        guard records.count < limit, records.isEmpty || bytes <= budget else {
            isFull = true
            return
        }
        budget = max(0, budget - bytes)
        records.append(record)
        if keysOnly { records[records.count - 1] = records[records.count - 1].withoutValue }
    }

    var result: RangeResult {
        RangeResult(records: records, count: count, more: !countOnly && records.count < count)
    }
}
