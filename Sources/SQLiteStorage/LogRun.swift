internal import Consensus
internal import Primitives

/// Entries that follow each other, as one row of `log.db` holds them: each encoded, and followed by its chain value.
struct LogRun {
    var first: LogIndex
    var last: LogIndex
    var body: Bytes

    /// Bytes of a row at which the next entry begins a new one.
    static let rowBytes = 256 * 1024

    /// The part below `index`, the part from it on, and the chain value between them; throws when the body is damaged.
    func split(at index: LogIndex) throws(DecodingFailure) -> (head: LogRun, tail: LogRun, chain: UInt64) {
        precondition(first < index && index <= last, "a run is split inside")
        var reader = RunReader(body)
        var before: RunReader.Item
        repeat { before = try reader.next() } while before.entry.index < index.previous
        return (
            LogRun(first: first, last: index.previous, body: Bytes(body[..<reader.offset])),
            LogRun(first: index, last: last, body: Bytes(body[reader.offset...])), before.chain
        )
    }
}

/// Builds the body of a ``LogRun``.
struct RunBuilder {
    let first: LogIndex
    private(set) var last: LogIndex
    private var writer: ByteWriter

    /// Begins a run with `entry`; `chain` is the value of the entry before it, and becomes `entry`'s.
    init(_ entry: Entry, chain: inout UInt64) {
        first = entry.index
        last = entry.index
        writer = ByteWriter(reserving: 1024)
        append(entry, chain: &chain)
    }

    var isFull: Bool { writer.bytes.count >= LogRun.rowBytes }
    var run: LogRun { LogRun(first: first, last: last, body: writer.bytes) }

    mutating func append(_ entry: Entry, chain: inout UInt64) {
        let start = writer.bytes.count
        entry.encode(into: &writer)
        chain = writer.bytes.withUnsafeBytes { chained(chain, UnsafeRawBufferPointer(rebasing: $0[start...])) }
        writer.write(chain)
        last = entry.index
    }
}

/// Reads the body of a ``LogRun`` entry by entry.
struct RunReader {
    struct Item {
        var entry: Entry
        /// The value stored with the entry.
        var chain: UInt64
        /// Where the entry's encoding stands in the body.
        var encoding: Range<Int>
    }

    private let body: Bytes
    private var reader: ByteReader

    init(_ body: Bytes) {
        self.body = body
        reader = ByteReader(body)
    }

    /// How many bytes were read.
    var offset: Int { body.count - reader.remaining }
    var isAtEnd: Bool { reader.remaining == 0 }

    mutating func next() throws(DecodingFailure) -> Item {
        let start = offset
        let entry = try Entry(from: &reader)
        let end = offset
        return Item(entry: entry, chain: try reader.readUInt64(), encoding: start..<end)
    }

    /// Whether the item's stored value follows from the one before it.
    func follows(_ item: Item, after chain: UInt64) -> Bool {
        body.withUnsafeBytes { chained(chain, UnsafeRawBufferPointer(rebasing: $0[item.encoding])) } == item.chain
    }
}

/// The chain value of an entry's encoding after its predecessor's.
func chained(_ previous: UInt64, _ encoding: UnsafeRawBufferPointer) -> UInt64 {
    var digest = Digest(rawState: previous)
    digest.combine(encoding)
    return digest.value
}

/// The chain value a log begins with after `base`, or at index 1.
func chainSeed(_ base: SnapshotPosition?) -> UInt64 {
    var digest = Digest()
    digest.combine(base?.index.rawValue ?? 0)
    digest.combine(base?.term.rawValue ?? 0)
    return digest.value
}
