internal import Primitives

/// Reads the rows of one table of `state.db`.
struct RowSelection {
    private let select: Statement

    /// - Parameter key: the columns by which the rows are in order.
    init(_ database: Database, _ name: String, key: [String]) throws(StorageError) {
        select = try database.prepare("SELECT * FROM \(name) ORDER BY \(key.joined(separator: ", "))")
    }

    /// Calls `body` for every row, in the order of their keys.
    func rows(_ body: (Row) throws(StorageError) -> Void) throws(StorageError) {
        try select.rows([]) { row throws(StorageError) in
            try body(row)
            return true
        }
    }
}

/// The statements of one table of `state.db`. What they do to the sum of the checksums of all rows, they return.
struct RowTable {
    /// For reading them.
    let rows: RowSelection
    private let replace: Statement
    private let delete: Statement
    private let find: Statement
    private let keyColumns: Int

    /// - Parameter key: the columns that a row is found by, which are the first; the last of all `columns` is its checksum.
    init(_ database: Database, _ name: String, key: [String], columns: Int) throws(StorageError) {
        let isIt = key.map { "\($0) = ?" }.joined(separator: " AND ")
        let places = [String](repeating: "?", count: columns).joined(separator: ", ")
        rows = try RowSelection(database, name, key: key)
        replace = try database.prepare("REPLACE INTO \(name) VALUES (\(places))")
        delete = try database.prepare("DELETE FROM \(name) WHERE \(isIt)")
        find = try database.prepare("SELECT checksum FROM \(name) WHERE \(isIt)")
        keyColumns = key.count
    }

    /// Writes a row, in place of the one with its key.
    ///
    /// - Returns: what the sum grows by.
    func write(_ columns: [ColumnValue]) throws(StorageError) -> UInt64 {
        let before = try checksum(Array(columns[..<keyColumns]))
        return try replace.run(checksummed: columns) &- (before ?? 0)
    }

    /// Takes a row away.
    ///
    /// - Returns: what the sum grows by.
    func remove(_ key: [ColumnValue]) throws(StorageError) -> UInt64 {
        // RETURNING would do both, by way of a table that each run makes anew.
        guard let before = try checksum(key) else { return 0 }
        try delete.run(key)
        return 0 &- before
    }

    /// The checksum of a row; `nil` of one that is not there.
    private func checksum(_ key: [ColumnValue]) throws(StorageError) -> UInt64? {
        var found: UInt64?
        try find.rows(key) { row in
            found = row.number(0)
            return false
        }
        return found
    }
}
