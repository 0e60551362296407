internal import Consensus
internal import Primitives

/// The tables of `log.db` and the statements that read and write them.
struct LogTables {
    static let format: Int64 = 1

    static let schema = """
        CREATE TABLE IF NOT EXISTS identity (
            id INTEGER PRIMARY KEY CHECK (id = 0), format INTEGER NOT NULL, cluster INTEGER NOT NULL,
            node INTEGER NOT NULL, node_name TEXT NOT NULL, cluster_description TEXT NOT NULL,
            incarnation INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS hard_state (
            id INTEGER PRIMARY KEY CHECK (id = 0), term INTEGER NOT NULL, voted_for INTEGER, checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS base (
            id INTEGER PRIMARY KEY CHECK (id = 0), position BLOB NOT NULL, chain INTEGER NOT NULL,
            checksum INTEGER NOT NULL);
        CREATE TABLE IF NOT EXISTS runs (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, body BLOB NOT NULL);
        """

    private let selectIdentity: Statement
    private let replaceIdentity: Statement
    private let selectHardState: Statement
    private let replaceHardState: Statement
    private let selectBase: Statement
    private let replaceBase: Statement
    private let deleteBase: Statement
    private let selectRuns: Statement
    private let selectRunHolding: Statement
    private let insertRun: Statement
    private let deleteRunsFrom: Statement
    private let deleteRunsThrough: Statement

    init(_ database: Database) throws(StorageError) {
        try database.execute(Self.schema)
        selectIdentity = try database.prepare(
            "SELECT format, cluster, node, node_name, cluster_description, incarnation FROM identity")
        replaceIdentity = try database.prepare("REPLACE INTO identity VALUES (0, ?, ?, ?, ?, ?, ?)")
        selectHardState = try database.prepare("SELECT term, voted_for, checksum FROM hard_state")
        replaceHardState = try database.prepare("REPLACE INTO hard_state VALUES (0, ?, ?, ?)")
        selectBase = try database.prepare("SELECT position, chain, checksum FROM base")
        replaceBase = try database.prepare("REPLACE INTO base VALUES (0, ?, ?, ?)")
        deleteBase = try database.prepare("DELETE FROM base")
        selectRuns = try database.prepare("SELECT first, last, body FROM runs ORDER BY first")
        selectRunHolding = try database.prepare(
            "SELECT first, last, body FROM runs WHERE first <= ? ORDER BY first DESC LIMIT 1")
        insertRun = try database.prepare("INSERT INTO runs VALUES (?, ?, ?)")
        // Numbers from 2^63 on are negative here.
        deleteRunsFrom = try database.prepare("DELETE FROM runs WHERE first >= ? OR first < 0")
        deleteRunsThrough = try database.prepare("DELETE FROM runs WHERE last <= ?")
    }
}

// MARK: - Identity and hard state

extension LogTables {
    func readIdentity(path: String) throws(StorageError) -> (StoreIdentity, Incarnation)? {
        var found: (StoreIdentity, Incarnation)?
        try selectIdentity.rows([]) { row throws(StorageError) in
            guard row.integer(0) == Self.format else {
                // They are counted from 1.
                guard row.integer(0) > 0 else { throw .corrupt(path: path, detail: "it has no format") }
                throw .unknownFormat(path: path, format: row.integer(0))
            }
            let identity = StoreIdentity(
                cluster: ClusterID(rawValue: row.number(1)), node: NodeID(row.number(2)), nodeName: row.text(3),
                clusterDescription: row.text(4))
            found = (identity, Incarnation(row.number(5)))
            return false
        }
        return found
    }

    func write(_ identity: StoreIdentity, _ incarnation: Incarnation) throws(StorageError) {
        try replaceIdentity.run([
            .integer(Self.format), .number(identity.cluster.rawValue), .number(identity.node.rawValue),
            .text(identity.nodeName), .text(identity.clusterDescription), .number(incarnation.rawValue),
        ])
    }

    /// The kept term and vote: empty before the first, `nil` when they are damaged.
    func readHardState() throws(StorageError) -> HardState? {
        var found: HardState? = HardState()
        try selectHardState.rows([]) { row throws(StorageError) in
            let state = HardState(
                term: Term(row.number(0)), votedFor: row.isNull(1) ? nil : NodeID(row.number(1)))
            found = row.number(2) == Self.checksum(state) ? state : nil
            return false
        }
        return found
    }

    func write(_ state: HardState) throws(StorageError) {
        try replaceHardState.run([
            .number(state.term.rawValue), state.votedFor.map { .number($0.rawValue) } ?? .null,
            .number(Self.checksum(state)),
        ])
    }

    private static func checksum(_ state: HardState) -> UInt64 {
        var digest = Digest()
        digest.combine(state.term.rawValue)
        digest.combine(state.votedFor == nil ? 0 : 1)
        digest.combine(state.votedFor?.rawValue ?? 0)
        return digest.value
    }
}

// MARK: - Base and runs

extension LogTables {
    /// What the base row holds.
    enum Base {
        case none
        case position(SnapshotPosition, chain: UInt64)
        case damaged
    }

    func readBase() throws(StorageError) -> Base {
        var found = Base.none
        try selectBase.rows([]) { row throws(StorageError) in
            let encoded = row.blob(0)
            let chain = row.number(1)
            var reader = ByteReader(encoded)
            if row.number(2) == Self.checksum(encoded, chain), let position = try? SnapshotPosition(from: &reader) {
                found = .position(position, chain: chain)
            } else {
                found = .damaged
            }
            return false
        }
        return found
    }

    /// Keeps the position before the first entry and its chain value; `nil` is the log that begins at index 1.
    func write(base: SnapshotPosition?, chain: UInt64) throws(StorageError) {
        guard let base else { return try deleteBase.run([]) }
        var writer = ByteWriter()
        base.encode(into: &writer)
        try replaceBase.run([
            .blob(writer.bytes), .number(chain), .number(Self.checksum(writer.bytes, chain)),
        ])
    }

    private static func checksum(_ position: Bytes, _ chain: UInt64) -> UInt64 {
        var digest = Digest(rawState: chain)
        digest.combine(position)
        return digest.value
    }

    func eachRun(_ body: (LogRun) throws(StorageError) -> Bool) throws(StorageError) {
        try selectRuns.rows([]) { row throws(StorageError) in try body(Self.run(row)) }
    }

    /// The run that holds `index`, which the log must have.
    func run(holding index: LogIndex) throws(StorageError) -> LogRun? {
        var found: LogRun?
        try selectRunHolding.rows([.number(index.rawValue)]) { row throws(StorageError) in
            found = Self.run(row)
            return false
        }
        return found.flatMap { $0.last >= index ? $0 : nil }
    }

    func insert(_ run: LogRun) throws(StorageError) {
        try insertRun.run([.number(run.first.rawValue), .number(run.last.rawValue), .blob(run.body)])
    }

    func deleteRuns(from index: LogIndex) throws(StorageError) { try deleteRunsFrom.run([.number(index.rawValue)]) }
    func deleteRuns(through index: LogIndex) throws(StorageError) {
        try deleteRunsThrough.run([.number(index.rawValue)])
    }

    private static func run(_ row: Row) -> LogRun {
        LogRun(first: LogIndex(row.number(0)), last: LogIndex(row.number(1)), body: row.blob(2))
    }
}
