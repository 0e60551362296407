/// Puts watches that get the same events of a revision together, without going through events watch by watch.
struct WatchGrouping<ID: Hashable & Comparable & Sendable> {
    private let revision: RevisionEvents
    /// The buckets that were hit, in the order of their first event, each with its events' places, ascending.
    private var hits: [(bucket: Int, places: [Int])] = []
    /// Where in ``hits`` a bucket is.
    private var hitOfBucket: [Int: Int] = [:]

    init(_ revision: RevisionEvents) { self.revision = revision }

    /// Notes that the watches of a bucket get the event at a place. Places come in ascending order.
    mutating func hit(_ bucket: Int, event place: Int) {
        if let hit = hitOfBucket[bucket] {
            hits[hit].places.append(place)
        } else {
            hitOfBucket[bucket] = hits.count
            hits.append((bucket, [place]))
        }
    }

    /// The groups, in the order in which their events first came together.
    func groups(_ buckets: inout [WatchIndex<ID>.Bucket]) -> [(ids: [ID], events: RevisionEvents)] {
        var groups: [(ids: [ID], places: [Int])] = []
        var groupOfPlaces: [[Int]: Int] = [:]
        func join(_ ids: [ID], _ places: [Int]) {
            if ids.isEmpty { return }
            if let group = groupOfPlaces[places] {
                groups[group].ids.mergeAscending(ids)
            } else {
                groupOfPlaces[places] = groups.count
                groups.append((ids, places))
            }
        }
        for hit in hits { join(buckets[hit.bucket].sole.all(), hit.places) }
        for (ids, places) in sharedGroups(&buckets) { join(ids, places) }
        return groups.map { ($0.ids, events(at: $0.places)) }
    }

    /// Watches with several selections, by the set of buckets that hit them.
    private func sharedGroups(_ buckets: inout [WatchIndex<ID>.Bucket]) -> [(ids: [ID], places: [Int])] {
        var hitsOfWatch: [ID: [Int]] = [:]
        for (number, hit) in hits.enumerated() {
            for id in buckets[hit.bucket].shared.all() { hitsOfWatch[id, default: []].append(number) }
        }
        var groups: [(ids: [ID], hits: [Int])] = []
        var groupOfHits: [[Int]: Int] = [:]
        for (id, hits) in hitsOfWatch.sorted(by: { $0.key < $1.key }) {
            if let group = groupOfHits[hits] {
                groups[group].ids.append(id)
            } else {
                groupOfHits[hits] = groups.count
                groups.append(([id], hits))
            }
        }
        return groups.map { group in
            (group.ids, group.hits.reduce(into: []) { $0.mergeAscending(hits[$1].places) })
        }
    }

    private func events(at places: [Int]) -> RevisionEvents {
        if places.count == revision.events.count { return revision }
        return RevisionEvents(revision: revision.revision, events: places.map { revision.events[$0] })
    }
}

extension Array where Element: Comparable {
    /// Where `element` is in this ascending array, or belongs.
    private func ascendingPlace(of element: Element) -> Int {
        // Ids grow, so the end is where most go.
        if let last, last < element { return count }
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < element { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Inserts an element that is not there into this ascending array.
    mutating func insertAscending(_ element: Element) { insert(element, at: ascendingPlace(of: element)) }

    /// The elements of two ascending arrays without repetition, ascending.
    mutating func mergeAscending(_ other: [Element]) {
        if other.isEmpty { return }
        guard let last, let first = other.first else {
            self = other
            return
        }
        if last < first { return append(contentsOf: other) }
        var merged: [Element] = []
        merged.reserveCapacity(count + other.count)
        var left = 0
        var right = 0
        while left < count, right < other.count {
            if self[left] < other[right] {
                merged.append(self[left])
                left += 1
            } else {
                if self[left] == other[right] { left += 1 }
                merged.append(other[right])
                right += 1
            }
        }
        merged += self[left...]
        merged += other[right...]
        self = merged
    }
}
