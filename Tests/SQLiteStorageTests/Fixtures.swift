import Consensus
import Glibc
import KeyValue
import Primitives
import Testing

@testable import SQLiteStorage

/// A directory of its own for one test, gone with it.
final class TemporaryDirectory {
    let path: String

    init() {
        // In memory where there is such a file system: these tests open thousands of stores.
        let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array((parent + "/conclave-storage-XXXXXX").utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit { Self.remove(path) }

    func path(of name: String) -> String { path + "/" + name }

    func names() -> [String] { Self.names(in: path) }

    /// The content of every file, as a crash at this moment would leave it.
    func content() -> [String: Bytes] {
        Dictionary(uniqueKeysWithValues: names().map { ($0, read($0)) })
    }

    func put(_ files: [String: Bytes]) {
        for (name, bytes) in files { write(bytes, to: name) }
    }

    func read(_ name: String) -> Bytes {
        let file = fopen(path(of: name), "r")!
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        var bytes = Bytes(repeating: 0, count: ftell(file))
        rewind(file)
        let count = fread(&bytes, 1, bytes.count, file)
        return Bytes(bytes.prefix(count))
    }

    func write(_ bytes: Bytes, to name: String) {
        let file = fopen(path(of: name), "w")!
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }

    func delete(_ name: String) { unlink(path(of: name)) }

    func permissions(of name: String) -> mode_t {
        var status = stat()
        lstat(path(of: name), &status)
        return status.st_mode & 0o777
    }

    private static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func remove(_ path: String) {
        for name in names(in: path) where unlink(path + "/" + name) != 0 { remove(path + "/" + name) }
        rmdir(path)
    }
}

/// Puts another file under an open descriptor of this process, so that what is written to the first fails or goes astray.
struct DescriptorSwap {
    private let descriptor: Int32
    private let saved: Int32

    /// `nil` when no descriptor of this process is open on `path`.
    init?(of path: String, to other: String, flags: Int32) {
        guard let descriptor = Self.descriptor(of: path) else { return nil }
        self.descriptor = descriptor
        saved = dup(descriptor)
        let replacement = open(other, flags)
        dup2(replacement, descriptor)
        close(replacement)
    }

    func undo() {
        dup2(saved, descriptor)
        close(saved)
    }

    private static func descriptor(of path: String) -> Int32? {
        (0..<Int32(1024)).first { candidate in
            var target = [UInt8](repeating: 0, count: 1024)
            let count = target.withUnsafeMutableBytes {
                readlink("/proc/self/fd/\(candidate)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
            return String(decoding: target.prefix(max(0, count)), as: UTF8.self) == path
        }
    }
}

let identity = StoreIdentity(
    cluster: ClusterID(token: "test", memberNames: ["a", "b", "c"]), node: NodeID(name: "a"), nodeName: "a",
    clusterDescription: "a, b, c")

let members = Configuration(members: [
    .init(name: "a", peerAddress: "127.0.0.1:1"), .init(name: "b", peerAddress: "127.0.0.1:2"),
])

func entry(_ index: UInt64, term: UInt64 = 1, bytes: Int = 16) -> Entry {
    let fill = UInt8(truncatingIfNeeded: index &* 31 &+ term)
    return Entry(
        index: LogIndex(index), term: Term(term), time: ClusterTime(nanoseconds: Int64(index) * 1000),
        payload: .command(Bytes(repeating: fill, count: bytes)))
}

func entries(_ range: ClosedRange<UInt64>, term: UInt64 = 1, bytes: Int = 16) -> [Entry] {
    range.map { entry($0, term: term, bytes: bytes) }
}

func position(_ index: UInt64, term: UInt64 = 1) -> SnapshotPosition {
    SnapshotPosition(
        index: LogIndex(index), term: Term(term), time: ClusterTime(nanoseconds: Int64(index) * 1000),
        configuration: members)
}

extension LogWrite {
    static func append(_ entries: [Entry], hardState: HardState? = nil) -> LogWrite {
        LogWrite(id: WriteID(1), hardState: hardState, change: .replaceSuffix(entries))
    }
    /// A leader has brought all that was lost.
    static var repaired: LogWrite { LogWrite(id: WriteID(1), hardState: nil, change: nil, settles: .isRepaired) }
    static func vote(_ state: HardState) -> LogWrite { LogWrite(id: WriteID(1), hardState: state, change: nil) }
    static func reset(_ base: SnapshotPosition, _ entries: [Entry] = []) -> LogWrite {
        let change = entries.isEmpty ? Change.reset(to: base) : .resetAndAppend(to: base, entries)
        return LogWrite(id: WriteID(1), hardState: nil, change: change)
    }
}

/// What every directory of these tests is given, so that they find it again.
let new = NewDirectory(id: DirectoryID(77), incarnation: Incarnation(0))

func openLog(_ directory: TemporaryDirectory) throws -> (LogStore, RecoveredLog) {
    let (store, recovered, _) = try LogStore.open(directory: directory.path, identity: identity, new: new)
    return (store, recovered)
}

/// What a fresh opening of the directory finds.
func recover(_ directory: TemporaryDirectory) throws -> RecoveredLog { try openLog(directory).1 }

/// Carries out `body` on a store that is closed afterwards, without being settled.
func withLog(_ directory: TemporaryDirectory, _ body: (LogStore) throws -> Void) throws {
    let (store, _) = try openLog(directory)
    try body(store)
}
