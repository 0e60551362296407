import CSQLite
internal import Consensus
internal import KeyValue
internal import Primitives

/// The tables of `state.db`, with columns that a person can read, and the statements that write them.
/// Every row carries a checksum of its columns.
struct StateTables {
    static let format: Int64 = 1

    private static let schema = """
        CREATE TABLE IF NOT EXISTS meta (
            id INTEGER PRIMARY KEY CHECK (id = 0), format INTEGER NOT NULL, cluster INTEGER NOT NULL,
            node INTEGER NOT NULL, node_name TEXT NOT NULL, cluster_description TEXT NOT NULL,
            applied_index INTEGER, applied_term INTEGER, time_ns INTEGER, revision INTEGER, compacted_revision INTEGER,
            digest INTEGER, configuration BLOB, checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS versions (
            revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, key BLOB NOT NULL, value BLOB,
            create_revision INTEGER, version INTEGER, lease INTEGER, deletion TEXT, time_ns INTEGER NOT NULL,
            checksum INTEGER NOT NULL, PRIMARY KEY (revision, ordinal)) WITHOUT ROWID;
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
    let selectVersions: Statement
    let selectLeases: Statement
    let selectRequests: Statement
    let selectElections: Statement
    let selectCandidacies: Statement
    private let replaceMeta: Statement
    private let replaceVersion: Statement
    private let replaceLease: Statement
    private let replaceRequest: Statement
    private let replaceElection: Statement
    private let replaceCandidacy: Statement
    private let deleteVersion: Statement
    private let deleteLease: Statement
    private let deleteRequest: Statement
    private let deleteElection: Statement
    private let deleteCandidacy: Statement

    init(_ database: Database) throws(StorageError) {
        self.database = database
        try database.execute(Self.schema)
        selectMeta = try database.prepare("SELECT * FROM meta")
        selectVersions = try database.prepare("SELECT * FROM versions ORDER BY revision, ordinal")
        selectLeases = try database.prepare("SELECT * FROM leases ORDER BY id")
        selectRequests = try database.prepare("SELECT * FROM requests ORDER BY log_index")
        selectElections = try database.prepare("SELECT * FROM elections ORDER BY kind, name")
        selectCandidacies = try database.prepare("SELECT * FROM candidacies ORDER BY kind, name, id")
        replaceMeta = try database.prepare("REPLACE INTO meta VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        replaceVersion = try database.prepare("REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        replaceLease = try database.prepare("REPLACE INTO leases VALUES (?, ?, ?, ?, ?)")
        replaceRequest = try database.prepare("REPLACE INTO requests VALUES (?, ?, ?, ?, ?)")
        replaceElection = try database.prepare("REPLACE INTO elections VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        replaceCandidacy = try database.prepare("REPLACE INTO candidacies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        deleteVersion = try database.prepare("DELETE FROM versions WHERE revision = ? AND ordinal = ?")
        deleteLease = try database.prepare("DELETE FROM leases WHERE id = ?")
        deleteRequest = try database.prepare("DELETE FROM requests WHERE log_index = ?")
        deleteElection = try database.prepare("DELETE FROM elections WHERE kind = ? AND name = ?")
        deleteCandidacy = try database.prepare("DELETE FROM candidacies WHERE kind = ? AND name = ? AND id = ?")
    }

    func write(_ record: StateRecord) throws(StorageError) {
        switch record {
        case .version(let version): try replaceVersion.run(checksummed: version.columns)
        case .lease(let lease): try replaceLease.run(checksummed: lease.columns)
        case .remembered(let request): try replaceRequest.run(checksummed: request.columns)
        case .election(let election): try replaceElection.run(checksummed: election.columns)
        case .candidacy(let candidacy): try replaceCandidacy.run(checksummed: candidacy.columns)
        }
    }

    /// Writes the single row: whose state this is, and what it reflects; a state never written has no header.
    func write(
        _ identity: StoreIdentity, header: StateHeader?, configuration: Configuration?
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
        try replaceMeta.run(checksummed: columns)
    }

    func removeVersion(_ position: VersionPosition) throws(StorageError) {
        try deleteVersion.run([.number(position.revision.rawValue), .integer(Int64(position.ordinal))])
    }

    func removeLease(_ lease: LeaseID) throws(StorageError) { try deleteLease.run([.number(lease.rawValue)]) }
    func removeRequest(_ order: UInt64) throws(StorageError) { try deleteRequest.run([.number(order)]) }
    func removeElection(_ election: ElectionID) throws(StorageError) { try deleteElection.run(election.columns) }

    func removeCandidacy(_ candidacy: CandidacyID) throws(StorageError) {
        try deleteCandidacy.run(candidacy.election.columns + [.blob(candidacy.candidate)])
    }

    func removeAll() throws(StorageError) {
        try database.execute(
            """
            DELETE FROM versions; DELETE FROM leases; DELETE FROM requests; DELETE FROM elections;
            DELETE FROM candidacies
            """)
    }
}
