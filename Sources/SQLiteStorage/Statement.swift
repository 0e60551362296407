import CSQLite
internal import Primitives

/// What a column takes.
enum ColumnValue {
    case integer(Int64)
    case blob(Bytes)
    case text(String)
    case null

    /// A 64-bit number whose bits are kept; those below 2^63 read the same in SQL.
    static func number(_ value: UInt64) -> ColumnValue { .integer(Int64(bitPattern: value)) }

    fileprivate func combine(into digest: inout Digest) {
        switch self {
        case .integer(let number): digest.combine(UInt64(bitPattern: number))
        case .blob(let bytes): digest.combine(bytes)
        case .text(let text): digest.combine(Array(text.utf8))
        case .null: digest.combine(byte: 0)
        }
    }
}

/// A prepared statement of a ``Database``, used again and again.
struct Statement {
    private let handle: OpaquePointer
    private unowned let database: Database

    init(_ handle: OpaquePointer, of database: Database) {
        self.handle = handle
        self.database = database
    }

    /// Runs the statement to its end.
    func run(_ values: [ColumnValue]) throws(StorageError) {
        try begin(values)
        defer { sqlite3_reset(handle) }
        while try step() {}
    }

    /// Runs the statement with `values`, their checksum, which it returns, and what comes after that.
    @discardableResult
    func run(checksummed values: [ColumnValue], then rest: [ColumnValue] = []) throws(StorageError) -> UInt64 {
        var digest = Digest()
        for value in values { value.combine(into: &digest) }
        try run(values + [.number(digest.value)] + rest)
        return digest.value
    }

    /// Calls `body` for every row until it returns false.
    func rows(_ values: [ColumnValue], body: (Row) throws(StorageError) -> Bool) throws(StorageError) {
        try begin(values)
        defer { sqlite3_reset(handle) }
        while try step() {
            guard try body(Row(handle)) else { return }
        }
    }

    /// Runs the statement with what `bind` binds, which has to stay in its place meanwhile.
    ///
    /// - Returns: how many rows it changed.
    @discardableResult
    func run(binding bind: (inout Binding) -> Void) throws(StorageError) -> Int {
        try database.check()
        defer { sqlite3_reset(handle) }
        var binding = Binding(handle)
        bind(&binding)
        guard binding.code == SQLITE_OK else { throw database.error(binding.code, "a write") }
        while try step() {}
        return database.changes
    }

    private func begin(_ values: [ColumnValue]) throws(StorageError) {
        try database.check()
        for (offset, value) in values.enumerated() {
            let code = bind(value, at: Int32(offset + 1))
            guard code == SQLITE_OK else { throw database.error(code, "a write") }
        }
    }

    private func bind(_ value: ColumnValue, at position: Int32) -> Int32 {
        switch value {
        case .integer(let number): sqlite3_bind_int64(handle, position, number)
        case .null: sqlite3_bind_null(handle, position)
        case .text(let text): sqlite3_bind_text(handle, position, text, Int32(text.utf8.count), copied)
        case .blob(let bytes) where bytes.isEmpty: sqlite3_bind_zeroblob(handle, position, 0)
        case .blob(let bytes):
            bytes.withUnsafeBytes { sqlite3_bind_blob64(handle, position, $0.baseAddress, UInt64($0.count), copied) }
        }
    }

    private func step() throws(StorageError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw database.error(code, sqlite3_stmt_readonly(handle) != 0 ? "a read" : "a write")
        }
    }
}

/// Binds a statement's values one after another, without copying them, and sums them up.
struct Binding {
    private let handle: OpaquePointer
    private var position: Int32 = 0
    /// Of everything bound since the last checksum.
    private var digest = Digest()
    /// The first thing that went wrong.
    fileprivate private(set) var code = SQLITE_OK

    fileprivate init(_ handle: OpaquePointer) { self.handle = handle }

    mutating func bind(_ number: UInt64) {
        digest.combine(number)
        position += 1
        note(sqlite3_bind_int64(handle, position, Int64(bitPattern: number)))
    }

    mutating func bindNull() {
        digest.combine(byte: 0)
        position += 1
        note(sqlite3_bind_null(handle, position))
    }

    mutating func bind(_ bytes: UnsafeRawBufferPointer) {
        digest.combine(bytes)
        position += 1
        // Without an address it would be null.
        note(
            bytes.isEmpty
                ? sqlite3_bind_zeroblob(handle, position, 0)
                : sqlite3_bind_blob64(handle, position, bytes.baseAddress, UInt64(bytes.count), nil))
    }

    mutating func bind(_ text: String) {
        digest.combine(Array(text.utf8))
        position += 1
        note(sqlite3_bind_text(handle, position, text, Int32(text.utf8.count), copied))
    }

    /// Ends a row.
    ///
    /// - Returns: its checksum.
    @discardableResult
    mutating func bindChecksum() -> UInt64 {
        let checksum = digest.value
        bind(checksum)
        digest = Digest()
        return checksum
    }

    private mutating func note(_ result: Int32) {
        if code == SQLITE_OK { code = result }
    }
}

/// The row a statement stands on; valid until the next one.
struct Row {
    private let handle: OpaquePointer
    fileprivate init(_ handle: OpaquePointer) { self.handle = handle }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    func number(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }
    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func blob(_ column: Int32) -> Bytes {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return Bytes(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }

    /// Whether the first columns are of these types: `i` an integer, `b` a blob, `t` a text, `-` null; a capital letter allows for
    /// null. A checksum alone tells no bytes from the number 0.
    func has(_ types: String) -> Bool {
        for (column, type) in types.utf8.enumerated() {
            let found = sqlite3_column_type(handle, Int32(column))
            let letter: UInt8 =
                switch found {
                case SQLITE_INTEGER: UInt8(ascii: "i")
                case SQLITE_BLOB: UInt8(ascii: "b")
                case SQLITE_TEXT: UInt8(ascii: "t")
                case SQLITE_NULL: UInt8(ascii: "-")
                default: 0
                }
            let isCapital = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(type)
            let allowed = isCapital ? type | 0x20 : type
            guard letter == allowed || (isCapital && found == SQLITE_NULL) else { return false }
        }
        return true
    }

    /// The last column.
    var last: Int32 { sqlite3_column_count(handle) - 1 }

    /// Whether a column is the checksum of those before it.
    func hasChecksum(at last: Int32) -> Bool {
        var digest = Digest()
        for column in 0..<last {
            switch sqlite3_column_type(handle, column) {
            case SQLITE_INTEGER: digest.combine(number(column))
            case SQLITE_NULL: digest.combine(byte: 0)
            default:
                let start = sqlite3_column_blob(handle, column)
                let count = Int(sqlite3_column_bytes(handle, column))
                digest.combine(UnsafeRawBufferPointer(start: start, count: count))
            }
        }
        return digest.value == number(last)
    }
}

/// SQLite's mark for "copy the bytes during the call".
private var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }
