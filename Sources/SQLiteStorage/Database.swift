import CGathering
import CSQLite
import Glibc

/// One SQLite connection of one thread, whose first IO error is its last: it latches.
final class Database {
    /// A PRAGMA to set, and what reading it back must give; `nil` for one that only shapes a new file.
    struct Setting {
        var name: String
        var value: String
        var expected: String?
    }

    /// Which files are written and read in larger pieces than single pages.
    enum Gathered { case nothing, wal, databaseAndWAL }

    let path: String
    private let handle: OpaquePointer
    private var statements: [OpaquePointer] = []
    private var begin: OpaquePointer?
    private var commit: OpaquePointer?
    /// The layer that gathers what is written, of a connection that has it.
    private let gathering: OpaquePointer?
    private var isOpen = true
    /// The error every later call throws; set once.
    private(set) var failure: StorageError?
    /// Frames in the WAL after the last commit, kept up to date by SQLite's hook.
    private let walFrames: UnsafeMutablePointer<Int32>

    /// Bytes of a page; a WAL frame has 24 more.
    private(set) var pageBytes = 0

    /// Opens or creates the file through the SQLite file layer named `vfs`; `nil` is the system's.
    ///
    /// - Parameter gathers: what is written and read in few large pieces. The database itself only with settings that give
    ///   it to this connection alone.
    init(
        path: String, vfs: String? = nil, settings: [Setting], gathers: Gathered = .nothing
    ) throws(StorageError) {
        self.path = path
        // Without memory for it the frames are written one by one.
        gathering = gathers == .nothing ? nil : conclave_gathering_begin(vfs, gathers == .databaseAndWAL)
        let vfs = gathering.map { String(cString: conclave_gathering_name($0)) } ?? vfs
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE
        let code = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_EXRESCODE, vfs)
        guard let handle, code == SQLITE_OK else {
            let detail = String(cString: sqlite3_errstr(code))
            sqlite3_close(handle)
            if let gathering { conclave_gathering_end(gathering) }
            throw .unusableDirectory(path: path, reason: detail)
        }
        self.handle = handle
        walFrames = .allocate(capacity: 1)
        walFrames.initialize(to: 0)
        _ = conclave_sqlite3_keep_wal_on_close(handle)
        sqlite3_busy_timeout(handle, 2_000)
        for setting in settings { try apply(setting) }
        // Only now: wal_autocheckpoint owns the same hook.
        _ = sqlite3_wal_hook(
            handle,
            { context, _, _, frames in
                context?.assumingMemoryBound(to: Int32.self).pointee = frames
                return SQLITE_OK
            }, walFrames)
        pageBytes = Int(try scalar("PRAGMA page_size") ?? 0)
    }

    deinit {
        close()
        walFrames.deallocate()
    }

    /// Ends the connection; the WAL stays as it is, so that a close leaves what a crash leaves.
    func close() {
        guard isOpen else { return }
        isOpen = false
        for statement in statements { sqlite3_finalize(statement) }
        sqlite3_close(handle)
        if let gathering { conclave_gathering_end(gathering) }
    }

    /// Throws the latched error, if there is one.
    func check() throws(StorageError) {
        if let failure { throw failure }
        precondition(isOpen, "\(path) is used after it was closed")
    }

    /// Keeps `error` as this connection's last.
    func latch(_ error: StorageError) -> StorageError {
        if failure == nil { failure = error }
        return error
    }

    func prepare(_ sql: String) throws(StorageError) -> Statement { Statement(try compile(sql), of: self) }

    private func compile(_ sql: String) throws(StorageError) -> OpaquePointer {
        try check()
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard let statement, code == SQLITE_OK else { throw preparationError(code) }
        statements.append(statement)
        return statement
    }

    /// Runs statements that return nothing of interest.
    func execute(_ sql: String) throws(StorageError) {
        try check()
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw preparationError(code) }
    }

    /// What a statement of ours means that cannot be compiled: that the schema it was written for is not there.
    private func preparationError(_ code: Int32) -> StorageError {
        guard code & 0xFF == SQLITE_ERROR else { return error(code, "a write") }
        return latch(.corrupt(path: path, detail: message))
    }

    /// The first column of the first row; `nil` without a row.
    func scalar(_ sql: String) throws(StorageError) -> Int64? {
        try text(sql).flatMap { Int64($0) }
    }

    /// The first column of the first row as text; `nil` without a row.
    func text(_ sql: String) throws(StorageError) -> String? {
        try check()
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        let prepared = sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
        guard prepared == SQLITE_OK else { throw preparationError(prepared) }
        let code = sqlite3_step(statement)
        guard code == SQLITE_ROW || code == SQLITE_DONE else { throw error(code, "a read") }
        return sqlite3_column_text(statement, 0).map { String(cString: $0) }
    }

    /// Runs `body` in one transaction: all of it is kept, or nothing.
    func transaction(_ body: () throws(StorageError) -> Void) throws(StorageError) {
        try run(&begin, "BEGIN IMMEDIATE")
        do {
            try body()
            try run(&commit, "COMMIT")
        } catch {
            // A failed commit may already have ended the transaction.
            if sqlite3_get_autocommit(handle) == 0, sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) != SQLITE_OK {
                throw latch(.latched(path: path, operation: "the rollback", detail: message))
            }
            throw error
        }
    }

    /// Runs a statement without values or rows, compiled on its first use.
    private func run(_ statement: inout OpaquePointer?, _ sql: String) throws(StorageError) {
        try check()
        if statement == nil { statement = try compile(sql) }
        let code = sqlite3_step(statement)
        defer { sqlite3_reset(statement) }
        guard code == SQLITE_DONE else { throw error(code, "a write") }
    }

    /// How many rows the last statement changed that changes rows.
    var changes: Int { Int(sqlite3_changes(handle)) }

    /// How many bytes of frames the WAL holds.
    var walBytes: Int { Int(walFrames.pointee) * (pageBytes + 24) }

    /// Copies the WAL into the database and syncs both; the next write begins the WAL anew in the same file.
    /// Returns the pages copied, and whether none are left (readers of other processes may hold some back).
    ///
    /// - Parameter emptiesWAL: whether nothing of the WAL stays in its file, if no reader holds it.
    func checkpoint(emptiesWAL: Bool = false) throws(StorageError) -> (pages: Int, complete: Bool) {
        try check()
        var frames: Int32 = 0
        var copied: Int32 = 0
        let mode = emptiesWAL ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        let code = sqlite3_wal_checkpoint_v2(handle, nil, mode, &frames, &copied)
        guard code == SQLITE_OK || code == SQLITE_BUSY else { throw error(code, "the checkpoint") }
        let complete = code == SQLITE_OK && frames == copied
        if complete { walFrames.pointee = 0 }
        return (Int(max(0, copied)), complete)
    }

    /// Puts the WAL itself on the disk.
    func syncWAL() throws(StorageError) {
        let descriptor = open(path + "-wal", O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { Glibc.close(descriptor) } }
        guard descriptor >= 0, fdatasync(descriptor) == 0 else {
            throw latch(.latched(path: path + "-wal", operation: "the sync", detail: errorText()))
        }
    }

    /// What `code` means; anything but a full disk latches.
    func error(_ code: Int32, _ operation: String) -> StorageError {
        switch code & 0xFF {
        case SQLITE_FULL: .diskFull(path: path)
        case SQLITE_CORRUPT, SQLITE_NOTADB: latch(.corrupt(path: path, detail: message))
        // Of a file that the system let us open for writing this much says only its own header.
        case SQLITE_READONLY where code == SQLITE_READONLY:
            latch(.corrupt(path: path, detail: "its header forbids writing"))
        case SQLITE_BUSY, SQLITE_LOCKED: latch(.inUse(path: path, process: nil))
        default: latch(.latched(path: path, operation: operation, detail: "\(message), SQLite code \(code)"))
        }
    }

    /// Throws ``StorageError/corrupt(path:detail:)`` unless the tables are those that `schema` makes: one flipped bit in its text
    /// may leave a text that compiles, and by which a row no longer takes the place of the one before it.
    func checkTables(of schema: String) throws(StorageError) {
        let columns = """
            SELECT group_concat(place) FROM (SELECT m.name || i.cid || i.name || i.type || i."notnull" || i.pk AS place
                FROM sqlite_schema AS m, pragma_table_info(m.name) AS i WHERE m.type = 'table' ORDER BY place)
            """
        let model = try Database(path: ":memory:", settings: [])
        try model.execute(schema)
        guard try text(columns) == model.text(columns) else {
            throw .corrupt(path: path, detail: "its tables are not those of this program")
        }
    }

    /// Throws ``StorageError/corrupt(path:detail:)`` where pages do not fit together, free ones included, or the header forbids
    /// writing: no reading of rows comes by that, and a later write would.
    func checkStructure() throws(StorageError) {
        let found = try text("PRAGMA quick_check(1)") ?? "ok"
        guard found == "ok" else { throw .corrupt(path: path, detail: found) }
        guard sqlite3_db_readonly(handle, "main") == 0 else { throw error(SQLITE_READONLY, "a write") }
    }

    private var message: String { String(cString: sqlite3_errmsg(handle)) }

    private func apply(_ setting: Setting) throws(StorageError) {
        try execute("PRAGMA \(setting.name) = \(setting.value)")
        guard let expected = setting.expected else { return }
        // No row: this build of SQLite does not have the feature at all.
        let got = try text("PRAGMA \(setting.name)") ?? "0"
        guard got == expected else {
            throw .settingRefused(path: path, name: setting.name, wanted: expected, got: got)
        }
    }
}

