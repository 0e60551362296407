import CCrashDisk
import Consensus
import CrashDisk
import Glibc
import KeyValue
import Primitives
import Testing

@testable import SQLiteStorage

/// What SQLite writes page by page reaches the files in few pieces, and no later than it may.
@Suite struct GatheringTests {
    private func delta(_ index: UInt64, rows: ClosedRange<UInt64>) -> StateDelta {
        let upserts = rows.map { row in
            StateRecord.version(
                StoredVersion(
                    position: VersionPosition(revision: Revision(row), ordinal: 0),
                    content: .put(
                        KeyRecord(
                            key: [1, 2], value: Bytes(repeating: 7, count: 500), createRevision: Revision(row),
                            modRevision: Revision(row), version: 1, lease: nil)), time: ClusterTime(nanoseconds: 5)))
        }
        let header = StateHeader(
            appliedIndex: LogIndex(index), appliedTerm: Term(1), time: ClusterTime(nanoseconds: 5),
            revision: Revision(rows.upperBound), compactedRevision: .zero, digest: 1)
        return StateDelta(header: header, upserts: upserts)
    }

    /// How many writes reach the disk during `body`.
    private func writes(_ disk: CrashDisk, _ body: () throws -> Void) rethrows -> Int {
        var count = 0
        disk.beforeOperation = { if $0 == CRASH_DISK_WRITE { count += 1 } }
        defer { disk.beforeOperation = nil }
        try body()
        return count
    }

    /// How many there are, in rows of their own and in runs.
    private static let versions =
        "SELECT (SELECT count(*) FROM versions) + (SELECT ifnull(sum(versions), 0) FROM runs)"

    /// Of one page, of several pieces, and of more than a cache holds.
    @Test(arguments: [1, 300, 9_000] as [UInt64])
    func whatTheStateCommitsOthersReadAtOnce(rows: UInt64) throws {
        let directory = TemporaryDirectory()
        let (store, _) = try StateStore.open(directory: directory.path, identity: identity)
        try store.write(delta(1, rows: 2...1 + rows), configuration: members)
        let reader = try Database(path: directory.path(of: "state.db"), settings: [])
        #expect(try reader.scalar(Self.versions) == Int64(rows))
        #expect(try reader.text("PRAGMA integrity_check") == "ok")
        try store.write(delta(2, rows: 2 + rows...2 + rows), configuration: members)
        #expect(try reader.scalar("SELECT applied_index FROM meta") == 2)
        #expect(try reader.scalar(Self.versions) == Int64(rows) + 1)
    }

    @Test func aCommitOfTheStateIsWrittenInFewPieces() throws {
        let disk = CrashDisk()
        let (store, _) = try StateStore.open(in: disk.directory, identity: identity)
        let count = try writes(disk) { try store.write(delta(1, rows: 2...301), configuration: members) }
        // 300 rows are 150 kB, and that more than 37 pages.
        #expect(count <= 6)
    }

    @Test func aCheckpointOfTheLogWritesManyPagesAtATime() throws {
        let disk = CrashDisk()
        let (store, _, _) = try LogStore.open(in: disk.directory, identity: identity)
        store.checkpointBytes = 1_000_000
        let count = try writes(disk) {
            for index in 1...100 as ClosedRange<UInt64> { try store.write([.append([entry(index, bytes: 10_000)])]) }
        }
        // Each entry fills five pages of the log; each commit is one write, and now and then there is one of the mark.
        #expect(store.counters.bytesWritten > 2_000_000)
        #expect(count < 180)
    }

    @Test func aFullDiskUnderACheckpointLosesNothing() throws {
        let disk = CrashDisk()
        var (store, _, _) = try LogStore.open(in: disk.directory, identity: identity)
        store.checkpointBytes = 300_000
        var written: UInt64 = 0
        // The WAL is written anew in its place; the database is what has to grow.
        for round in 0..<6 {
            disk.leaveSpace(round.isMultiple(of: 2) ? 320_000 : nil)
            for _ in 0..<30 {
                guard (try? store.write([.append([entry(written + 1, bytes: 8_000)])])) != nil else { break }
                written += 1
            }
        }
        disk.leaveSpace(nil)
        try store.write([.append([entry(written + 1, bytes: 8_000)])])
        let after = CrashDisk()
        after.become(disk, after: CRASH_DISK_POWER_LOST, seed: 4)
        let recovered: RecoveredLog
        (store, recovered, _) = try LogStore.open(in: after.directory, identity: identity)
        #expect(recovered.entries == entries(1...written + 1, bytes: 8_000))
    }
}
