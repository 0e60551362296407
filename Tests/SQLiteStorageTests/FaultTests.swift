import Consensus
import Glibc
import Primitives
import Testing

@testable import SQLiteStorage

/// IO errors latch, a full disk does not (`invariants.md` 16, 17). The errors are real: the descriptor under SQLite is
/// made to point elsewhere.
@Suite(.serialized) struct FaultTests {
    let directory = TemporaryDirectory()

    private func failure(_ body: () throws -> Void) -> StorageError? {
        do { try body() } catch { return error as? StorageError }
        return nil
    }

    @Test func aFailedWriteLatches() throws {
        let (store, _) = try openLog(directory)
        try store.write([.append(entries(1...3))])
        let wal = directory.path(of: "log.db-wal")
        let swap = try #require(DescriptorSwap(of: wal, to: wal, flags: O_RDONLY))
        let first = failure { try store.write([.append(entries(4...4))]) }
        guard case .latched = first else {
            Issue.record("\(String(describing: first))")
            return
        }
        swap.undo()
        // The disk is well again; the store must not believe it.
        #expect(failure { try store.write([.append(entries(4...4))]) } == first)
        #expect(failure { try store.write([]) } == first)
        #expect(failure { try store.truncate(LogTruncation(base: position(1))) } == first)
        #expect(failure { try store.settle() } == first)
    }

    @Test func aFailedSyncLatches() throws {
        let (store, _) = try openLog(directory)
        try store.write([.append(entries(1...3))])
        // /dev/null takes every write and has no sync.
        let swap = try #require(DescriptorSwap(of: directory.path(of: "log.db-wal"), to: "/dev/null", flags: O_RDWR))
        let first = failure { try store.write([.append(entries(4...4))]) }
        guard case .latched = first else {
            Issue.record("\(String(describing: first))")
            return
        }
        swap.undo()
        #expect(failure { try store.write([.append(entries(4...4))]) } == first)
    }

    @Test func aMarkThatCannotBeWrittenLatches() throws {
        let (store, _) = try openLog(directory)
        try store.write([.append(entries(1...3))])
        let mark = directory.path(of: "log.mark")
        let swap = try #require(DescriptorSwap(of: mark, to: mark, flags: O_RDONLY))
        let first = failure { try store.settle() }
        swap.undo()
        guard case .latched = first else {
            Issue.record("\(String(describing: first))")
            return
        }
        #expect(failure { try store.write([.append(entries(4...4))]) } == first)
    }

    @Test func aFullDiskIsNotLatchedAndLosesNothing() throws {
        do {
            let (store, _) = try openLog(directory)
            let wal = directory.path(of: "log.db-wal")
            for last in 2...3 as ClosedRange<UInt64> {
                // Fills SQLite's cache, so that it reads nothing from the file that is not there.
                try store.write([.append(entries(1...last))])
                let swap = try #require(DescriptorSwap(of: wal, to: "/dev/full", flags: O_RDWR))
                let error = failure { try store.write([.append(entries(2...9, term: 2))]) }
                swap.undo()
                #expect(error == .diskFull(path: directory.path(of: "log.db")))
                #expect(store.tail.last == LogIndex(last))
            }
            try store.write([.append(entries(4...5))])
        }
        let recovered = try recover(directory)
        #expect(recovered.entries == entries(1...5))
        #expect(!recovered.isDamaged)
    }

    @Test func aRowThatIsGoneLatches() throws {
        let (store, _) = try openLog(directory)
        try store.write([.append(entries(1...3))])
        try store.database.execute("DELETE FROM runs")
        let first = failure { try store.write([.append(entries(2...2, term: 2))]) }
        guard case .corrupt = first else {
            Issue.record("\(String(describing: first))")
            return
        }
        #expect(failure { try store.write([.append(entries(4...4))]) } == first)
    }
}
