internal import Primitives

/// The state digests after recent log indexes, to compare with the leader's (`invariants.md` 18).
struct DigestHistory: Sendable {
    private static let capacity = 4096
    private var ring: [(index: LogIndex, digest: UInt64)] = []
    /// A leader's digest for an index this node has not applied yet.
    private var expected: (index: LogIndex, digest: UInt64)?

    mutating func record(_ index: LogIndex, digest: UInt64) {
        let slot = Int(index.rawValue % UInt64(Self.capacity))
        if ring.isEmpty { ring = Array(repeating: (.zero, 0), count: Self.capacity) }
        ring[slot] = (index, digest)
    }

    mutating func expect(_ index: LogIndex, digest: UInt64) {
        // One at a time is enough: each covers everything before it.
        if expected == nil { expected = (index, digest) }
    }

    /// Compares what can be compared.
    ///
    /// - Returns: the index at which this node differs from the leader, or `nil`.
    mutating func check(applied: LogIndex) -> LogIndex? {
        #if PlantedBugs
            if planted(.neverComparesDigests) { return nil }
        #endif
        guard let expected, expected.index <= applied else { return nil }
        self.expected = nil
        guard !ring.isEmpty else { return nil }
        let own = ring[Int(expected.index.rawValue % UInt64(Self.capacity))]
        return own.index == expected.index && own.digest != expected.digest ? expected.index : nil
    }

    mutating func forget() {
        ring = []
        expected = nil
    }
}
