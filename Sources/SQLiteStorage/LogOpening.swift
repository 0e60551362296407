internal import Consensus
internal import Primitives

/// One opening of a node's log, under its lock: reads and checks what is there, and begins the next incarnation.
struct LogOpening {
    let identity: StoreIdentity
    let lock: AnyObject
    let mark: MarkFile
    let database: Database
    let tables: LogTables
    let incarnation: Incarnation
    private(set) var tail: LogTail
    private(set) var recovered: RecoveredLog

    /// - Parameter new: what the directory is given if it is begun now.
    init(
        in directory: any StoreDirectory, _ lock: AnyObject, _ mark: MarkFile, identity: StoreIdentity,
        new: NewDirectory
    ) throws(StorageError) {
        self.identity = identity
        self.lock = lock
        self.mark = mark
        try directory.createFile("log.db")
        try directory.rewrite("log.db-wal")
        // Before the log says whose it is: one without its mark is damaged.
        try directory.sync()
        database = try Database(
            path: directory.path(of: "log.db"), vfs: directory.vfsName, settings: .log, gathers: .databaseAndWAL)
        tables = try LogTables(database)
        try database.checkTables(of: LogTables.schema)
        try database.checkStructure()
        let kept = try tables.readIdentity(path: database.path)
        if let kept { try Self.check(kept.0, beside: mark, for: identity, path: directory.path) }
        try Self.check(mark, for: identity)

        let before = max(kept?.1 ?? Incarnation(0), mark.current?.incarnation ?? new.incarnation)
        incarnation = Incarnation(before.rawValue + 1)
        let hardState = try tables.readHardState()
        let contents = try LogContents(tables, mark: mark.current)
        let isFresh = kept == nil && !contents.hasRows
        let isDamaged = isDamaged(
            hardState: hardState, contents: contents, mark: mark.current, isFresh: isFresh)
        let blank = mark.current == nil && isFresh ? new.id : mark.current?.blank
        tail = contents.tail
        recovered = RecoveredLog(
            hardState: hardState ?? HardState(), base: contents.base, entries: contents.entries,
            isDamaged: isDamaged, blank: blank)
        try begin(contents)
        try directory.sync()
    }

    /// Makes what was found durable: first that it is damaged, then the log without what cannot be kept.
    private mutating func begin(_ contents: LogContents) throws(StorageError) {
        spendLostVote()
        if recovered.isDamaged || mark.current == nil { try writeMark() }
        var editor = LogEditor(tables, path: database.path, tail: tail)
        try database.transaction { () throws(StorageError) in
            if !contents.isWhole { try Self.dropDamage(contents, &editor) }
            if recovered.isDamaged { try tables.write(recovered.hardState) }
            try tables.write(identity, incarnation)
        }
        tail = editor.tail
        // Its commit also synced everything an earlier process may have left in memory.
        try writeMark()
    }

    /// A node that may have forgotten its vote counts it as given in the last term it knows of: to whom the mark says, or to
    /// itself.
    private mutating func spendLostVote() {
        guard recovered.isDamaged else { return }
        let known = recovered.hardState
        let marked = HardState(term: mark.current?.term ?? .zero, votedFor: mark.current?.votedFor)
        guard known.term < marked.term || known.votedFor == nil else { return }
        let vote = known.term <= marked.term ? marked.votedFor : nil
        recovered.hardState = HardState(term: max(known.term, marked.term), votedFor: vote ?? identity.node)
    }

    private func writeMark() throws(StorageError) {
        try mark.advance(
            to: DurableMark(
                cluster: identity.cluster, node: identity.node, incarnation: incarnation,
                term: recovered.hardState.term, votedFor: recovered.hardState.votedFor,
                index: tail.last, chain: tail.lastChain, blank: recovered.blank, isDamaged: recovered.isDamaged))
        try mark.makeDurable()
    }

    static func dropDamage(_ contents: LogContents, _ editor: inout LogEditor) throws(StorageError) {
        let keepsNothing = contents.entries.isEmpty && contents.base == nil
        if keepsNothing { try editor.reset(to: nil) } else { try editor.dropDamage(behind: contents.lastRun) }
    }

    /// The row has no checksum and the mark has one: where only the mark is ours, the row is damaged.
    private static func check(
        _ kept: StoreIdentity, beside mark: MarkFile, for identity: StoreIdentity, path: String
    ) throws(StorageError) {
        do throws(StorageError) {
            try identity.check(against: kept, path: path)
        } catch {
            guard mark.current?.belongs(to: identity) == true else { throw error }
            throw .corrupt(path: path + "/log.db", detail: "the row that says whose it is differs from the mark")
        }
    }

    private static func check(_ mark: MarkFile, for identity: StoreIdentity) throws(StorageError) {
        guard let kept = mark.current else { return }
        guard kept.cluster == identity.cluster else {
            throw .otherCluster(
                path: mark.path, holds: "with id \(kept.cluster.rawValue)", wanted: identity.clusterDescription)
        }
        guard kept.node == identity.node else {
            throw .otherMember(path: mark.path, holds: "with id \(kept.node.rawValue)", wanted: identity.nodeName)
        }
    }
}
