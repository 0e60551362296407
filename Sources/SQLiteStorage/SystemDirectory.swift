import Glibc
internal import Primitives

/// A node's data directory on the file system, with the system's own SQLite files.
package struct SystemDirectory: StoreDirectory {
    package let path: String
    package var vfsName: String? { nil }

    /// Creates the directory (0700) and its parents when they are missing.
    package init(preparing path: String) throws(StorageError) {
        self.path = path
        var prefix = path.hasPrefix("/") ? "" : "."
        for component in path.split(separator: "/") {
            prefix += "/" + component
            guard mkdir(prefix, 0o700) != 0, errno != EEXIST else { continue }
            throw .unusableDirectory(path: path, reason: errorText())
        }
        // The slash makes a file in the directory's place say that it is none.
        guard access(path + "/", R_OK | W_OK | X_OK) == 0 else {
            throw .unusableDirectory(path: path, reason: errorText())
        }
    }

    package func lock(_ name: String) throws(StorageError) -> AnyObject { try FileLock(path: path(of: name)) }

    package func openFile(_ name: String, bytes: Int) throws(StorageError) -> any StoreFile {
        try SystemFile(path: path(of: name), bytes: bytes)
    }

    package func createFile(_ name: String) throws(StorageError) {
        // Closing any descriptor of a database drops this process's locks on it, so this must precede its opening.
        let descriptor = open(path(of: name), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unusableDirectory(path: path, reason: "\(name): \(errorText())") }
        close(descriptor)
    }

    package func rename(_ name: String, to other: String) throws(StorageError) {
        guard Glibc.rename(path(of: name), path(of: other)) != 0, errno != ENOENT else { return }
        throw .unusableDirectory(path: path, reason: "\(name): \(errorText())")
    }

    package func rewrite(_ name: String) throws(StorageError) {
        let descriptor = open(path(of: name), O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw .unusableDirectory(path: path, reason: "\(name): \(errorText())")
        }
        defer { close(descriptor) }
        var bytes = Bytes(repeating: 0, count: 256 * 1024)
        var offset: off_t = 0
        while true {
            let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, offset) }
            guard count != 0 else { break }
            let written =
                count < 0 ? count : bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, count, offset) }
            guard written == count, count > 0 else {
                throw .latched(path: path(of: name), operation: "a write", detail: errorText())
            }
            offset += off_t(count)
        }
        guard fdatasync(descriptor) == 0 else {
            throw .latched(path: path(of: name), operation: "the sync", detail: errorText())
        }
    }

    package func sync() throws(StorageError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unusableDirectory(path: path, reason: errorText()) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw .latched(path: path, operation: "the directory sync", detail: errorText())
        }
    }
}

/// An advisory lock on a file, held until this object goes, that no second process or store can take.
final class FileLock {
    private let descriptor: Int32

    init(path: String) throws(StorageError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unusableDirectory(path: path, reason: errorText()) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Self.readHolder(descriptor)
            close(descriptor)
            throw .inUse(path: path, process: holder)
        }
        let holder = Array("\(getpid())\n".utf8)
        ftruncate(descriptor, 0)
        _ = holder.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { close(descriptor) }

    private static func readHolder(_ descriptor: Int32) -> Int32? {
        var digits = [UInt8](repeating: 0, count: 16)
        let count = digits.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        return Int32(String(decoding: digits.prefix(max(0, count)).prefix { $0 != 10 }, as: UTF8.self))
    }
}

/// A file of the system.
final class SystemFile: StoreFile {
    let path: String
    private let descriptor: Int32

    init(path: String, bytes: Int) throws(StorageError) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unusableDirectory(path: path, reason: errorText()) }
        guard posix_fallocate(descriptor, 0, off_t(bytes)) != ENOSPC else { throw .diskFull(path: path) }
    }

    deinit { close(descriptor) }

    func read(at offset: Int, count: Int) -> Bytes? {
        var bytes = Bytes(repeating: 0, count: count)
        let got = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
        return got == count ? bytes : nil
    }

    func write(_ bytes: Bytes, at offset: Int) throws(StorageError) {
        let written = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
        guard written == bytes.count else {
            throw .latched(path: path, operation: "a write", detail: written < 0 ? errorText() : "short write")
        }
    }

    func sync() throws(StorageError) {
        guard fdatasync(descriptor) == 0 else {
            throw .latched(path: path, operation: "the sync", detail: errorText())
        }
    }
}

/// The text of the calling thread's last system error.
func errorText() -> String { String(cString: strerror(errno)) }
