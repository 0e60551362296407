import DequeModule
internal import Primitives

/// What is retained of one key.
struct KeyVersions: Sendable {
    /// What the key is now: a tombstone where it is not there.
    private(set) var newest: Version
    /// What it was before, tombstones included, the oldest first.
    private(set) var past = Deque<Version>()

    init(_ first: Version) { newest = first }

    /// The first version there is of the key.
    var oldest: Version { past.first ?? newest }

    /// Puts `version` in the place of the newest, and returns that.
    @discardableResult
    mutating func supersede(with version: Version) -> Version {
        let superseded = newest
        past.append(superseded)
        newest = version
        return superseded
    }

    /// What the key was at a revision that can be read.
    func record(at revision: Revision) -> KeyRecord? {
        if newest.revision <= revision { return newest.record }
        var low = 0
        var high = past.count
        while low < high {
            let middle = (low + high) / 2
            if past[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? past[low - 1].record : nil
    }

    /// Drops the oldest version if it had ended by `revision`, or is the tombstone of it, and is not the newest.
    mutating func popOldest(endedBy revision: Revision) -> Version? {
        guard let oldest = past.first,
            oldest.revision < revision || (oldest.revision == revision && oldest.record == nil)
        else { return nil }
        return past.removeFirst()
    }
}
