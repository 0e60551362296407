package import Consensus
package import Primitives

/// `log.db`: the log's entries, the term and the vote. What ``write(_:)`` returned from is durable.
///
/// Unchecked because it is handed to the one thread that calls it and is never used from two at once.
package final class LogStore: @unchecked Sendable {
    /// What the store has done since it was opened.
    package struct Counters: Hashable, Sendable {
        /// Transactions, each with one sync of the WAL.
        package var syncs: UInt64 = 0
        /// Bytes handed to the file system: WAL frames, checkpointed pages and marks.
        package var bytesWritten: UInt64 = 0
        /// How long the last transaction took to commit, its sync included.
        package var lastSync = TimeSpan.zero
        package init() {}
    }

    /// Bytes of WAL at which it is copied into the database and begun anew: 3 to 5 MiB, another for each node, so that those
    /// which write the same do not copy at the same time, when none would acknowledge.
    package var checkpointBytes: Int
    /// How far and how long the durable mark may lag behind the log.
    package var markLagEntries: UInt64 = 1_000
    package var markLag = TimeSpan.milliseconds(200)

    package private(set) var counters = Counters()
    let database: Database
    private let lock: AnyObject
    private let mark: MarkFile
    private let tables: LogTables
    private let identity: StoreIdentity
    private let incarnation: Incarnation
    /// Where the durable log begins and ends.
    private(set) var tail: LogTail
    private var hardState: HardState
    /// Until a leader has repaired it.
    private var isDamaged: Bool
    /// Until the directory has joined.
    private var blank: DirectoryID?
    private var markedAt: Instant
    private var walBytesBefore: Int
    /// After a checkpoint that found no space: the size of the WAL at which to try again.
    private var checkpointPostponedTo = 0

    /// Opens or creates the log of `identity` in `directory`, and counts one more incarnation, durably.
    ///
    /// Throws ``StorageError/logLost(path:detail:)`` when the file is damaged beyond reading, and its mark says whose it was:
    /// then ``startAnew(in:identity:new:)`` gives an empty log that a leader has to repair.
    package static func open(
        directory: String, identity: StoreIdentity, new: NewDirectory = .begunNow()
    ) throws(StorageError) -> (LogStore, RecoveredLog, Incarnation) {
        try open(in: SystemDirectory(preparing: directory), identity: identity, new: new)
    }

    /// The same in a directory that is there.
    package static func open(
        in directory: any StoreDirectory, identity: StoreIdentity, new: NewDirectory = .begunNow()
    ) throws(StorageError) -> (LogStore, RecoveredLog, Incarnation) {
        let lock = try directory.lock("log.lock")
        let mark = try MarkFile(in: directory)
        // Without that it may be anybody's, and nothing would tell that it held anything.
        let hasOwnMark = mark.current?.belongs(to: identity) == true
        do throws(StorageError) {
            let opened = try LogOpening(in: directory, lock, mark, identity: identity, new: new)
            return (LogStore(opened), opened.recovered, opened.incarnation)
        } catch .corrupt(let path, let detail) where hasOwnMark {
            throw .logLost(path: path, detail: detail)
        }
    }

    /// Moves a lost log aside (`log.db.lost`, in place of one moved there before) and opens an empty one, which is damaged.
    package static func startAnew(
        in directory: any StoreDirectory, identity: StoreIdentity, new: NewDirectory = .begunNow()
    ) throws(StorageError) -> (LogStore, RecoveredLog, Incarnation) {
        try withExtendedLifetime(directory.lock("log.lock")) { () throws(StorageError) in
            try directory.moveAside("log.db")
        }
        return try open(in: directory, identity: identity, new: new)
    }

    private init(_ opened: LogOpening) {
        database = opened.database
        lock = opened.lock
        mark = opened.mark
        tables = opened.tables
        identity = opened.identity
        checkpointBytes = 3 * 1024 * 1024 + Int(opened.identity.node.rawValue % (2 * 1024 * 1024))
        incarnation = opened.incarnation
        tail = opened.tail
        hardState = opened.recovered.hardState
        isDamaged = opened.recovered.isDamaged
        blank = opened.recovered.blank
        walBytesBefore = opened.database.walBytes
        markedAt = monotonicNow()
    }

    deinit { database.close() }

    /// Carries out `writes` in order, in one transaction with one sync; they are durable when it returns.
    package func write(_ writes: [LogWrite]) throws(StorageError) {
        let changes = writes.compactMap(\.change)
        let newHardState = writes.last { $0.hardState != nil }?.hardState
        let settlements = writes.compactMap(\.settles)
        guard !changes.isEmpty || newHardState != nil || !settlements.isEmpty else { return try database.check() }
        try lowerMark(before: changes)
        try commit { editor throws(StorageError) in
            for change in changes { try editor.carryOut(change) }
            if let newHardState { try self.tables.write(newHardState) }
        }
        try advanceMark(hardState: newHardState)
        for settlement in settlements { try settle(settlement) }
        try checkpointIfDue()
    }

    /// Drops the entries up to the truncation's base, and keeps the base. A base already passed changes nothing.
    package func truncate(_ truncation: LogTruncation) throws(StorageError) {
        try database.check()
        guard truncation.base.index > tail.base else { return }
        try commit { editor throws(StorageError) in try editor.dropPrefix(through: truncation.base) }
        try checkpointIfDue()
    }

    /// Brings the durable mark up to the log's end, onto the disk. For moments without writes, and before a clean exit.
    package func settle() throws(StorageError) {
        try database.check()
        guard let current = mark.current else { return }
        let wanted = markOfTail()
        try markOrLatch { () throws(StorageError) in
            if wanted != current { try self.advanceMarkFile(to: wanted) }
            try self.mark.makeDurable()
        }
    }

    /// Empties a log whose state is lost: a leader has to bring this node everything it once held. The term and the vote stay.
    package func discard() throws(StorageError) -> RecoveredLog {
        try database.check()
        isDamaged = true
        // First of all, or the log would be whole with nothing in it.
        try settle()
        try commit { editor throws(StorageError) in try editor.reset(to: nil) }
        try settle()
        return RecoveredLog(hardState: hardState, isDamaged: true, blank: blank)
    }
}

