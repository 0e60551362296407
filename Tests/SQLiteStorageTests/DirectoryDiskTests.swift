import Consensus
import CrashDisk
import Primitives
import Testing

@testable import SQLiteStorage

/// The crash disk over a directory: what a new process finds there is what was synced.
@Suite struct DirectoryDiskTests {
    private let directory = TemporaryDirectory()

    /// What a process finds that begins now, whatever others have in their memory.
    private func begin(seed: UInt64) -> any StoreDirectory { CrashDisk(over: directory.path, seed: seed).directory }

    @Test func aFileIsAsItWasSyncedAndRarelyHasMore() throws {
        let (old, new) = (Bytes(repeating: 1, count: 8), Bytes(repeating: 2, count: 8))
        var found: [Bytes] = []
        for seed in 1...200 {
            let name = "file\(seed)"
            let files = begin(seed: UInt64(seed))
            let file = try files.openFile(name, bytes: 8)
            try files.sync()
            try file.write(old, at: 0)
            try file.sync()
            try file.write(new, at: 0)
            found.append(try #require(try begin(seed: 0).openFile(name, bytes: 8).read(at: 0, count: 8)))
            #expect(file.read(at: 0, count: 8) == new)
        }
        #expect(found.allSatisfy { $0 == old || $0 == new })
        #expect(found.filter { $0 == old }.count > 150)
        #expect(found.contains(new))
    }

    @Test func aNameIsThereOnceItsDirectoryWasSynced() throws {
        let files = begin(seed: 1)
        let file = try files.openFile("named", bytes: 0)
        try file.write([1], at: 0)
        try file.sync()
        #expect(try begin(seed: 2).openFile("named", bytes: 0).read(at: 0, count: 1) == nil)
        let again = begin(seed: 3)
        let other = try again.openFile("named", bytes: 0)
        try again.sync()
        try other.write([2], at: 0)
        try other.sync()
        #expect(try begin(seed: 4).openFile("named", bytes: 0).read(at: 0, count: 1) == [2])
    }

    /// Each life ends like that of a process that is killed: nothing is closed.
    @Test(arguments: [5, 6] as [UInt64])
    func aLogHasWhatWasAcknowledgedInEachOfItsLives(seed: UInt64) throws {
        var source = RandomLog(seed: seed)
        var killed: [LogStore] = []
        for life in 1...40 {
            let (store, recovered, _) = try LogStore.open(in: begin(seed: seed &+ UInt64(life)), identity: identity)
            #expect(source.model.matches(recovered), "life \(life)")
            #expect(!recovered.isDamaged)
            for _ in 0..<25 {
                switch source.step() {
                case .write(let writes): try store.write(writes)
                case .truncate(let truncation): try store.truncate(truncation)
                case .settle: try store.settle()
                }
            }
            killed.append(store)
        }
        #expect(killed.count == 40)
    }

    @Test func aFailedSyncEndsTheStoreAndWhatWasAcknowledgedIsThere() throws {
        let disk = CrashDisk(over: directory.path, seed: 9)
        var source = RandomLog(seed: 9)
        let (store, _, _) = try LogStore.open(in: disk.directory, identity: identity)
        var acknowledged = source.model
        disk.beforeSync = { disk.failSync(after: 0, seed: 3) }
        defer { disk.beforeSync = nil }
        var allowed: [LogModel] = []
        while allowed.isEmpty {
            guard case .write(let writes) = source.step() else { continue }
            do {
                try store.write(writes)
                acknowledged = source.model
            } catch {
                allowed = [acknowledged, source.model]
            }
        }
        let (_, recovered, _) = try LogStore.open(in: begin(seed: 10), identity: identity)
        #expect(allowed.contains { $0.matches(recovered) })
    }
}
