internal import KeyValue
internal import Primitives

/// The statements of `versions`, whose rows hold a version each: those that came a few at a time, and what is left of the runs
/// whose time is over (``VersionRuns``). Several rows go in together, bound without lists. What they do to the sum of all rows,
/// they return.
///
/// A version never changes. So what a row adds to that sum follows from its position alone, and a row need not be read to be
/// taken away; that its columns are as they were written, its own checksum says.
struct VersionTable {
    /// For reading them.
    let rows: RowSelection
    private let insertOne: Statement
    private let insertSeveral: Statement
    private let delete: Statement

    private static let columns = 10
    /// Rows that one statement inserts.
    static let together = 16
    /// Bytes of keys and values up to which versions are inserted together.
    private static let togetherBytes = 32 * 1024

    init(_ database: Database) throws(StorageError) {
        rows = try RowSelection(database, "versions", key: ["revision", "ordinal"])
        let row = "(" + [String](repeating: "?", count: Self.columns).joined(separator: ", ") + ")"
        let several = [String](repeating: row, count: Self.together).joined(separator: ", ")
        insertOne = try database.prepare("INSERT INTO versions VALUES \(row)")
        insertSeveral = try database.prepare("INSERT INTO versions VALUES \(several)")
        delete = try database.prepare("DELETE FROM versions WHERE revision = ? AND ordinal = ?")
    }

    /// Writes a version, in place of the one at its position, which is not there if its revision is after `newest`.
    ///
    /// - Returns: what the sum grows by.
    func write(_ version: StoredVersion, after newest: Revision) throws(StorageError) -> UInt64 {
        let before = version.position.revision > newest ? 0 : try remove(version.position)
        let bytes = RowBytes(holding: version.contentBytes)
        try insertOne.run { row in row.bind(version, keeping: bytes) }
        return before &+ version.position.rowSum
    }

    /// Writes ``together`` versions, if that many begin at `place`, are all after `newest`, and small enough to be bound together.
    ///
    /// - Returns: what the sum grows by; `nil` when nothing was written.
    func writeTogether(
        _ records: [StateRecord], from place: Int, after newest: Revision
    ) throws(StorageError) -> UInt64? {
        let end = place + Self.together
        guard end <= records.count else { return nil }
        var (size, sum) = (0, UInt64(0))
        for index in place..<end {
            guard case .version(let version) = records[index], version.position.revision > newest else { return nil }
            size += version.contentBytes
            sum &+= version.position.rowSum
        }
        guard size <= Self.togetherBytes else { return nil }
        let bytes = RowBytes(holding: size)
        try insertSeveral.run { rows in
            for index in place..<end {
                if case .version(let version) = records[index] { rows.bind(version, keeping: bytes) }
            }
        }
        return sum
    }

    /// Takes a version away.
    ///
    /// - Returns: what the sum grows by.
    func remove(_ position: VersionPosition) throws(StorageError) -> UInt64 {
        try delete.run { $0.bind(place: position) } > 0 ? 0 &- position.rowSum : 0
    }
}

extension VersionPosition {
    /// What the row of its version adds to the sum of all rows.
    var rowSum: UInt64 {
        var digest = Digest()
        digest.combine(revision.rawValue)
        digest.combine(UInt64(ordinal))
        return digest.value
    }
}

/// Keys and values that a statement has bound, in one place until it has run.
private final class RowBytes {
    private let memory: UnsafeMutableRawBufferPointer
    private var used = 0

    init(holding count: Int) { memory = .allocate(byteCount: count, alignment: 1) }
    deinit { memory.deallocate() }

    func keep(_ bytes: Bytes) -> UnsafeRawBufferPointer {
        let piece = UnsafeMutableRawBufferPointer(rebasing: memory[used..<(used + bytes.count)])
        piece.copyBytes(from: bytes)
        used += bytes.count
        return UnsafeRawBufferPointer(piece)
    }
}

extension Binding {
    /// All columns of a row, and their checksum.
    fileprivate mutating func bind(_ version: StoredVersion, keeping bytes: RowBytes) {
        bind(place: version.position)
        switch version.content {
        case .put(let record):
            precondition(record.modRevision == version.position.revision, "a version stands at its own revision")
            bind(bytes.keep(record.key))
            bind(bytes.keep(record.value))
            bind(record.createRevision.rawValue)
            bind(record.version)
            if let lease = record.lease { bind(lease.rawValue) } else { bindNull() }
            bindNull()
        case .tombstone(let key, let reason):
            bind(bytes.keep(key))
            for _ in 0..<4 { bindNull() }
            bind(reason.label)
        }
        bind(UInt64(bitPattern: version.time.nanoseconds))
        bindChecksum()
    }

    fileprivate mutating func bind(place: VersionPosition) {
        bind(place.revision.rawValue)
        bind(UInt64(place.ordinal))
    }
}
