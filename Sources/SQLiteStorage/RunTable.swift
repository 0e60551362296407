internal import KeyValue
internal import Primitives

/// The statements of `runs` and `gone`. What they do to the sum of all rows, they return.
struct RunTable {
    /// For reading them.
    let rows: RowSelection
    let goneRows: RowSelection
    private let database: Database
    private let insert: Statement
    private let select: Statement
    private let delete: Statement
    private let replaceGone: Statement
    private let deleteGone: Statement

    init(_ database: Database) throws(StorageError) {
        self.database = database
        rows = try RowSelection(database, "runs", key: ["id"])
        goneRows = try RowSelection(database, "gone", key: ["run"])
        insert = try database.prepare("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)")
        select = try database.prepare("SELECT * FROM runs WHERE id = ?")
        delete = try database.prepare("DELETE FROM runs WHERE id = ?")
        replaceGone = try database.prepare("REPLACE INTO gone VALUES (?, ?, ?)")
        deleteGone = try database.prepare("DELETE FROM gone WHERE run = ?")
    }

    /// Writes a run behind those that are there.
    ///
    /// - Returns: what the sum grows by.
    func write(_ content: RunContent, into kept: inout VersionRuns) throws(StorageError) -> UInt64 {
        let positions = content.positions
        let id = kept.nextID
        let checksum = try content.body.withUnsafeBufferPointer { body throws(StorageError) in
            var checksum: UInt64 = 0
            try insert.run { row in
                row.bind(UInt64(bitPattern: id))
                row.bind(positions[0].revision.rawValue)
                row.bind(positions[positions.count - 1].revision.rawValue)
                row.bind(UInt64(positions.count))
                row.bind(UnsafeRawBufferPointer(body))
                checksum = row.bindChecksum()
            }
            return checksum
        }
        guard kept.append(VersionRun(id: id, positions: positions, checksum: checksum)) else {
            preconditionFailure("versions come in the order of their positions")
        }
        return checksum
    }

    /// Writes which versions of a run are gone.
    ///
    /// - Returns: what the sum grows by.
    func writeGone(of run: VersionRun, into kept: inout VersionRuns) throws(StorageError) -> UInt64 {
        let checksum = try replaceGone.run(checksummed: [.integer(run.id), .blob(run.gone)])
        kept.wrote(goneOf: run, checksum: checksum)
        return checksum &- run.checksums.gone
    }

    /// The versions of a run that are not gone.
    func versions(left run: VersionRun) throws(StorageError) -> [StoredVersion] {
        var found: [StoredVersion] = []
        try select.rows([.integer(run.id)]) { row in
            if let (same, versions) = VersionRun.read(row), same.positions == run.positions {
                found = run.left(of: versions)
            }
            return false
        }
        guard found.count == run.remaining else {
            throw database.latch(.corrupt(path: database.path, detail: "a row of runs is no longer what it was"))
        }
        return found
    }

    /// Takes a run away.
    ///
    /// - Returns: what the sum grows by.
    func remove(_ run: VersionRun) throws(StorageError) -> UInt64 {
        try delete.run([.integer(run.id)])
        if run.checksums.gone != 0 { try deleteGone.run([.integer(run.id)]) }
        return 0 &- run.checksums.run &- run.checksums.gone
    }
}

extension VersionRun {
    /// A row of `runs`; `nil` when it is damaged.
    static func read(_ row: Row) -> (run: VersionRun, versions: [StoredVersion])? {
        guard row.hasChecksum(at: row.last), row.has("iiiib"), let versions = versions(in: row.blob(4)) else {
            return nil
        }
        let run = VersionRun(
            id: row.integer(0), positions: versions.map(\.position), checksum: row.number(row.last))
        guard row.number(1) == run.first.revision.rawValue, row.number(2) == run.last.revision.rawValue,
            row.number(3) == UInt64(versions.count)
        else { return nil }
        return (run, versions)
    }
}
