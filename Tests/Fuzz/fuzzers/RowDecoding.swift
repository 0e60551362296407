import Consensus
import KeyValue
import Primitives

@testable import SQLiteStorage

extension Decoder {
    /// Rows of `log.db` as a damaged disk may give them. What is recovered of them is a whole log when it is read again.
    static let logRows = Decoder(name: "log-rows", seeds: logRowSeeds, decode: { try! recoverLog($0) })

    /// Rows of `state.db` with columns of any type, whose checksums are right as often as not.
    static let stateRows = Decoder(name: "state-rows", seeds: stateRowSeeds, decode: { try! recoverState($0) })

    /// A slot of `log.mark`; the first byte says whether its checksum is corrected first.
    static let durableMark = Decoder(
        name: "durable-mark",
        seeds: { [Bytes([1]) + sampleMark.encoded(sequence: 3), Bytes([0]) + sampleMark.encoded(sequence: 4)] },
        decode: { input in
            guard let mode = input.first else { return }
            var slot = Bytes(input.dropFirst().prefix(DurableMark.encodedBytes))
            if mode & 1 == 0, slot.count == DurableMark.encodedBytes { slot.correctChecksum() }
            guard let (mark, sequence) = DurableMark.decode(slot) else { return }
            let again = DurableMark.decode(mark.encoded(sequence: sequence))
            precondition(again?.mark == mark && again?.sequence == sequence, "a mark changes on its way")
        })
}

private let sampleMark = DurableMark(
    cluster: ClusterID(rawValue: 7), node: NodeID(2), incarnation: Incarnation(3), term: Term(4), index: LogIndex(5),
    chain: 6, blank: DirectoryID(7))

extension Bytes {
    /// The last eight bytes become the checksum of those before them.
    fileprivate mutating func correctChecksum() {
        var digest = Digest()
        digest.combine(Bytes(dropLast(8)))
        var writer = ByteWriter()
        writer.write(digest.value)
        replaceSubrange((count - 8)..., with: writer.bytes)
    }
}

// MARK: - log.db

/// Each piece of the input is a row: a run of entries with a right chain, a run of any bytes, a base, or a mark.
private func recoverLog(_ input: Bytes) throws(StorageError) {
    let database = try Database(path: ":memory:", settings: [])
    let tables = try LogTables(database)
    let replaceRun = try database.prepare("REPLACE INTO runs VALUES (?, ?, ?)")
    var reader = ByteReader(input)
    var chain = chainSeed(nil)
    var mark: DurableMark?
    while let tag = try? reader.readByte() {
        switch tag % 4 {
        case 0:
            guard let run = try? LogRun(reading: &reader, chain: &chain) else { return }
            try replaceRun.run([.number(run.first.rawValue), .number(run.last.rawValue), .blob(run.body)])
        case 1:
            guard let first = try? reader.readUInt64(), let last = try? reader.readUInt64(),
                let body = try? reader.readBytes()
            else { return }
            try replaceRun.run([.number(first), .number(last), .blob(body)])
        case 2:
            guard let base = try? SnapshotPosition(from: &reader) else { return }
            chain = chainSeed(base)
            try tables.write(base: base, chain: chain)
        default:
            guard let term = try? reader.readVarint(), let index = try? reader.readVarint() else { return }
            mark = sampleMark
            mark?.term = Term(term)
            mark?.index = LogIndex(index)
        }
    }
    try recover(tables, mark)
}

private func recover(_ tables: LogTables, _ mark: DurableMark?) throws(StorageError) {
    let contents = try LogContents(tables, mark: mark)
    _ = isDamaged(hardState: HardState(), contents: contents, mark: mark, isFresh: false)
    guard !contents.isWhole else { return }
    var editor = LogEditor(tables, path: ":memory:", tail: contents.tail)
    try LogOpening.dropDamage(contents, &editor)
    try editor.finish()
    let again = try LogContents(tables, mark: mark)
    precondition(again.isWhole && again.entries == contents.entries, "a repaired log is not what was whole of it")
}

