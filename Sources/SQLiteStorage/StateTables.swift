import CSQLite
internal import Consensus
internal import KeyValue
internal import Primitives

/// The tables of `state.db`, with columns that a person can read, and the statements that write them.
/// Every row carries a checksum of its columns, and `meta` a sum over all other rows: of their checksums, and for rows of
/// `versions` of what follows from their positions (``KeyValue/VersionPosition/rowSum``).
struct StateTables {
    static let format: Int64 = 4
    /// The column of `meta` that holds the checksum of those before it, in every format.
    static let metaChecksum: Int32 = 13

    static let schema = """
        CREATE TABLE IF NOT EXISTS meta (
            id INTEGER PRIMARY KEY CHECK (id = 0), format INTEGER NOT NULL, cluster INTEGER NOT NULL,
            node INTEGER NOT NULL, node_name TEXT NOT NULL, cluster_description TEXT NOT NULL,
            applied_index INTEGER, applied_term INTEGER, time_ns INTEGER, revision INTEGER, compacted_revision INTEGER,
            digest INTEGER, configuration BLOB, checksum INTEGER NOT NULL, row_sum INTEGER);
        CREATE TABLE IF NOT EXISTS versions (
            revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, key BLOB NOT NULL, value BLOB,
            create_revision INTEGER, version INTEGER, lease INTEGER, deletion TEXT, time_ns INTEGER NOT NULL,
            checksum INTEGER NOT NULL, PRIMARY KEY (revision, ordinal)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS runs (
            id INTEGER PRIMARY KEY, first_revision INTEGER NOT NULL, last_revision INTEGER NOT NULL,
            versions INTEGER NOT NULL, body BLOB NOT NULL, checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS gone (
            run INTEGER PRIMARY KEY, versions BLOB NOT NULL, checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS leases (
            id INTEGER PRIMARY KEY, ttl_ns INTEGER NOT NULL, deadline_ns INTEGER NOT NULL, generation INTEGER NOT NULL,
            checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS requests (
            log_index INTEGER PRIMARY KEY, client TEXT NOT NULL, number INTEGER NOT NULL, result BLOB NOT NULL,
            checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS elections (
            kind TEXT NOT NULL, name BLOB NOT NULL, created INTEGER NOT NULL, forgotten INTEGER NOT NULL,
            leader BLOB, fence INTEGER NOT NULL, leaderships BLOB NOT NULL, checksum INTEGER NOT NULL,
            PRIMARY KEY (kind, name)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS candidacies (
            kind TEXT NOT NULL, name BLOB NOT NULL, id BLOB NOT NULL, value BLOB NOT NULL, priority INTEGER NOT NULL,
            lease INTEGER NOT NULL, has_named_lease INTEGER NOT NULL, made_lease INTEGER NOT NULL,
            log_index INTEGER NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (kind, name, id)) WITHOUT ROWID;
        """

    private let database: Database
    let selectMeta: Statement
    private let replaceMeta: Statement
    let versions: VersionTable
    let runs: RunTable
    let leases: RowTable
    let requests: RowTable
    let elections: RowTable
    let candidacies: RowTable

