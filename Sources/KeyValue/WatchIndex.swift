/// Finds the watches that a revision concerns. Watches on other keys cost nothing: single keys and prefixes are looked up,
/// only ranges that are no prefix are gone through.
package struct WatchIndex<ID: Hashable & Comparable & Sendable>: Sendable {
    /// The watches of one selection.
    struct Bucket: Sendable {
        /// Watches that have only this selection.
        var sole = WatchRoster<ID>()
        /// Watches that have others too, so that their events have to be put together.
        var shared = WatchRoster<ID>()

        var isEmpty: Bool { sole.isEmpty && shared.isEmpty }
    }

    /// What is watched for one prefix length.
    private struct PrefixLevel: Sendable {
        let length: Int
        var buckets: [ArraySlice<UInt8>: Int]
    }

    private struct WatchedRange: Sendable {
        let selection: KeySelection
        let bucket: Int
    }

    /// Buckets by number; those of ``free`` are empty and unused.
    private var buckets: [Bucket] = []
    private var free: [Int] = []
    private var exact: [[UInt8]: Int] = [:]
    /// By ascending length, none without a bucket.
    private var prefixes: [PrefixLevel] = []
    /// In the order they were first watched.
    private var ranges: [WatchedRange] = []
    /// What each watch selected, without repetitions.
    private var selections: [ID: [KeySelection]] = [:]

    package init() {}

    package var count: Int { selections.count }
    package var isEmpty: Bool { selections.isEmpty }

    // MARK: Watches

    /// Adds a watch under an id that is not in use.
    package mutating func add(_ id: ID, selections wanted: [KeySelection]) {
        var distinct: [KeySelection] = []
        for selection in wanted where !distinct.contains(selection) { distinct.append(selection) }
        let isNew = selections.updateValue(distinct, forKey: id) == nil
        precondition(isNew, "a watch is added once")
        for selection in distinct {
            let bucket = bucket(for: selection)
            if distinct.count == 1 {
                buckets[bucket].sole.insert(id)
            } else {
                buckets[bucket].shared.insert(id)
            }
        }
    }

    /// Removes a watch; nothing happens when there is none.
    package mutating func remove(_ id: ID) {
        let selected = selections.removeValue(forKey: id) ?? []
        for selection in selected {
            guard let bucket = existingBucket(for: selection) else { continue }
            if selected.count == 1 { buckets[bucket].sole.remove(id) } else { buckets[bucket].shared.remove(id) }
            if buckets[bucket].isEmpty { drop(selection, bucket) }
        }
    }

    private func existingBucket(for selection: KeySelection) -> Int? {
        switch WatchShape(selection) {
        case .key(let key): exact[key]
        case .prefix(let prefix): prefixes.first { $0.length == prefix.count }?.buckets[prefix[...]]
        case .range: ranges.first { $0.selection == selection }?.bucket
        }
    }

    private mutating func bucket(for selection: KeySelection) -> Int {
        if let bucket = existingBucket(for: selection) { return bucket }
        let bucket = free.popLast() ?? buckets.count
        if bucket == buckets.count { buckets.append(Bucket()) }
        switch WatchShape(selection) {
        case .key(let key): exact[key] = bucket
        case .prefix(let prefix):
            let level = prefixes.firstIndex { $0.length >= prefix.count } ?? prefixes.count
            if level == prefixes.count || prefixes[level].length != prefix.count {
                prefixes.insert(PrefixLevel(length: prefix.count, buckets: [:]), at: level)
            }
            prefixes[level].buckets[prefix[...]] = bucket
        case .range: ranges.append(WatchedRange(selection: selection, bucket: bucket))
        }
        return bucket
    }

    private mutating func drop(_ selection: KeySelection, _ bucket: Int) {
        switch WatchShape(selection) {
        case .key(let key): exact[key] = nil
        case .prefix(let prefix):
            guard let level = prefixes.firstIndex(where: { $0.length == prefix.count }) else { break }
            prefixes[level].buckets[prefix[...]] = nil
            if prefixes[level].buckets.isEmpty { prefixes.remove(at: level) }
        case .range: ranges.removeAll { $0.bucket == bucket }
        }
        // A fresh one: the storage of a crowd that is gone is not kept.
        buckets[bucket] = Bucket()
        free.append(bucket)
    }

    // MARK: Matching

    /// The watches that `revision` concerns, grouped by what of it they get: everyone in a group gets the same object, and
    /// it is `revision` itself for those who get all of it. Ids ascend within a group.
    package mutating func match(_ revision: RevisionEvents) -> [(ids: [ID], events: RevisionEvents)] {
        if selections.isEmpty { return [] }
        if revision.events.count == 1 {
            let ids = idsConcerned(by: revision.events[0].key)
            return ids.isEmpty ? [] : [(ids, revision)]
        }
        var grouping = WatchGrouping<ID>(revision)
        for (place, event) in revision.events.enumerated() {
            for bucket in bucketsConcerned(by: event.key) { grouping.hit(bucket, event: place) }
        }
        return grouping.groups(&buckets)
    }

    private mutating func idsConcerned(by key: [UInt8]) -> [ID] {
        var ids: [ID] = []
        for bucket in bucketsConcerned(by: key) {
            ids.mergeAscending(buckets[bucket].sole.all())
            ids.mergeAscending(buckets[bucket].shared.all())
        }
        return ids
    }

    private func bucketsConcerned(by key: [UInt8]) -> [Int] {
        var concerned: [Int] = []
        if let bucket = exact[key] { concerned.append(bucket) }
        for level in prefixes {
            if level.length > key.count { break }
            if let bucket = level.buckets[key[..<level.length]] { concerned.append(bucket) }
        }
        for range in ranges where range.selection.contains(key) { concerned.append(range.bucket) }
        return concerned
    }
}

/// How a selection is looked up.
private enum WatchShape {
    case key([UInt8])
    case prefix([UInt8])
    case range

    init(_ selection: KeySelection) {
        self =
            switch selection {
            case .key(let key): .key(key)
            case .range(let from, _): selection == .prefix(from) ? .prefix(from) : .range
            }
    }
}
