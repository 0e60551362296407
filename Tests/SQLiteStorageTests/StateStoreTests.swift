import Consensus
import Glibc
import KeyValue
import Primitives
import Testing

@testable import SQLiteStorage

@Suite struct StateStoreTests {
    let directory = TemporaryDirectory()

    private func open(logBase: UInt64 = 0) throws -> (StateStore, RecoveredState?) {
        try StateStore.open(directory: directory.path, identity: identity, logBase: LogIndex(logBase))
    }

    /// What a fresh opening of `directory` finds; the caller keeps the directory alive.
    private func recover(_ directory: TemporaryDirectory) throws -> RecoveredState? {
        try StateStore.open(directory: directory.path, identity: identity).1
    }

    private func header(_ index: UInt64, revision: UInt64? = nil) -> StateHeader {
        StateHeader(
            appliedIndex: LogIndex(index), appliedTerm: Term(2), time: ClusterTime(nanoseconds: Int64(index) * 7),
            revision: Revision(revision ?? index + 1), compactedRevision: Revision(index / 2),
            digest: UInt64.max - index)
    }

    private func put(_ revision: UInt64, _ ordinal: UInt32 = 0, value: Bytes = [1, 2], lease: LeaseID? = nil)
        -> StateRecord
    {
        let record = KeyRecord(
            key: Bytes("key \(revision % 7)".utf8), value: value, createRevision: Revision(max(1, revision / 2)),
            modRevision: Revision(revision), version: 4, lease: lease)
        return .version(
            StoredVersion(
                position: VersionPosition(revision: Revision(revision), ordinal: ordinal), content: .put(record),
                time: ClusterTime(nanoseconds: 5)))
    }

    private func tombstone(_ revision: UInt64, _ reason: DeletionReason) -> StateRecord {
        .version(
            StoredVersion(
                position: VersionPosition(revision: Revision(revision), ordinal: .max),
                content: .tombstone(key: [0, 255, 7], reason: reason), time: ClusterTime(nanoseconds: -1)))
    }

    private func lease(_ id: UInt64, generation: UInt64 = 1) -> StateRecord {
        .lease(
            StoredLease(
                id: LeaseID(id), ttl: .seconds(3), deadline: ClusterTime(nanoseconds: 99), generation: generation))
    }

    private func request(_ order: UInt64) -> StateRecord {
        .remembered(
            StoredRequest(
                order: order, key: IdempotencyKey(client: "zoë", number: .max),
                result: .deleted(count: 3, revision: Revision(order))))
    }

    /// One of everything, in the order in which it is read back.
    private var everything: [StateRecord] {
        [
            put(2), put(3, 1, value: [], lease: LeaseID(5)), put(3, 2), tombstone(4, .deleted), tombstone(5, .expired),
            tombstone(6, .revoked), lease(5), lease(1 << 62), request(8), request(9),
        ]
    }

    @Test func aStateThatWasNeverWrittenIsEmpty() throws {
        #expect(try open().1 == nil)
        #expect(try open().1 == nil)
    }

    @Test func aTextWithAZeroByteComesBack() throws {
        let record = StateRecord.remembered(
            StoredRequest(
                order: 8, key: IdempotencyKey(client: "a\0b", number: 1),
                result: .deleted(count: 0, revision: Revision(8))))
        try open().0.write(StateDelta(header: header(9), upserts: [record]), configuration: members)
        #expect(try open().1?.records == [record])
    }

    @Test func everyKindOfRecordComesBackInOrder() throws {
        try open().0.write(
            StateDelta(header: header(9), upserts: everything.reversed()), configuration: members)
        let recovered = try #require(try open().1)
        #expect(recovered == RecoveredState(header: header(9), configuration: members, records: everything))
        #expect(recovered.position.index == LogIndex(9) && recovered.position.configuration == members)
    }

    @Test func deltasReplaceAndRemove() throws {
        let (store, _) = try open()
        try store.write(StateDelta(header: header(9), upserts: everything), configuration: members)
        try store.write(
            StateDelta(
                header: header(10), upserts: [lease(5, generation: 2)],
                removedVersions: [VersionPosition(revision: Revision(3), ordinal: 1)],
                removedLeases: [LeaseID(1 << 62)], removedRequests: [8]),
            configuration: members)
        let recovered = try recover(copyOfFiles())
        var expected = everything
        expected[6] = lease(5, generation: 2)
        for index in [8, 7, 1] { expected.remove(at: index) }
        #expect(recovered?.records == expected)
        #expect(recovered?.header == header(10))
    }

    @Test func rowsHeaderAndConfigurationChangeTogether() throws {
        let (store, _) = try open()
        var expected: [RecoveredState] = []
        var files: [[String: Bytes]] = []
        for index in 2...30 as ClosedRange<UInt64> {
            try store.write(StateDelta(header: header(index), upserts: [put(index)]), configuration: members)
            let records = (2...index).map { put($0) }
            expected.append(RecoveredState(header: header(index), configuration: members, records: records))
            files.append(directory.content())
        }
        var random = SeededGenerator(seed: 5)
        for index in 1..<files.count {
            let (before, after) = (files[index - 1]["state.db-wal"]!, files[index]["state.db-wal"]!)
            let copy = TemporaryDirectory()
            copy.put(files[index])
            copy.delete("state.db-shm")
            copy.write(Bytes(after[..<Int.random(in: before.count...after.count, using: &random)]), to: "state.db-wal")
            let recovered = try recover(copy)
            #expect(recovered == expected[index - 1] || recovered == expected[index])
        }
    }

    @Test func whatWasSyncedIsInTheDatabaseItself() throws {
        let (store, _) = try open()
        try store.write(StateDelta(header: header(9), upserts: everything), configuration: members)
        try store.sync()
        let copy = copyOfFiles()
        copy.delete("state.db-wal")
        #expect(try recover(copy)?.records == everything)
    }

