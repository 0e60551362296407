package import CCrashDisk
import Primitives
package import SQLiteStorage

/// A disk in memory, under SQLite and beside it, that loses or tears at a crash what was not synced.
///
/// One thread at a time may use it.
package final class CrashDisk {
    fileprivate let handle: OpaquePointer
    /// Called before each operation that changes the disk.
    package var beforeOperation: ((crash_disk_operation) -> Void)?
    /// Called before each sync of a file or of the directory.
    package var beforeSync: (() -> Void)?
    private let path: String

    package convenience init() { self.init(crash_disk_create(), path: "/data") }

    /// One over a directory of the file system, which has no more than was synced, and now and then a part of what was
    /// not: the end of this process is a loss of power.
    package convenience init(over path: String, seed: UInt64) {
        self.init(crash_disk_create_over_directory(seed), path: path)
    }

    private init(_ handle: OpaquePointer, path: String) {
        self.handle = handle
        self.path = path
        crash_disk_set_hook(
            handle,
            { context, operation in
                let disk = Unmanaged<CrashDisk>.fromOpaque(context!).takeUnretainedValue()
                disk.beforeOperation?(operation)
                if operation == CRASH_DISK_SYNC || operation == CRASH_DISK_SYNC_DIRECTORY { disk.beforeSync?() }
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { crash_disk_free(handle) }

    /// A node's data directory on this disk.
    package var directory: any StoreDirectory {
        CrashDirectory(disk: self, path: path, vfsName: String(cString: crash_disk_vfs_name(handle)))
    }

    /// Takes over what `other` would hold after a crash at this moment; nothing may be open here.
    package func become(_ other: CrashDisk, after crash: crash_disk_crash, seed: UInt64) {
        crash_disk_become(handle, other.handle, crash, seed)
    }

    /// Lets `syncs` more succeed and the one after them fail, as a page cache does: what it was for stays readable,
    /// and may never reach the disk.
    package func failSync(after syncs: Int, seed: UInt64) { crash_disk_fail_sync(handle, Int64(syncs), seed) }

    /// Lets all syncs succeed again.
    package func endFailures() { crash_disk_fail_sync(handle, -1, 0) }

    /// Refuses to grow by more than this from now on; `nil` for a disk without end.
    package func leaveSpace(_ bytes: Int?) {
        crash_disk_set_capacity(handle, bytes.map { crash_disk_used(handle) + Int64($0) } ?? .max)
    }

    /// How many bytes a file of the directory holds; none when there is no such file.
    package func size(of name: String) -> Int { max(0, Int(crash_disk_size(handle, path + "/" + name))) }

    /// Takes a file away, durably; it must not be open.
    package func remove(_ name: String) { crash_disk_remove(handle, path + "/" + name) }
}

/// The one directory of a ``CrashDisk``. Its locks keep nobody out: a test opens one store at a time.
private struct CrashDirectory: StoreDirectory {
    let disk: CrashDisk
    let path: String
    let vfsName: String?

    /// Keeps the disk as long as its store is open.
    private final class Lock {
        let disk: CrashDisk
        init(_ disk: CrashDisk) { self.disk = disk }
    }

    func lock(_ name: String) -> AnyObject { Lock(disk) }

    func openFile(_ name: String, bytes: Int) throws(StorageError) -> any StoreFile {
        try CrashFile(disk, path: path(of: name), bytes: bytes)
    }

    func createFile(_ name: String) throws(StorageError) { _ = try openFile(name, bytes: 0) }

    func rename(_ name: String, to other: String) throws(StorageError) {
        crash_disk_rename(disk.handle, path(of: name), path(of: other))
    }

    func rewrite(_ name: String) throws(StorageError) {
        let size = disk.size(of: name)
        guard size > 0 else { return }
        let file = try openFile(name, bytes: 0)
        if let bytes = file.read(at: 0, count: size) { try file.write(bytes, at: 0) }
        try file.sync()
    }

    func sync() throws(StorageError) {
        guard crash_disk_sync_directory(disk.handle) == 0 else {
            throw .latched(path: path, operation: "the directory sync", detail: "on purpose")
        }
    }
}

/// A file of a ``CrashDisk`` that is not SQLite's.
private final class CrashFile: StoreFile {
    let path: String
    private let disk: CrashDisk
    private let handle: OpaquePointer

    init(_ disk: CrashDisk, path: String, bytes: Int) throws(StorageError) {
        self.path = path
        self.disk = disk
        var opened: OpaquePointer?
        guard crash_file_open(disk.handle, path, &opened) == 0, let opened else {
            throw .unusableDirectory(path: path, reason: "on purpose")
        }
        handle = opened
        guard crash_file_extend(handle, Int64(bytes)) == 0 else { throw .diskFull(path: path) }
    }

    deinit { crash_file_close(handle) }

    func read(at offset: Int, count: Int) -> Bytes? {
        var bytes = Bytes(repeating: 0, count: count)
        return crash_file_read(handle, &bytes, Int64(count), Int64(offset)) == 0 ? bytes : nil
    }

    func write(_ bytes: Bytes, at offset: Int) throws(StorageError) {
        guard crash_file_write(handle, bytes, Int64(bytes.count), Int64(offset)) == 0 else {
            throw .latched(path: path, operation: "a write", detail: "on purpose")
        }
    }

    func sync() throws(StorageError) {
        guard crash_file_sync(handle) == 0 else {
            throw .latched(path: path, operation: "the sync", detail: "on purpose")
        }
    }
}
