package import Primitives

/// A node's data directory: what the stores ask of the file system beside what SQLite asks of it itself.
package protocol StoreDirectory {
    /// Where the directory is, for SQLite and for messages.
    var path: String { get }
    /// The SQLite file layer that reaches the same files; `nil` is the system's.
    var vfsName: String? { get }

    /// Holds `name` until the returned object goes; throws when another process or store holds it.
    func lock(_ name: String) throws(StorageError) -> AnyObject
    /// Opens `name`, created (0600) when it is missing, with space for `bytes`.
    func openFile(_ name: String, bytes: Int) throws(StorageError) -> any StoreFile
    /// Creates `name` (0600) when it is missing, so that SQLite does not create it readable by all.
    func createFile(_ name: String) throws(StorageError)
    /// Gives a file another name, in place of what had it; a file that is not there stays so.
    func rename(_ name: String, to other: String) throws(StorageError)
    /// Writes what a file holds, if it is there, once more and waits for the disk: of what a sync that failed was for, reads
    /// show what the disk never got, and the system takes it for clean.
    func rewrite(_ name: String) throws(StorageError)
    /// Makes created and renamed entries durable.
    func sync() throws(StorageError)
}

/// Where each of a node's stores keeps its files. The stores have a thread each and share none.
package struct StoreDirectories {
    package var log: any StoreDirectory
    package var state: any StoreDirectory

    package init(log: any StoreDirectory, state: any StoreDirectory) {
        self.log = log
        self.state = state
    }

    /// Both in one directory of the file system, created when it is missing.
    package static func system(_ path: String) throws(StorageError) -> StoreDirectories {
        let directory = try SystemDirectory(preparing: path)
        return StoreDirectories(log: directory, state: directory)
    }
}

extension StoreDirectory {
    package func path(of name: String) -> String { path + "/" + name }

    /// Gives a lost database the name with `.lost` behind it, in place of one that was lost before, and makes that durable.
    func moveAside(_ database: String) throws(StorageError) {
        // The database first: SQLite takes no WAL for an empty one's, but would believe an old database without its WAL.
        for suffix in ["", "-wal", "-shm"] { try rename(database + suffix, to: database + ".lost" + suffix) }
        try sync()
    }
}

/// A file that is not SQLite's.
package protocol StoreFile: AnyObject {
    var path: String { get }
    /// `nil` unless all `count` bytes are there.
    func read(at offset: Int, count: Int) -> Bytes?
    /// Does not wait for the disk.
    func write(_ bytes: Bytes, at offset: Int) throws(StorageError)
    /// Waits until everything written is on the disk.
    func sync() throws(StorageError)
}
