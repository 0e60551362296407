import Consensus
import Primitives
import Testing

@testable import SQLiteStorage

@Suite struct LogStoreTests {
    let directory = TemporaryDirectory()

    @Test func anEmptyDirectoryHoldsAnEmptyLog() throws {
        #expect(try recover(directory) == RecoveredLog(blank: new.id))
    }

    @Test func whatWasAppendedIsThereAfterReopening() throws {
        try withLog(directory) { store in
            try store.write([.append(entries(1...3))])
            try store.write([.append(entries(4...4)), .append(entries(5...7, term: 2))])
        }
        #expect(try recover(directory).entries == entries(1...4) + entries(5...7, term: 2))
    }

    @Test func everyKindOfEntryComesBackAsItWas() throws {
        let kinds = [
            Entry(index: LogIndex(1), term: Term(1), time: .zero, payload: .noop),
            Entry(index: LogIndex(2), term: Term(1), time: .zero, payload: .configuration(members)),
            Entry(index: LogIndex(3), term: Term(1), time: .zero, payload: .command([])),
        ]
        try withLog(directory) { try $0.write([.append(kinds)]) }
        #expect(try recover(directory).entries == kinds)
    }

    @Test func termAndVoteAreKeptWithTheEntriesOfTheirWrite() throws {
        let state = HardState(term: Term(7), votedFor: NodeID(name: "b"))
        try withLog(directory) { store in
            try store.write([.append(entries(1...2), hardState: HardState(term: Term(3)))])
            try store.write([.vote(state)])
        }
        let recovered = try recover(directory)
        #expect(recovered.hardState == state)
        #expect(recovered.entries == entries(1...2))
    }

    @Test func theLastOfSeveralVotesInABatchIsKept() throws {
        let last = HardState(term: Term(2), votedFor: nil)
        try withLog(directory) { store in
            try store.write([.vote(HardState(term: Term(1), votedFor: NodeID(name: "a"))), .vote(last)])
        }
        #expect(try recover(directory).hardState == last)
    }

    @Test(arguments: [1, 2, 5, 6, 7, 10, 11] as [UInt64])
    func aReplacedSuffixIsGoneWhereverItBegins(first: UInt64) throws {
        try withLog(directory) { store in
            try store.write([.append(entries(1...5))])
            try store.write([.append(entries(6...10))])
            try store.write([.append(entries(first...first, term: 2))])
        }
        let kept = first > 1 ? entries(1...first - 1) : []
        let recovered = try recover(directory)
        #expect(recovered.entries == kept + entries(first...first, term: 2))
        #expect(!recovered.isDamaged)
    }

    @Test func appendAndReplacementShareATransaction() throws {
        try withLog(directory) { store in
            try store.write([
                .append(entries(1...5)), .append(entries(3...4, term: 2)), .append(entries(5...6, term: 2)),
            ])
        }
        #expect(try recover(directory).entries == entries(1...2) + entries(3...6, term: 2))
    }

    @Test(arguments: [1, 4, 5, 6, 9, 10] as [UInt64])
    func aTruncatedPrefixIsGoneAndItsEndIsTheBase(last: UInt64) throws {
        try withLog(directory) { store in
            try store.write([.append(entries(1...5))])
            try store.write([.append(entries(6...10))])
            try store.truncate(LogTruncation(base: position(last)))
            try store.write([.append(entries(11...11))])
        }
        let recovered = try recover(directory)
        #expect(recovered.base == position(last))
        #expect(recovered.entries == entries(last + 1...11))
        #expect(!recovered.isDamaged)
    }

    @Test func aTruncationBelowTheBaseChangesNothing() throws {
        try withLog(directory) { store in
            try store.write([.append(entries(1...5))])
            try store.truncate(LogTruncation(base: position(4)))
            try store.truncate(LogTruncation(base: position(2)))
        }
        #expect(try recover(directory).base == position(4))
    }

    @Test func aLogBeginsAnewAfterASnapshot() throws {
        try withLog(directory) { store in
            try store.write([.append(entries(1...5))])
            try store.write([.reset(position(20, term: 3))])
        }
        #expect(try recover(directory) == RecoveredLog(base: position(20, term: 3), blank: new.id))
        try withLog(directory) { try $0.write([.reset(position(30, term: 3), entries(31...33, term: 4))]) }
        let recovered = try recover(directory)
        #expect(recovered.base == position(30, term: 3))
        #expect(recovered.entries == entries(31...33, term: 4))
    }

    @Test func aSnapshotBelowTheLogsEndIsNoDamage() throws {
        try withLog(directory) { store in
            try store.write([.append(entries(1...50))])
            try store.settle()
            try store.write([.reset(position(20, term: 3))])
        }
        #expect(try recover(directory) == RecoveredLog(base: position(20, term: 3), blank: new.id))
    }

    @Test func longRunsAreCutIntoRowsAndReadBackWhole() throws {
        let many = entries(1...20, bytes: 100_000)
        try withLog(directory) { store in
            try store.write([.append(many)])
            #expect(try store.database.scalar("SELECT count(*) FROM runs") ?? 0 > 5)
            #expect(try store.database.scalar("SELECT max(length(body)) FROM runs") ?? .max < 400_000)
        }
        #expect(try recover(directory).entries == many)
    }

    @Test func incarnationsGrowAlsoWhenTheLogIsLost() throws {
        for expected in 1...3 as ClosedRange<UInt64> {
            let (_, _, incarnation) = try LogStore.open(directory: directory.path, identity: identity, new: new)
            #expect(incarnation == Incarnation(expected))
        }
        directory.delete("log.db")
        directory.delete("log.db-wal")
        let (_, _, incarnation) = try LogStore.open(directory: directory.path, identity: identity, new: .begunNow())
        #expect(incarnation == Incarnation(4))
    }

    @Test func aBatchIsOneSync() throws {
        try withLog(directory) { store in
            try store.write((1...32).map { .append([entry($0)]) })
            #expect(store.counters.syncs == 1)
            #expect(store.counters.bytesWritten > 32 * 16)
            #expect(store.counters.lastSync > .zero)
            try store.write([])
            #expect(store.counters.syncs == 1)
        }
    }

    /// SQLite's own file layer takes a write of more than 128 KiB for a full disk.
    @Test(arguments: [60_000, 130_000, 262_144, 3_000_000])
    func aCommitOfAnySizeIsWritten(bytes: Int) throws {
        try withLog(directory) { try $0.write([.append(entries(1...5, bytes: bytes))]) }
        #expect(try recover(directory).entries == entries(1...5, bytes: bytes))
    }

    @Test func theWALIsReusedInsteadOfGrowing() throws {
        try withLog(directory) { store in
            store.checkpointBytes = 256 * 1024
            for index in 1...200 as ClosedRange<UInt64> { try store.write([.append([entry(index, bytes: 8_000)])]) }
        }
        #expect(directory.read("log.db-wal").count < 400 * 1024)
        #expect(try recover(directory).entries == entries(1...200, bytes: 8_000))
    }

    @Test func onlyTheOwnerMayReadTheFiles() throws {
        let inner = directory.path(of: "data/n1")
        let (store, _, _) = try LogStore.open(directory: inner, identity: identity)
        try store.write([.append(entries(1...1))])
        #expect(directory.permissions(of: "data/n1") == 0o700)
        for name in ["log.db", "log.db-wal", "log.mark", "log.lock"] {
            #expect(directory.permissions(of: "data/n1/" + name) == 0o600, "\(name)")
        }
    }
}