    init(_ database: Database) throws(StorageError) {
        self.database = database
        try database.execute(Self.schema)
        try Self.addRowSum(to: database)
        selectMeta = try database.prepare("SELECT * FROM meta")
        replaceMeta = try database.prepare("REPLACE INTO meta VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        versions = try VersionTable(database)
        runs = try RunTable(database)
        leases = try RowTable(database, "leases", key: ["id"], columns: 5)
        requests = try RowTable(database, "requests", key: ["log_index"], columns: 5)
        elections = try RowTable(database, "elections", key: ["kind", "name"], columns: 8)
        candidacies = try RowTable(database, "candidacies", key: ["kind", "name", "id"], columns: 10)
    }

    /// A file of format 1 has no such column.
    private static func addRowSum(to database: Database) throws(StorageError) {
        let count = try database.scalar("SELECT count(*) FROM pragma_table_info('meta') WHERE name = 'row_sum'")
        if count == 0 { try database.execute("ALTER TABLE meta ADD COLUMN row_sum INTEGER") }
    }

    /// Writes records, in place of those that they are newer states of; many versions together become runs.
    ///
    /// - Parameters:
    ///   - newest: the newest revision whose versions may be there.
    ///   - kept: the runs there are.
    /// - Returns: what the sum of all rows grows by.
    func write(
        _ records: [StateRecord], after newest: Revision, runs kept: inout VersionRuns
    ) throws(StorageError) -> UInt64 {
        var sum: UInt64 = 0
        var place = 0
        while place < records.count {
            if let content = RunContent(of: records, from: place, after: newest) {
                sum &+= try runs.write(content, into: &kept)
                place += content.positions.count
            } else {
                // What is written anew is no longer the run's.
                if case .version(let version) = records[place] { _ = kept.remove(version.position) }
                sum &+= try write(records[place], after: newest)
                place += 1
            }
        }
        return sum
    }

    /// Writes records as rows.
    ///
    /// - Parameter newest: the newest revision whose versions may be there.
    /// - Returns: what the sum of all rows grows by.
    func writeRows(_ records: [StateRecord], after newest: Revision) throws(StorageError) -> UInt64 {
        var sum: UInt64 = 0
        var place = 0
        while place < records.count {
            if let grown = try versions.writeTogether(records, from: place, after: newest) {
                sum &+= grown
                place += VersionTable.together
            } else {
                sum &+= try write(records[place], after: newest)
                place += 1
            }
        }
        return sum
    }

    private func write(_ record: StateRecord, after newest: Revision) throws(StorageError) -> UInt64 {
        switch record {
        case .version(let version): try versions.write(version, after: newest)
        case .lease(let lease): try leases.write(lease.columns)
        case .remembered(let request): try requests.write(request.columns)
        case .election(let election): try elections.write(election.columns)
        case .candidacy(let candidacy): try candidacies.write(candidacy.columns)
        }
    }

    /// Takes away what a delta takes away.
    ///
    /// - Returns: what the sum of all rows grows by.
    func removeRows(of delta: StateDelta, runs kept: inout VersionRuns) throws(StorageError) -> UInt64 {
        var sum: UInt64 = 0
        for position in delta.removedVersions where !kept.remove(position) { sum &+= try versions.remove(position) }
        for lease in delta.removedLeases { sum &+= try leases.remove([.number(lease.rawValue)]) }
        for order in delta.removedRequests { sum &+= try requests.remove([.number(order)]) }
        for election in delta.removedElections { sum &+= try elections.remove(election.columns) }
        for candidacy in delta.removedCandidacies {
            sum &+= try candidacies.remove(candidacy.election.columns + [.blob(candidacy.candidate)])
        }
        return sum
    }

    /// Keeps of what has gone from the runs which that was; runs of which hardly anything is left become rows.
    ///
    /// - Returns: what the sum of all rows grows by.
    func settle(_ kept: inout VersionRuns) throws(StorageError) -> UInt64 {
        let (ended, changed) = kept.settle()
        var sum: UInt64 = 0
        for run in changed { sum &+= try runs.writeGone(of: run, into: &kept) }
        for run in ended {
            if run.remaining > 0 {
                sum &+= try writeRows(try runs.versions(left: run).map { .version($0) }, after: .zero)
            }
            sum &+= try runs.remove(run)
        }
        return sum
    }

    /// Writes the single row: whose state this is, and what it reflects; a state never written has no header.
    func write(
        _ identity: StoreIdentity, header: StateHeader?, configuration: Configuration?, rowSum: UInt64
    ) throws(StorageError) {
        var columns: [ColumnValue] = [
            .integer(0), .integer(Self.format), .number(identity.cluster.rawValue), .number(identity.node.rawValue),
            .text(identity.nodeName), .text(identity.clusterDescription),
        ]
        if let header, let configuration {
            var writer = ByteWriter()
            configuration.encode(into: &writer)
            columns += [
                .number(header.appliedIndex.rawValue), .number(header.appliedTerm.rawValue),
                .integer(header.time.nanoseconds), .number(header.revision.rawValue),
                .number(header.compactedRevision.rawValue), .number(header.digest), .blob(writer.bytes),
            ]
        } else {
            columns += [ColumnValue](repeating: .null, count: 7)
        }
        try replaceMeta.run(checksummed: columns, then: [.number(rowSum)])
    }

    func removeAll() throws(StorageError) {
        try database.execute(
            """
            DELETE FROM versions; DELETE FROM runs; DELETE FROM gone; DELETE FROM leases; DELETE FROM requests;
            DELETE FROM elections; DELETE FROM candidacies
            """)
    }
}