    @Test func aReaderMayLookAndHoldsNothingUp() throws {
        let (store, _) = try open()
        try store.write(StateDelta(header: header(2), upserts: [put(2)]), configuration: members)
        let reader = try Database(path: directory.path(of: "state.db"), settings: [])
        try reader.execute("BEGIN")
        #expect(try reader.scalar("SELECT count(*) FROM versions") == 1)
        for index in 3...9 as ClosedRange<UInt64> {
            try store.write(StateDelta(header: header(index), upserts: [put(index)]), configuration: members)
            try store.sync()
        }
        #expect(try reader.scalar("SELECT count(*) FROM versions") == 1)
        try reader.execute("COMMIT")
        #expect(try reader.text("SELECT key FROM versions WHERE revision = 9") == "key 2")
        #expect(try reader.scalar("SELECT applied_index FROM meta") == 9)
    }

    @Test func aSnapshotReplacesEverything() throws {
        let (store, _) = try open()
        try store.write(StateDelta(header: header(9), upserts: everything), configuration: members)
        let other = Configuration(members: [.init(name: "z", peerAddress: "10.0.0.1:9")])
        try store.replaceAll(header: header(50), configuration: other, records: [put(40), lease(3)])
        let copy = copyOfFiles()
        copy.delete("state.db-wal")
        let recovered = try recover(copy)
        #expect(recovered == RecoveredState(header: header(50), configuration: other, records: [put(40), lease(3)]))
    }

    @Test func aCrashWhileASnapshotIsInstalledLeavesTheOldState() throws {
        let (store, _) = try open()
        try store.write(StateDelta(header: header(9), upserts: everything), configuration: members)
        var crashes: [TemporaryDirectory] = []
        // Large enough that SQLite writes to the WAL before the transaction ends.
        let snapshot = (2...1_500 as ClosedRange<UInt64>).lazy.map { index in
            if index % 350 == 0 { crashes.append(self.copyOfFiles()) }
            return self.put(index, value: Bytes(repeating: 9, count: 4_000))
        }
        try store.replaceAll(header: header(1_500), configuration: members, records: snapshot)
        #expect(crashes.count >= 4)
        for crash in crashes {
            #expect(try recover(crash)?.records == everything)
        }
        #expect(crashes.last!.read("state.db-wal").count > 2_000_000)
    }

    @Test func aMissingStateIsLostWhenTheLogBeginsLater() throws {
        guard case .stateLost = failure({ try open(logBase: 5) }) else {
            Issue.record("a missing state was taken")
            return
        }
        try open().0.write(StateDelta(header: header(4)), configuration: members)
        guard case .stateLost = failure({ try open(logBase: 5) }) else {
            Issue.record("a state behind the log was taken")
            return
        }
        #expect(try open(logBase: 4).1?.header == header(4))
    }

    @Test(arguments: [
        ("versions", "version"), ("leases", "generation"), ("requests", "number"), ("meta", "revision"),
        ("runs", "first_revision"), ("runs", "id"), ("runs", "versions"), ("gone", "run"),
    ])
    func aChangedRowIsALostState(table: String, column: String) throws {
        do {
            let (store, _) = try open()
            try store.write(StateDelta(header: header(9), upserts: everything), configuration: members)
            try store.write(StateDelta(header: header(59), upserts: (10...59).map { put($0) }), configuration: members)
            try store.write(
                StateDelta(
                    header: header(60), removedVersions: [VersionPosition(revision: Revision(20), ordinal: 0)]),
                configuration: members)
            #expect(try store.database.scalar("SELECT count(*) FROM \(table)") ?? 0 > 0)
            try store.database.execute("UPDATE \(table) SET \(column) = 77")
        }
        guard case .stateLost = failure({ try open() }) else {
            Issue.record("a changed row was believed")
            return
        }
    }

    @Test func aLostStateIsMovedAsideAndBegunAnew() throws {
        let junk = Bytes(repeating: 0x5A, count: 9_000)
        directory.write(junk, to: "state.db")
        guard case .stateLost = failure({ try open() }) else {
            Issue.record("junk was opened")
            return
        }
        let store = try StateStore.startAnew(directory: directory.path, identity: identity)
        try store.write(StateDelta(header: header(1)), configuration: members)
        #expect(directory.read("state.db.lost") == junk)
        #expect(try recover(copyOfFiles())?.header == header(1))
    }

    @Test func theStateOfAnotherMemberIsRefused() throws {
        _ = try open()
        var other = identity
        other.node = NodeID(name: "b")
        other.nodeName = "b"
        let error = failure { try StateStore.open(directory: directory.path, identity: other) }
        #expect(error == .otherMember(path: directory.path, holds: "a", wanted: "b"))
    }

    @Test func aSecondOpeningIsRefused() throws {
        let (store, _) = try open()
        guard case .inUse = failure({ try open() }) else {
            Issue.record("opened twice")
            return
        }
        try store.sync()
    }

    @Test func aLargeStateIsReadBackWhole() throws {
        let records = (2...20_001 as ClosedRange<UInt64>).map { put($0) }
        try open().0.replaceAll(header: header(20_001), configuration: members, records: records)
        #expect(try open().1?.records == records)
    }

    private func copyOfFiles() -> TemporaryDirectory {
        let copy = TemporaryDirectory()
        copy.put(directory.content())
        // Shared memory does not outlive a machine.
        copy.delete("state.db-shm")
        return copy
    }

    private func failure<T>(_ body: () throws -> T) -> StorageError? {
        do { _ = try body() } catch { return error as? StorageError }
        return nil
    }
}
