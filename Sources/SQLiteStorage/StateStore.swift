package import Consensus
package import KeyValue
package import Primitives

/// What `state.db` holds when a node starts.
package struct RecoveredState: Hashable, Sendable {
    package var header: StateHeader
    /// The members as of ``StateHeader/appliedIndex``.
    package var configuration: Configuration
    /// Versions by position, then leases by id, elections and candidacies by name, remembered requests by order.
    package var records: [StateRecord]
}

extension RecoveredState {
    /// The position of the log that this state covers.
    package var position: SnapshotPosition {
        SnapshotPosition(
            index: header.appliedIndex, term: header.appliedTerm, time: header.time, configuration: configuration)
    }
}

/// `state.db`: the state machine's rows with the index they reflect. Follows the log lazily and makes restarts short;
/// other processes may read it at any time.
///
/// Unchecked because it is handed to the one thread that calls it and is never used from two at once.
package final class StateStore: @unchecked Sendable {
    /// Bytes of WAL at which it is copied into the database without being asked.
    package static let checkpointBytes = 16 * 1024 * 1024

    /// Records of a snapshot that are in memory while it is written.
    private static let installedTogether = 1_024

    let database: Database
    private let lock: AnyObject
    private let tables: StateTables
    private let identity: StoreIdentity
    /// See ``StateTables``.
    private var rowSum: UInt64 = 0
    private var runs = VersionRuns()
    /// The revision that the rows reach.
    private var newest = Revision.zero
    /// The size of the WAL at which the next checkpoint is due.
    private var checkpointDueAt = StateStore.checkpointBytes
    /// Whether the WAL holds nothing that an earlier life left in it.
    private var hasOwnWAL = false

    /// Opens or creates the state of `identity`; nothing is recovered from a state that was never written.
    ///
    /// Throws ``StorageError/stateLost(path:detail:)`` when the state cannot be used: it is damaged, or ends before
    /// `logBase`, where the log begins. Then ``startAnew(directory:identity:)`` gives an empty one; with a base, the log
    /// has to go too (``LogStore/discard()``) and a leader to repair the node; without, the log rebuilds the state.
    package static func open(
        directory: String, identity: StoreIdentity, logBase: LogIndex = .zero
    ) throws(StorageError) -> (StateStore, RecoveredState?) {
        try open(in: SystemDirectory(preparing: directory), identity: identity, logBase: logBase)
    }

    /// The same in a directory that is there.
    package static func open(
        in directory: any StoreDirectory, identity: StoreIdentity, logBase: LogIndex = .zero
    ) throws(StorageError) -> (StateStore, RecoveredState?) {
        let path = directory.path(of: "state.db")
        do throws(StorageError) {
            let store = try StateStore(directory, identity: identity, lock: directory.lock("state.lock"))
            let recovered = try store.recover()
            let reached = recovered?.header.appliedIndex ?? .zero
            guard reached >= logBase else {
                throw .stateLost(
                    path: path,
                    detail: "it ends at log index \(reached.rawValue), but the log begins after \(logBase.rawValue)")
            }
            return (store, recovered)
        } catch .corrupt(let path, let detail) {
            throw .stateLost(path: path, detail: detail)
        }
    }

    /// Moves a lost state aside (`state.db.lost`, in place of one moved there before) and opens an empty one.
    package static func startAnew(directory: String, identity: StoreIdentity) throws(StorageError) -> StateStore {
        try startAnew(in: SystemDirectory(preparing: directory), identity: identity)
    }

    /// The same in a directory that is there.
    package static func startAnew(
        in directory: any StoreDirectory, identity: StoreIdentity
    ) throws(StorageError) -> StateStore {
        let lock = try directory.lock("state.lock")
        try directory.moveAside("state.db")
        return try StateStore(directory, identity: identity, lock: lock)
    }

    private init(_ files: any StoreDirectory, identity: StoreIdentity, lock: AnyObject) throws(StorageError) {
        self.identity = identity
        self.lock = lock
        try files.createFile("state.db")
        try files.rewrite("state.db-wal")
        database = try Database(path: files.path(of: "state.db"), vfs: files.vfsName, settings: .state, gathers: .wal)
        tables = try StateTables(database)
        try database.checkTables(of: StateTables.schema)
        if let kept = try tables.readIdentity(path: database.path) {
            try identity.check(against: kept, path: files.path)
        } else {
            try beginWAL()
            try tables.write(identity, header: nil, configuration: nil, rowSum: 0)
        }
        try files.sync()
    }

    deinit { database.close() }

    private func recover() throws(StorageError) -> RecoveredState? {
        try database.checkStructure()
        let content = try tables.read(path: database.path)
        rowSum = content.rowSum
        runs = content.runs
        newest = content.state?.header.revision ?? .zero
        if content.isOfEarlierFormat {
            try beginWAL()
            // From now on with the sum of this format.
            try tables.write(
                identity, header: content.state?.header, configuration: content.state?.configuration, rowSum: rowSum)
        }
        return content.state
    }

    /// Carries out `delta` in one transaction; it survives a crash of the process now, and of the machine after ``sync()``.
    package func write(_ delta: StateDelta, configuration: Configuration) throws(StorageError) {
        var sum = rowSum
        var runs = runs
        try beginWAL()
        try database.transaction { () throws(StorageError) in
            sum &+= try tables.removeRows(of: delta, runs: &runs)
            sum &+= try tables.write(delta.upserts, after: newest, runs: &runs)
            sum &+= try tables.settle(&runs)
            try tables.write(identity, header: delta.header, configuration: configuration, rowSum: sum)
        }
        rowSum = sum
        self.runs = runs
        newest = delta.header.revision
        try checkpointIfDue()
    }

    /// Makes every delta written so far durable. Only below what was synced may the log be truncated.
    package func sync() throws(StorageError) {
        try database.check()
        let (_, complete) = try database.checkpoint()
        // A reader in another process holds frames back: then it is the WAL that has to be on the disk.
        if !complete { try database.syncWAL() }
    }

    /// Puts a snapshot's state in the place of this one, durably; a crash before it returns leaves the old or the new.
    package func replaceAll(
        header: StateHeader, configuration: Configuration, records: some Sequence<StateRecord>
    ) throws(StorageError) {
        var sum: UInt64 = 0
        try beginWAL()
        try database.transaction { () throws(StorageError) in
            try tables.removeAll()
            var some: [StateRecord] = []
            for record in records {
                some.append(record)
                guard some.count == Self.installedTogether else { continue }
                sum &+= try tables.writeRows(some, after: .zero)
                some.removeAll(keepingCapacity: true)
            }
            sum &+= try tables.writeRows(some, after: .zero)
            try tables.write(identity, header: header, configuration: configuration, rowSum: sum)
        }
        rowSum = sum
        runs = VersionRuns()
        newest = header.revision
        try sync()
    }

    /// Before the first write of a life. Behind a frame that was spoiled, others may be left in the WAL; they would count again
    /// once the lost one is written again as it was, which the log's first write, with its new incarnation, never does.
    private func beginWAL() throws(StorageError) {
        guard !hasOwnWAL else { return }
        _ = try database.checkpoint(emptiesWAL: true)
        hasOwnWAL = true
    }

    private func checkpointIfDue() throws(StorageError) {
        guard database.walBytes >= checkpointDueAt else { return }
        do throws(StorageError) {
            let (_, complete) = try database.checkpoint()
            checkpointDueAt = (complete ? 0 : database.walBytes) + Self.checkpointBytes
        } catch .diskFull {
            // The delta is kept in the WAL; the copy can wait until there is space.
            checkpointDueAt = database.walBytes + Self.checkpointBytes
        }
    }
}
