import CCrashDisk
import CrashDisk
import Consensus
import Primitives

@testable import SQLiteStorage

extension LogModel {
    init(_ recovered: RecoveredLog) {
        (hardState, base, entries) = (recovered.hardState, recovered.base, recovered.entries)
    }
}

extension LogStore {
    /// Checkpoints and marks often, and by what was written alone, so that a seed decides everything.
    func hurry() {
        checkpointBytes = 24 * 1024
        markLagEntries = 5
        markLag = .seconds(3_600)
    }
}

/// Lives of a log store, one after the other, that end in crashes. Before each operation on the disk it is looked at what
/// a crash there would leave.
final class LogCrashPoints {
    private(set) var points = 0
    private(set) var operations: [UInt32: Int] = [:]
    /// Crash points at which what was being written was found, and at which it was not.
    private(set) var foundUnderWay = 0
    private(set) var lostUnderWay = 0
    /// Writes that found no space.
    private(set) var refusals = 0
    private(set) var lives = 0
    private(set) var failures: [String] = []

    private let steps: Int
    private var disk = CrashDisk()
    private let crashed = CrashDisk()
    private let crashedAgain = CrashDisk()
    private var random: RandomLog
    private var fate: SeededGenerator
    /// What may be found: the log as acknowledged, and with all of what is being written.
    private var allowed = [LogModel()]
    /// The disk of the next life, and what may be found there; set when this life has met its end.
    private var next: (disk: CrashDisk, allowed: [LogModel])?

    /// - Parameter steps: how many steps a life has, unless it ends before.
    init(seed: UInt64, steps: Int = 40) {
        self.steps = steps
        random = RandomLog(seed: seed)
        random.largeEntryBytes = 1_500
        fate = SeededGenerator(seed: ~seed)
    }

    /// Opens the store, works with it, and crashes somewhere on the way.
    func live() throws {
        lives += 1
        disk.beforeOperation = { [unowned self] in crash(before: $0) }
        try work()
        disk.beforeOperation = nil
        if next == nil { meetEnd() }
        (disk, allowed) = next!
        next = nil
    }

    private func work() throws {
        let (store, recovered, _) = try LogStore.open(in: disk.directory, identity: identity)
        judge(recovered, "the disk that is kept")
        random.model = LogModel(recovered)
        allowed = [random.model]
        store.hurry()
        for _ in 0..<steps where next == nil { try step(store) }
    }

    private func step(_ store: LogStore) throws {
        let before = random.model
        let step = random.step()
        allowed = [before, random.model]
        disk.leaveSpace(Int.random(in: 0..<6, using: &fate) == 0 ? Int.random(in: 0..<3_000, using: &fate) : nil)
        do {
            try store.carryOut(step)
        } catch StorageError.diskFull {
            refusals += 1
            random.model = before
        }
        disk.leaveSpace(nil)
        allowed = [random.model]
    }

    private func meetEnd() {
        let survivor = CrashDisk()
        survivor.become(disk, after: Self.crash(of: fate.next()), seed: fate.next())
        next = (survivor, allowed)
    }

    private static func crash(of draw: UInt64) -> crash_disk_crash {
        draw % 4 == 0 ? CRASH_DISK_PROCESS_KILLED : CRASH_DISK_POWER_LOST
    }
}

// MARK: - One crash point

extension LogCrashPoints {
    private func crash(before operation: crash_disk_operation) {
        points += 1
        operations[operation.rawValue, default: 0] += 1
        guard failures.count < 3 else { return }
        if next == nil, Int.random(in: 0..<250, using: &fate) == 0 { meetEnd() }
        let crash = Self.crash(of: fate.next())
        crashed.become(disk, after: crash, seed: fate.next())
        guard let found = recover(crashed) else { return }
        judge(found, "point \(points)")
        guard crash == CRASH_DISK_PROCESS_KILLED else { return }
        // What the next process believed is on the disk by then.
        crashedAgain.become(crashed, after: CRASH_DISK_POWER_LOST, seed: fate.next())
        guard let foundAgain = recover(crashedAgain) else { return }
        if found != foundAgain { failures.append("point \(points): what was recovered once is gone") }
    }

    private func recover(_ disk: CrashDisk) -> RecoveredLog? {
        do {
            return try LogStore.open(in: disk.directory, identity: identity).1
        } catch {
            failures.append("point \(points): \(error)")
            return nil
        }
    }

    private func judge(_ found: RecoveredLog, _ place: String) {
        if found.isDamaged { failures.append("\(place): damaged") }
        guard let position = allowed.lastIndex(where: { $0.matches(found) }) else {
            return failures.append("\(place): neither what was acknowledged nor with what was under way")
        }
        guard allowed.count == 2, allowed[0] != allowed[1] else { return }
        if position == 1 { foundUnderWay += 1 } else { lostUnderWay += 1 }
    }
}