extension LogRun {
    /// Entries up to one that does not decode, with their chain values.
    fileprivate init(reading reader: inout ByteReader, chain: inout UInt64) throws(DecodingFailure) {
        let count = try reader.readByte() % 4
        var builder = RunBuilder(try Entry(from: &reader), chain: &chain)
        for _ in 0..<count { builder.append(try Entry(from: &reader), chain: &chain) }
        self = builder.run
    }
}

private func logRowSeeds() -> [Bytes] {
    let entries = (1...4).map { index in
        Entry(index: LogIndex(UInt64(index)), term: Term(1), time: .zero, payload: .command([1, 2, 3]))
    }
    var whole = ByteWriter()
    for pair in [entries[0...1], entries[2...3]] {
        whole.write(UInt8(0))
        whole.write(UInt8(1))
        for entry in pair { entry.encode(into: &whole) }
    }
    var damaged = whole
    damaged.write(UInt8(1))
    damaged.write(UInt64(5))
    damaged.write(UInt64(6))
    damaged.write(bytes: [9, 9, 9])
    damaged.write(UInt8(3))
    damaged.write(varint: 1)
    damaged.write(varint: 6)
    var based = ByteWriter()
    based.write(UInt8(2))
    SnapshotPosition(
        index: LogIndex(2), term: Term(1), time: .zero,
        configuration: Configuration(members: [.init(name: "n1", peerAddress: "h:1")])
    ).encode(into: &based)
    based.write(UInt8(0))
    based.write(UInt8(1))
    for entry in entries[2...3] { entry.encode(into: &based) }
    return [whole.bytes, damaged.bytes, based.bytes]
}

// MARK: - state.db

/// As `StateTables` makes them, without what a damaged file would not keep to.
private let laxSchema = """
    CREATE TABLE meta (id, format, cluster, node, node_name, cluster_description, applied_index, applied_term, time_ns,
        revision, compacted_revision, digest, configuration, checksum, row_sum);
    CREATE TABLE versions (revision, ordinal, key, value, create_revision, version, lease, deletion, time_ns, checksum);
    CREATE TABLE runs (id, first_revision, last_revision, versions, body, checksum);
    CREATE TABLE gone (run, versions, checksum);
    CREATE TABLE leases (id, ttl_ns, deadline_ns, generation, checksum);
    CREATE TABLE requests (log_index, client, number, result, checksum);
    CREATE TABLE elections (kind, name, created, forgotten, leader, fence, leaderships, checksum);
    CREATE TABLE candidacies (
        kind, name, id, value, priority, lease, has_named_lease, made_lease, log_index, checksum);
    """

/// Each piece of the input is a row: a byte that names the table and says whether the checksum is right, then columns.
private func recoverState(_ input: Bytes) throws(StorageError) {
    let database = try Database(path: ":memory:", settings: [])
    try database.execute(laxSchema)
    let tables = try StateTables(database)
    let inserts = try StateTable.all.map { (table) throws(StorageError) in
        try database.prepare(
            "INSERT INTO \(table.name) VALUES (?\(String(repeating: ", ?", count: table.columns + table.rest)))")
    }
    var reader = ByteReader(input)
    while let tag = try? reader.readByte() {
        let place = Int(tag & 15) % StateTable.all.count
        var columns: [ColumnValue] = []
        for _ in 0..<StateTable.all[place].columns {
            guard let column = try? ColumnValue(from: &reader) else { return }
            columns.append(column)
        }
        if tag & 16 == 0 { try inserts[place].run(checksummed: columns) } else { try inserts[place].run(columns) }
    }
    guard (try? tables.readIdentity(path: ":memory:")) != nil,
        let state = (try? tables.read(path: ":memory:"))?.state
    else { return }
    live(state.header, state.records)
}

/// A table of `state.db`, and how many columns it has before the checksum.
private struct StateTable {
    var name: String
    var columns: Int
    /// And how many after it, which stay null.
    var rest = 0

    static let all = [
        StateTable(name: "meta", columns: 13, rest: 1), StateTable(name: "versions", columns: 9),
        StateTable(name: "leases", columns: 4), StateTable(name: "requests", columns: 4),
        StateTable(name: "elections", columns: 7), StateTable(name: "candidacies", columns: 9),
        StateTable(name: "runs", columns: 5), StateTable(name: "gone", columns: 2),
    ]
}

