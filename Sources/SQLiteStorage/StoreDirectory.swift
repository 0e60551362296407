import Glibc

/// A node's data directory, and the file system calls that make its entries durable.
struct StoreDirectory {
    let path: String

    /// Creates the directory (0700) and its parents when they are missing.
    init(preparing path: String) throws(StorageError) {
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

    static func join(_ path: String, _ name: String) -> String { path + "/" + name }
    func path(of name: String) -> String { Self.join(path, name) }

    /// Creates the file (0600) when it is missing, so that SQLite does not create it readable by all.
    func createFile(_ name: String) throws(StorageError) {
        // Closing any descriptor of a database drops this process's locks on it, so this must precede its opening.
        let descriptor = open(path(of: name), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .unusableDirectory(path: path, reason: "\(name): \(errorText())") }
        close(descriptor)
    }

    /// Gives a file another name, in place of what had it; a file that is not there stays so.
    func rename(_ name: String, to other: String) throws(StorageError) {
        guard Glibc.rename(path(of: name), path(of: other)) != 0, errno != ENOENT else { return }
        throw .unusableDirectory(path: path, reason: "\(name): \(errorText())")
    }

    /// Makes created and renamed entries durable.
    func sync() throws(StorageError) {
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

/// The text of the calling thread's last system error.
func errorText() -> String { String(cString: strerror(errno)) }
