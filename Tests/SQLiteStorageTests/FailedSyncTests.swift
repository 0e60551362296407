import CCrashDisk
import Consensus
import CrashDisk
import Primitives
import Testing

@testable import SQLiteStorage

/// After a sync that failed the page cache shows what the disk may never get (`invariants.md` 2, 16).
@Suite struct FailedSyncTests {
    @Test func whatIsAcknowledgedAfterAFailedSyncAndARestartSurvivesALossOfPower() throws {
        for seed in 1...60 as ClosedRange<UInt64> {
            let disk = CrashDisk()
            try leaveFailedSync(on: disk, seed: seed)
            let restarted = CrashDisk()
            restarted.become(disk, after: CRASH_DISK_PROCESS_KILLED, seed: seed)
            let acknowledged = try appendOne(on: restarted)
            let survivor = CrashDisk()
            survivor.become(restarted, after: CRASH_DISK_POWER_LOST, seed: seed)
            let found = try LogStore.open(in: survivor.directory, identity: identity).1
            #expect(found.entries == acknowledged, "seed \(seed)")
            #expect(!found.isDamaged, "seed \(seed)")
        }
    }

    private func leaveFailedSync(on disk: CrashDisk, seed: UInt64) throws {
        let (store, _, _) = try LogStore.open(in: disk.directory, identity: identity)
        store.hurry()
        try store.write([.append(entries(1...3))])
        disk.failSync(after: 0, seed: seed)
        #expect(throws: StorageError.self) { try store.write([.append(entries(4...5))]) }
        withExtendedLifetime(disk) {}
    }

    /// What the log holds afterwards.
    private func appendOne(on disk: CrashDisk) throws -> [Entry] {
        let (store, found, _) = try LogStore.open(in: disk.directory, identity: identity)
        store.hurry()
        let next = (found.entries.last?.index.rawValue ?? 0) + 1
        try store.write([.append(entries(next...next))])
        return found.entries + entries(next...next)
    }
}