extension ColumnValue {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() % 5 {
        case 0: self = .integer(Int64(try reader.readByte()))
        case 1: self = .integer(try reader.readInt64())
        case 2: self = .blob(try reader.readBytes())
        case 3: self = .text(try reader.readString())
        default: self = .null
        }
    }

    fileprivate func encode(into writer: inout ByteWriter) {
        switch self {
        case .integer(let number):
            writer.write(UInt8(1))
            writer.write(number)
        case .blob(let bytes):
            writer.write(UInt8(2))
            writer.write(bytes: bytes)
        case .text(let text):
            writer.write(UInt8(3))
            writer.write(string: text)
        case .null: writer.write(UInt8(4))
        }
    }
}

private func stateRowSeeds() -> [Bytes] {
    [(0, false), (3, false), (sampleProposals.count, false), (sampleProposals.count, true)].map { count, isRun in
        var store = sampleStore(count)
        if isRun { store.putUntilARunIsFull() }
        var configuration = ByteWriter()
        Configuration(members: [.init(name: "n1", peerAddress: "h:1")]).encode(into: &configuration)
        let header = store.header
        var writer = ByteWriter()
        func write(_ table: UInt8, _ columns: [ColumnValue]) {
            writer.write(table)
            for column in columns { column.encode(into: &writer) }
        }
        // Of the first format, which has no sum of the rows: it would have to fit whatever is read.
        write(
            0,
            [
                .integer(0), .integer(1), .integer(7), .integer(2), .text("n1"), .text("n1"),
                .number(header.appliedIndex.rawValue), .number(header.appliedTerm.rawValue),
                .integer(header.time.nanoseconds), .number(header.revision.rawValue),
                .number(header.compactedRevision.rawValue), .number(header.digest), .blob(configuration.bytes),
            ])
        // Once with a row for each version, once with a run of all.
        let versions = store.records().filter { if case .version = $0 { true } else { false } }
        if isRun, let run = RunContent(of: versions.sorted(), from: 0, after: .zero) {
            let positions = run.positions
            write(
                6,
                [
                    .integer(1), .number(positions[0].revision.rawValue),
                    .number(positions[positions.count - 1].revision.rawValue), .integer(Int64(positions.count)),
                    .blob(run.body),
                ])
            write(7, [.integer(1), .blob(Bytes(repeating: 0, count: positions.count))])
        }
        for record in store.records() where !isRun || !versions.contains(record) {
            switch record {
            case .version(let version): write(1, version.columns)
            case .lease(let lease): write(2, lease.columns)
            case .remembered(let request): write(3, request.columns)
            case .election(let election): write(4, election.columns)
            case .candidacy(let candidacy): write(5, candidacy.columns)
            }
        }
        return writer.bytes
    }
}

extension Store {
    /// As many versions as a run has at least.
    fileprivate mutating func putUntilARunIsFull() {
        for number in 0..<UInt8(VersionRun.fewest) {
            _ = apply(
                Proposal(command: .put(Put(key: [number % 3], value: [number]))),
                at: ApplyPosition(index: appliedIndex.next, term: appliedTerm, time: time))
        }
    }
}

extension [StateRecord] {
    /// Versions, in the order of their positions.
    fileprivate func sorted() -> [StateRecord] {
        sorted { a, b in
            guard case .version(let one) = a, case .version(let other) = b else { return false }
            return one.position < other.position
        }
    }
}

extension StoredVersion {
    /// Those of its row, without the checksum.
    fileprivate var columns: [ColumnValue] {
        let place: [ColumnValue] = [.number(position.revision.rawValue), .integer(Int64(position.ordinal))]
        switch content {
        case .put(let record):
            return place + [
                .blob(record.key), .blob(record.value), .number(record.createRevision.rawValue),
                .number(record.version), record.lease.map { .number($0.rawValue) } ?? .null, .null,
                .integer(time.nanoseconds),
            ]
        case .tombstone(let key, let reason):
            return place + [.blob(key), .null, .null, .null, .null, .text(reason.label), .integer(time.nanoseconds)]
        }
    }
}
