import CCrashDisk
import CrashDisk
import Consensus
import KeyValue
import Primitives

@testable import SQLiteStorage

/// Lives of a state store, one after the other, that end in crashes. Before each operation on the disk it is looked at
/// what a crash there would leave.
final class StateCrashPoints {
    private(set) var points = 0
    /// Crash points at which something written was gone, as it may be before it is synced.
    private(set) var lostUnsynced = 0
    private(set) var failures: [String] = []

    private var disk = CrashDisk()
    private let crashed = CrashDisk()
    private var fate: SeededGenerator
    /// What may be found: the state synced last, and all that were written, or are being written, since.
    private var allowed: [RecoveredState?] = [nil]
    /// How many of the newest of these may be found by a process after one that was killed.
    private var newest = 1
    private var index: UInt64 = 0

    init(seed: UInt64) { fate = SeededGenerator(seed: seed) }

    /// Opens the store, works with it, and crashes.
    func live() throws {
        disk.beforeOperation = { [unowned self] _ in crash() }
        try work()
        disk.beforeOperation = nil
        let survivor = CrashDisk()
        survivor.become(disk, after: CRASH_DISK_POWER_LOST, seed: fate.next())
        disk = survivor
    }

    private func work() throws {
        newest = allowed.count
        let (store, recovered) = try StateStore.open(in: disk.directory, identity: identity)
        judge(recovered, among: allowed, "the disk that is kept")
        allowed = [recovered]
        newest = 1
        for _ in 0..<Int.random(in: 5...40, using: &fate) { try step(store) }
    }

    private func step(_ store: StateStore) throws {
        switch Int.random(in: 0..<10, using: &fate) {
        case 0...1:
            try store.sync()
            allowed = [allowed.last!]
        case 2:
            index += 1
            let state = Self.state(at: index)
            try write(state) {
                try store.replaceAll(header: state.header, configuration: members, records: state.records)
            }
            allowed = [state]
        default: try writeDelta(store)
        }
    }

    private func writeDelta(_ store: StateStore) throws {
        // By so many at once that the versions become a run, of which the next steps take one after the other.
        index += Int.random(in: 0..<8, using: &fate) == 0 ? 25 : 1
        let state = Self.state(at: index)
        let held = allowed.last!?.records ?? []
        let delta = StateDelta(
            header: state.header, upserts: state.records.filter { !held.contains($0) },
            removedVersions: held.compactMap { record in
                guard case .version(let version) = record, !state.records.contains(record) else { return nil }
                return version.position
            })
        try write(state) { try store.write(delta, configuration: members) }
    }

    private func write(_ state: RecoveredState, _ body: () throws -> Void) throws {
        allowed.append(state)
        newest = 2
        try body()
        newest = 1
    }

    /// The state at a log index: the versions of the last twenty revisions, and a lease that was renewed by it.
    static func state(at index: UInt64) -> RecoveredState {
        let versions = ((index < 20 ? 1 : index - 19)...index).map { revision in
            let record = KeyRecord(
                key: Bytes("key \(revision)".utf8), value: Bytes(repeating: 7, count: Int(revision % 5) * 300),
                createRevision: Revision(revision), modRevision: Revision(revision), version: 1, lease: nil)
            return StateRecord.version(
                StoredVersion(
                    position: VersionPosition(revision: Revision(revision), ordinal: 0), content: .put(record),
                    time: ClusterTime(nanoseconds: 5)))
        }
        let lease = StoredLease(
            id: LeaseID(1), ttl: .seconds(3), deadline: ClusterTime(nanoseconds: Int64(index)), generation: index)
        let header = StateHeader(
            appliedIndex: LogIndex(index), appliedTerm: Term(1), time: ClusterTime(nanoseconds: Int64(index)),
            revision: Revision(index), compactedRevision: Revision(0), digest: ~index)
        return RecoveredState(header: header, configuration: members, records: versions + [.lease(lease)])
    }
}

// MARK: - One crash point

extension StateCrashPoints {
    private func crash() {
        points += 1
        guard failures.count < 3 else { return }
        let isKill = Int.random(in: 0..<4, using: &fate) == 0
        crashed.become(disk, after: isKill ? CRASH_DISK_PROCESS_KILLED : CRASH_DISK_POWER_LOST, seed: fate.next())
        do {
            let found = try StateStore.open(in: crashed.directory, identity: identity).1
            judge(found, among: isKill ? allowed.suffix(newest) : allowed, "point \(points)")
        } catch {
            failures.append("point \(points): \(error)")
        }
    }

    private func judge(_ found: RecoveredState?, among states: [RecoveredState?], _ place: String) {
        if !states.contains(found) { failures.append("\(place): a state that was not, or is no longer") }
        if found != states.last { lostUnsynced += 1 }
    }
}
