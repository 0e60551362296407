import Consensus
import KeyValue
import Primitives
import Testing

@testable import SQLiteStorage

/// Versions that come together are one row, and are told apart again.
@Suite struct VersionRunTests {
    let directory = TemporaryDirectory()

    private func open() throws -> (StateStore, RecoveredState?) {
        try StateStore.open(directory: directory.path, identity: identity)
    }

    private func version(_ revision: UInt64, value: Bytes = [1, 2, 3]) -> StateRecord {
        let record = KeyRecord(
            key: Bytes("key \(revision)".utf8), value: value, createRevision: Revision(revision),
            modRevision: Revision(revision), version: 1, lease: revision % 3 == 0 ? LeaseID(7) : nil)
        return .version(
            StoredVersion(position: position(revision), content: .put(record), time: ClusterTime(nanoseconds: 5)))
    }

    private func position(_ revision: UInt64) -> VersionPosition {
        VersionPosition(revision: Revision(revision), ordinal: 0)
    }

    private func header(_ index: UInt64) -> StateHeader {
        StateHeader(
            appliedIndex: LogIndex(index), appliedTerm: Term(2), time: ClusterTime(nanoseconds: 9),
            revision: Revision(index), compactedRevision: .zero, digest: index)
    }

    private func write(
        _ store: StateStore, _ index: UInt64, _ upserts: [StateRecord] = [], removing removed: [UInt64] = []
    ) throws {
        try store.write(
            StateDelta(header: header(index), upserts: upserts, removedVersions: removed.map(position)),
            configuration: members)
    }

    private func count(_ table: String, in store: StateStore) throws -> Int64 {
        try store.database.scalar("SELECT count(*) FROM \(table)") ?? -1
    }

    @Test func aFewVersionsAreRowsAndManyARun() throws {
        let records = (2...80 as ClosedRange<UInt64>).map { version($0) }
        do {
            let (store, _) = try open()
            try write(store, 6, Array(records[..<5]))
            #expect(try count("versions", in: store) == 5)
            try write(store, 80, Array(records[5...]))
            #expect(try count("versions", in: store) == 5)
            #expect(try count("runs", in: store) == 1)
        }
        #expect(try open().1?.records == records)
    }

    @Test func aLargeValueIsARowBetweenRuns() throws {
        var records = (2...80 as ClosedRange<UInt64>).map { version($0) }
        records[40] = version(42, value: Bytes(repeating: 1, count: 100_000))
        do {
            let (store, _) = try open()
            try write(store, 80, records)
            #expect(try count("versions", in: store) == 1)
            #expect(try count("runs", in: store) == 2)
        }
        #expect(try open().1?.records == records)
    }

    @Test func whatIsGoneOfARunStaysGone() throws {
        let records = (2...81 as ClosedRange<UInt64>).map { version($0) }
        do {
            let (store, _) = try open()
            try write(store, 81, records)
            try write(store, 82, removing: [2, 40])
            try write(store, 83, removing: [41])
        }
        do {
            let (store, recovered) = try open()
            #expect(recovered?.records == records.filter { ![version(2), version(40), version(41)].contains($0) })
            try write(store, 84, removing: [3])
        }
        #expect(try open().1?.records.count == 76)
    }

    @Test func aVersionThatIsWrittenAgainTakesTheFirstOnesPlace() throws {
        var records = (2...81 as ClosedRange<UInt64>).map { version($0) }
        let (index, again) = (30, version(32, value: [9]))
        do {
            let (store, _) = try open()
            try write(store, 81, records)
            try write(store, 82, [again])
        }
        records[index] = again
        #expect(try open().1?.records == records)
    }

