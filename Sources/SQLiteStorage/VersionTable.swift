internal import KeyValue
internal import Primitives

/// The statements of `versions`, of which every write of a client makes a row and in the end takes one away: bound without
/// lists and copies. What they do to the sum of the checksums of all rows, they return.
struct VersionTable {
    /// For everything that is not as frequent.
    let rows: RowTable
    private let insert: Statement
    private let find: Statement
    private let delete: Statement

    private static let columns = 10

    init(_ database: Database) throws(StorageError) {
        rows = try RowTable(database, "versions", key: ["revision", "ordinal"], columns: Self.columns)
        let places = [String](repeating: "?", count: Self.columns).joined(separator: ", ")
        insert = try database.prepare("INSERT INTO versions VALUES (\(places))")
        find = try database.prepare("SELECT checksum FROM versions WHERE revision = ? AND ordinal = ?")
        delete = try database.prepare("DELETE FROM versions WHERE revision = ? AND ordinal = ?")
    }

    /// Writes a version, which must not be there if its revision is after `newest`, the newest that the table has.
    ///
    /// - Returns: what the sum grows by.
    func write(_ version: StoredVersion, after newest: Revision) throws(StorageError) -> UInt64 {
        guard version.position.revision > newest, case .put(let record) = version.content else {
            return try rows.write(version.columns)
        }
        precondition(record.modRevision == version.position.revision, "a version stands at its own revision")
        return try record.key.withUnsafeBufferPointer { (key) throws(StorageError) in
            try record.value.withUnsafeBufferPointer { (value) throws(StorageError) in
                try insert.run(checksumming: { row in
                    row.bind(place: version.position)
                    row.bind(UnsafeRawBufferPointer(key))
                    row.bind(UnsafeRawBufferPointer(value))
                    row.bind(record.createRevision.rawValue)
                    row.bind(record.version)
                    if let lease = record.lease { row.bind(lease.rawValue) } else { row.bindNull() }
                    row.bindNull()
                    row.bind(UInt64(bitPattern: version.time.nanoseconds))
                })
            }
        }
    }

    /// Takes a version away.
    ///
    /// - Returns: what the sum grows by.
    func remove(_ position: VersionPosition) throws(StorageError) -> UInt64 {
        // RETURNING would do both, by way of a table that each run makes anew.
        var checksum: UInt64?
        try find.rows(binding: { $0.bind(place: position) }) { row in
            checksum = row.number(0)
            return false
        }
        guard let checksum else { return 0 }
        try delete.rows(binding: { $0.bind(place: position) }) { _ in true }
        return 0 &- checksum
    }
}

extension Binding {
    fileprivate mutating func bind(place: VersionPosition) {
        bind(place.revision.rawValue)
        bind(UInt64(place.ordinal))
    }
}
