import CCrashDisk
import CrashDisk
import Consensus
import Primitives
import Testing

@testable import SQLiteStorage

/// The stores on a disk that forgets (`invariants.md` 2, 13, 15, 16).
@Suite(.serialized) struct CrashPointTests {
    @Test(arguments: [31, 32, 33, 34] as [UInt64])
    func aCrashAtAnyOperationOfTheLogLosesNothingAcknowledged(seed: UInt64) throws {
        let run = LogCrashPoints(seed: seed)
        while run.points < 3_000, run.failures.isEmpty { try run.live() }
        #expect(run.failures == [], "seed \(seed), life \(run.lives)")
        for operation in [CRASH_DISK_WRITE, CRASH_DISK_SYNC, CRASH_DISK_TRUNCATE, CRASH_DISK_CREATE] {
            #expect(run.operations[operation.rawValue, default: 0] > 0, "seed \(seed)")
        }
        #expect(run.foundUnderWay > 20 && run.lostUnderWay > 500, "seed \(seed)")
    }

    @Test func aCrashInTheFirstMomentsOfAMemberIsNoDamage() throws {
        for seed in 1...30 as ClosedRange<UInt64> {
            let run = LogCrashPoints(seed: seed, steps: 1)
            try run.live()
            #expect(run.failures == [], "seed \(seed)")
            #expect(run.points > 20, "seed \(seed)")
        }
    }

    @Test(arguments: [41, 42] as [UInt64])
    func aCrashAtAnyOperationLeavesAStateThatOnceWas(seed: UInt64) throws {
        let run = StateCrashPoints(seed: seed)
        while run.points < 1_500, run.failures.isEmpty { try run.live() }
        #expect(run.failures == [], "seed \(seed)")
        #expect(run.lostUnsynced > 100, "seed \(seed)")
    }
}