    @Test func aRunOfWhichHardlyAnythingIsLeftBecomesRows() throws {
        let records = (2...81 as ClosedRange<UInt64>).map { version($0) }
        do {
            let (store, _) = try open()
            try write(store, 81, records)
            try write(store, 82, removing: Array(2...75))
            #expect(try count("runs", in: store) == 1)
            try write(store, 83, removing: [76])
            // What is going is not written anew on its way.
            for turn in 1...UInt64(VersionRuns.patience) {
                #expect(try count("runs", in: store) == 1)
                try write(store, 83 + turn, removing: [])
            }
            for (table, rows) in [("runs", 0), ("gone", 0), ("versions", 5)] as [(String, Int64)] {
                #expect(try count(table, in: store) == rows)
            }
            try write(store, 84 + UInt64(VersionRuns.patience), removing: [77])
        }
        #expect(try open().1?.records == Array(records[76...]))
    }

    @Test func aRunOfWhichNothingIsLeftIsTakenAway() throws {
        do {
            let (store, _) = try open()
            try write(store, 81, (2...81).map { version($0) })
            try write(store, 82, removing: Array(2...81))
            for table in ["runs", "gone", "versions"] { #expect(try count(table, in: store) == 0) }
        }
        #expect(try open().1?.records == [])
    }

    @Test func versionsThatAreGoneDoNotPileUp() {
        var runs = VersionRuns()
        var ended = 0
        // Nothing of the first ever goes.
        _ = runs.append(VersionRun(id: 1, positions: (0..<400).map { position($0 + 1) }, checksum: 1))
        // Of each other a quarter stays for ever.
        for id in 2...1_001 as ClosedRange<UInt64> {
            let positions = (0..<400).map { position(id * 1_000 + $0) }
            let isBehind = runs.append(VersionRun(id: Int64(id), positions: positions, checksum: 1))
            #expect(isBehind)
            let removed = positions.indices.count { $0 % 4 > 0 && runs.remove(positions[$0]) }
            #expect(removed == 300)
            let taken = runs.settle().ended
            #expect(taken.allSatisfy { $0.id > 1 })
            ended += taken.count
        }
        let kept = 1_000 - ended
        #expect(kept * 300 <= VersionRuns.goneVersions + kept * 100 + 400)
        #expect(kept * 300 > VersionRuns.goneVersions)
    }

    /// What a real store hands over, in large and small pieces, comes back as it is there, whatever came before.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func whatAStoreHandsOverComesBack(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let keys = [3, 40, 2_000][Int(seed % 3)]
        var store = Store()
        var files: StateStore? = try open().0
        for _ in 0..<60 {
            for _ in 0..<Int.random(in: 1...[4, 300][Int(random.next() % 2)], using: &random) {
                store.apply(Self.command(keys: keys, revision: store.revision, &random))
            }
            guard let delta = store.takeDelta() else { continue }
            try files?.write(delta, configuration: members)
            guard random.next() % 3 == 0 else { continue }
            // A life ends without its last words.
            let copy = TemporaryDirectory()
            copy.put(directory.content())
            copy.delete("state.db-shm")
            let found = try StateStore.open(directory: copy.path, identity: identity).1
            #expect(found?.header == store.header)
            #expect(found?.records == Self.versions(of: store))
            guard random.next() % 4 == 0 else { continue }
            files = nil
            files = try open().0
        }
    }

    private static func command(keys: Int, revision: Revision, _ random: inout SeededGenerator) -> Command {
        let key = Bytes("k\(random.next() % UInt64(keys))".utf8)
        switch random.next() % 40 {
        case 0: return .compact(through: Revision(revision.rawValue - min(revision.rawValue, random.next() % 200)))
        case 1...6: return .delete(Delete(selection: .key(key)))
        case 7: return .delete(Delete(selection: .prefix(Bytes("k1".utf8))))
        default: return .put(Put(key: key, value: Bytes(repeating: 9, count: Int(random.next() % 300))))
        }
    }

    private static func versions(of store: Store) -> [StateRecord] {
        store.records().sorted { a, b in
            guard case .version(let one) = a, case .version(let other) = b else { return false }
            return one.position < other.position
        }
    }
}

extension Store {
    fileprivate mutating func apply(_ command: Command) {
        let index = appliedIndex.next
        _ = apply(
            Proposal(command: command),
            at: ApplyPosition(
                index: index, term: Term(1), time: ClusterTime(nanoseconds: Int64(index.rawValue) * 1_000)))
    }
}
