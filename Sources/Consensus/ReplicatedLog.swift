import DequeModule
package import Primitives

/// The entries a node holds in memory, above a base that a snapshot covers.
package struct ReplicatedLog: Sendable {
    /// The position before the first entry: zero, or where the last compaction or snapshot ended.
    package private(set) var baseIndex: LogIndex
    package private(set) var baseTerm: Term
    private var entries: Deque<Entry>
    /// Encoded payload bytes held, roughly.
    package private(set) var byteCount = 0

    package init(baseIndex: LogIndex, baseTerm: Term, entries: [Entry]) {
        self.baseIndex = baseIndex
        self.baseTerm = baseTerm
        self.entries = Deque(entries)
        for entry in entries { byteCount += entry.weight }
        precondition(entries.first.map { $0.index == baseIndex.next } ?? true, "the log begins right after its base")
    }

    package var firstIndex: LogIndex { baseIndex.next }
    package var lastIndex: LogIndex { LogIndex(baseIndex.rawValue + UInt64(entries.count)) }
    package var lastTerm: Term { entries.last?.term ?? baseTerm }
    package var lastTime: ClusterTime? { entries.last?.time }

    /// The term of the entry at `index`, `nil` when it is below the base or above the end.
    package func term(at index: LogIndex) -> Term? {
        if index == baseIndex { return baseTerm }
        guard index > baseIndex, index <= lastIndex else { return nil }
        return entries[offset(of: index)].term
    }

    package subscript(index: LogIndex) -> Entry { entries[offset(of: index)] }

    /// The entries from `first` on, at least one, as long as their bytes stay within `bytes`.
    package func slice(from first: LogIndex, atMost bytes: Int) -> [Entry] {
        var taken: [Entry] = []
        var weight = 0
        var offset = offset(of: first)
        while offset < entries.count {
            weight += entries[offset].weight
            if weight > bytes && !taken.isEmpty { break }
            taken.append(entries[offset])
            offset += 1
        }
        return taken
    }

    /// All entries from `first` on.
    package func suffix(from first: LogIndex) -> [Entry] {
        guard first <= lastIndex else { return [] }
        return Array(entries[offset(of: first)...])
    }

    package mutating func append(_ entry: Entry) {
        precondition(entry.index == lastIndex.next, "entries follow each other without a gap")
        precondition(entry.term >= lastTerm, "terms never shrink along the log")
        entries.append(entry)
        byteCount += entry.weight
    }

    /// Drops the entry at `first` and all after it.
    package mutating func truncate(from first: LogIndex) {
        precondition(first > baseIndex, "what a snapshot covers is never truncated")
        while lastIndex >= first, let entry = entries.popLast() { byteCount -= entry.weight }
    }

    /// Drops all entries up to and including `index`, which becomes the base.
    package mutating func compact(through index: LogIndex) {
        guard index > baseIndex, let term = term(at: index) else { return }
        for _ in 0..<(index.rawValue - baseIndex.rawValue) { byteCount -= entries.removeFirst().weight }
        baseIndex = index
        baseTerm = term
    }

    /// Drops everything: the log now begins after `index`.
    package mutating func reset(toIndex index: LogIndex, term: Term) {
        self = ReplicatedLog(baseIndex: index, baseTerm: term, entries: [])
    }

    /// Whether a log ending in (`term`, `index`) is at least as up to date as this one (Raft §5.4.1).
    package func isNotAhead(ofTerm term: Term, index: LogIndex) -> Bool {
        #if PlantedBugs
            if planted(.ignoresLogs) { return true }
            if planted(.comparesLengthFirst) { return (index, term) >= (lastIndex, lastTerm) }
        #endif
        return (term, index) >= (lastTerm, lastIndex)
    }

    /// The highest index up to `index` whose term is at most `term`: nothing above it can match a log that has `term`
    /// there.
    package func highestIndex(upTo index: LogIndex, withTermAtMost term: Term) -> LogIndex {
        var candidate = min(index, lastIndex)
        while candidate > baseIndex, let here = self.term(at: candidate), here > term { candidate = candidate.previous }
        return candidate
    }

    private func offset(of index: LogIndex) -> Int {
        precondition(index > baseIndex, "entry \(index.rawValue) was compacted")
        return Int(index.rawValue - baseIndex.rawValue - 1)
    }
}

extension Entry {
    /// What the entry takes in messages and memory, roughly, in bytes.
    package var weight: Int {
        switch payload {
        case .command(let bytes): bytes.count + 32
        case .noop, .configuration: 64
        }
    }
}