// MARK: - Transactions

extension LogStore {
    private func commit(_ body: (inout LogEditor) throws(StorageError) -> Void) throws(StorageError) {
        try database.check()
        var editor = LogEditor(tables, path: database.path, tail: tail)
        let began = monotonicNow()
        do throws(StorageError) {
            try database.transaction { () throws(StorageError) in
                try body(&editor)
                try editor.finish()
            }
        } catch .diskFull(let path) {
            throw .diskFull(path: path)
        } catch {
            throw database.latch(error)
        }
        tail = editor.tail
        counters.lastSync = monotonicNow() - began
        counters.syncs += 1
        // The first commit after a checkpoint begins the WAL anew.
        let walBytes = database.walBytes
        counters.bytesWritten += UInt64(walBytes >= walBytesBefore ? walBytes - walBytesBefore : walBytes)
        walBytesBefore = walBytes
    }

    private func checkpointIfDue() throws(StorageError) {
        guard database.walBytes >= max(checkpointBytes, checkpointPostponedTo) else { return }
        do throws(StorageError) {
            let (pages, complete) = try database.checkpoint()
            counters.bytesWritten += UInt64(pages * database.pageBytes)
            walBytesBefore = complete ? 0 : walBytesBefore
            checkpointPostponedTo = 0
        } catch .diskFull {
            // What is in the WAL is durable; the copy can wait until there is space.
            checkpointPostponedTo = database.walBytes + checkpointBytes
        }
        try markOrLatch { () throws(StorageError) in try self.mark.makeDurable() }
    }
}

// MARK: - The durable mark

extension LogStore {
    /// A suffix about to be replaced must not look like one that was lost: the mark goes below it first, onto the disk.
    private func lowerMark(before changes: [LogWrite.Change]) throws(StorageError) {
        try database.check()
        guard let current = mark.current else { return }
        guard let lowest = changes.lazy.compactMap(self.lastKept).min(), lowest < current.index else { return }
        var lowered = current
        // The base is the one position whose chain value needs no reading.
        lowered.index = tail.base
        lowered.chain = tail.baseChain
        try markOrLatch { () throws(StorageError) in
            try self.advanceMarkFile(to: lowered)
            try self.mark.makeDurable()
        }
    }

    /// The last index at which the log is surely as before after `change`.
    private func lastKept(_ change: LogWrite.Change) -> LogIndex? {
        switch change {
        case .replaceSuffix(let entries): entries.first?.index.previous
        case .reset(let base), .resetAndAppend(let base, _): base.index
        }
    }

    /// Follows the log lazily, and the term and the vote at once; never waits for the disk.
    private func advanceMark(hardState newHardState: HardState?) throws(StorageError) {
        let hasVoted = newHardState.map { $0 != hardState } ?? false
        if let newHardState { hardState = newHardState }
        guard let current = mark.current else { return }
        let lag = tail.last.rawValue - min(current.index, tail.last).rawValue
        let now = monotonicNow()
        guard hasVoted || lag >= markLagEntries || (lag > 0 && now - markedAt >= markLag) else { return }
        markedAt = now
        try markOrLatch { () throws(StorageError) in try self.advanceMarkFile(to: self.markOfTail()) }
    }

    /// The mark says so before anybody is told.
    private func settle(_ settlement: LogWrite.Settlement) throws(StorageError) {
        blank = nil
        if settlement == .isRepaired { isDamaged = false }
        try settle()
    }

    private func markOfTail() -> DurableMark {
        DurableMark(
            cluster: identity.cluster, node: identity.node, incarnation: incarnation, term: hardState.term,
            votedFor: hardState.votedFor, index: tail.last, chain: tail.lastChain, blank: blank,
            isDamaged: isDamaged)
    }

    private func advanceMarkFile(to wanted: DurableMark) throws(StorageError) {
        try mark.advance(to: wanted)
        counters.bytesWritten += UInt64(DurableMark.encodedBytes)
    }

    private func markOrLatch(_ body: () throws(StorageError) -> Void) throws(StorageError) {
        do throws(StorageError) { try body() } catch { throw database.latch(error) }
    }
}