extension [Database.Setting] {
    /// `log.db`: a commit is durable when it returns.
    static let log: Self = [
        // A frame of one small write then touches one or two blocks of the file system, not always two.
        .init(name: "page_size", value: "2048", expected: nil),
        .init(name: "locking_mode", value: "EXCLUSIVE", expected: "exclusive"),
        .init(name: "journal_mode", value: "WAL", expected: "wal"),
        .init(name: "synchronous", value: "FULL", expected: "2"),
        .init(name: "wal_autocheckpoint", value: "0", expected: "0"),
        .init(name: "mmap_size", value: "0", expected: "0"),
        // Debian's SQLite fills freed pages with zeros, and so writes each once more.
        .init(name: "secure_delete", value: "0", expected: "0"),
    ]

    /// `state.db`: a commit is atomic, and durable after the next checkpoint; other processes may read.
    static let state: Self = [
        // Rows come and go in the order of revisions, many together: with few pages little is moved between them.
        .init(name: "page_size", value: "16384", expected: nil),
        .init(name: "journal_mode", value: "WAL", expected: "wal"),
        .init(name: "synchronous", value: "NORMAL", expected: "1"),
        .init(name: "wal_autocheckpoint", value: "0", expected: "0"),
        .init(name: "mmap_size", value: "0", expected: "0"),
        // Debian's SQLite fills freed pages with zeros, and so writes each once more.
        .init(name: "secure_delete", value: "0", expected: "0"),
        .init(name: "journal_size_limit", value: "67108864", expected: "67108864"),
    ]
}
