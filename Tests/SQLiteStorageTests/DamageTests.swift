import Consensus
import Primitives
import Testing

@testable import SQLiteStorage

/// Damage is told from a crash tail (`invariants.md` 15).
@Suite struct DamageTests {
    let directory = TemporaryDirectory()

    /// Ten entries below the mark, in a directory whose WAL holds them all.
    private func prepare() throws {
        try withLog(directory) { store in
            for index in 1...10 as ClosedRange<UInt64> {
                try store.write([.append([entry(index)], hardState: HardState(term: Term(1), votedFor: identity.node))])
            }
            try store.settle()
        }
    }

    private func flip(_ name: String, at offset: Int) {
        var bytes = directory.read(name)
        bytes[offset] ^= 0x40
        directory.write(bytes, to: name)
    }

    @Test func aLogShorterThanItsMarkIsDamage() throws {
        try prepare()
        let wal = directory.read("log.db-wal")
        directory.write(Bytes(wal[..<(wal.count / 2)]), to: "log.db-wal")
        let recovered = try recover(directory)
        #expect(recovered.isDamaged)
        #expect(
            recovered.entries.count < 10 && recovered.entries == Array(entries(1...10).prefix(recovered.entries.count)))
    }

    @Test func aFlippedBitInTheWALIsDamage() throws {
        try prepare()
        flip("log.db-wal", at: directory.read("log.db-wal").count / 2)
        #expect(try recover(directory).isDamaged)
    }

    @Test func aCutBeyondTheMarkIsACrashTail() throws {
        try prepare()
        let before = directory.read("log.db-wal").count
        try withLog(directory) { try $0.write([.append(entries(11...11))]) }
        let wal = directory.read("log.db-wal")
        directory.write(Bytes(wal[..<(wal.count - 10)]), to: "log.db-wal")
        #expect(wal.count > before)
        let recovered = try recover(directory)
        #expect(!recovered.isDamaged)
        #expect(recovered.entries == entries(1...10))
    }

    @Test func aFlippedBitInTheDatabaseIsDamage() throws {
        let marker = Bytes(repeating: 0xA7, count: 24)
        try withLog(directory) { store in
            store.checkpointBytes = 0
            let marked = Entry(index: LogIndex(3), term: Term(1), time: .zero, payload: .command(marker))
            try store.write([.append(entries(1...2) + [marked] + entries(4...6))])
            try store.write([.append(entries(7...9))])
        }
        let file = directory.read("log.db")
        let offset = try #require((0..<file.count - 24).first { Bytes(file[$0..<$0 + 24]) == marker })
        // The WAL would cover the page again.
        directory.write([], to: "log.db-wal")
        flip("log.db", at: offset + 5)
        let recovered = try recover(directory)
        #expect(recovered.entries == entries(1...2))
        #expect(recovered.isDamaged)
        #expect(try recover(directory).isDamaged)
    }

    /// Bounds of a row stand beside its checksummed body.
    @Test(arguments: [
        "INSERT INTO runs VALUES (3, 3, x'00')", "UPDATE runs SET first = -7 WHERE first = 5",
        "UPDATE runs SET last = 2 WHERE first = 5", "UPDATE runs SET last = 900 WHERE first = 5",
    ])
    func aRowWithWrongBoundsIsGoneOnceTheLogIsRepaired(damage: String) throws {
        try withLog(directory) { store in
            try store.write([.append(entries(1...4), hardState: HardState(term: Term(1)))])
            try store.write([.append(entries(5...6))])
            try store.settle()
            try store.database.execute(damage)
        }
        let damaged = try recover(directory)
        #expect(damaged.isDamaged)
        #expect(damaged.entries == Array(entries(1...6).prefix(damaged.entries.count)))
        try withLog(directory) { store in
            try store.write([.append(Array(entries(1...8).dropFirst(damaged.entries.count))), .repaired])
        }
        let repaired = try recover(directory)
        #expect(!repaired.isDamaged)
        #expect(repaired.entries == entries(1...8))
    }

    /// As many entries as were lost may be there again and others have been acknowledged: only the member itself, with its
    /// leader, knows when nothing is missing.
    @Test func damageLastsUntilTheMemberSaysThatItIsRepaired() throws {
        try prepare()
        directory.delete("log.db")
        directory.delete("log.db-wal")
        #expect(try recover(directory).isDamaged)
        try withLog(directory) { store in
            try store.write([.append(entries(1...20, term: 2), hardState: HardState(term: Term(2)))])
            try store.settle()
        }
        #expect(try recover(directory).isDamaged)
        try withLog(directory) { try $0.write([.reset(position(30, term: 5)), .append(entries(31...32, term: 5))]) }
        #expect(try recover(directory).isDamaged)
        try withLog(directory) { try $0.write([.repaired]) }
        let repaired = try recover(directory)
        #expect(!repaired.isDamaged && repaired.blank == nil)
        #expect(repaired.base == position(30, term: 5) && repaired.entries == entries(31...32, term: 5))
    }

    @Test func aDirectoryThatIsItsMembersFirstOneStaysDamaged() throws {
        try prepare()
        directory.delete("log.db")
        directory.delete("log.db-wal")
        try withLog(directory) { store in
            try store.write([LogWrite(id: WriteID(1), hardState: nil, change: nil, settles: .isFirst)])
        }
        let recovered = try recover(directory)
        #expect(recovered.isDamaged && recovered.blank == nil)
    }

    /// Also with the mark written lazily, and with one of its slots torn.
    @Test(arguments: 0...1)
    func theMarkOfADamagedLogSaysSoHoweverFarTheLogGoes(torn: Int) throws {
        try prepare()
        directory.delete("log.db")
        directory.delete("log.db-wal")
        try withLog(directory) { store in
            store.markLagEntries = 1
            for index in 1...40 as ClosedRange<UInt64> { try store.write([.append([entry(index, term: 2)])]) }
        }
        flip("log.mark", at: torn * MarkFile.slotBytes + 50)
        let recovered = try recover(directory)
        #expect(recovered.isDamaged && recovered.entries == entries(1...40, term: 2))
    }

    @Test func aLostVoteCountsAsGiven() throws {
        try withLog(directory) { try $0.write([.vote(HardState(term: Term(8), votedFor: NodeID(name: "b")))]) }
        directory.delete("log.db")
        directory.delete("log.db-wal")
        let recovered = try recover(directory)
        #expect(recovered.hardState == HardState(term: Term(8), votedFor: NodeID(name: "b")))
        #expect(recovered.isDamaged)
    }

    @Test func anOlderTermThanTheMarksIsDamage() throws {
        try prepare()
        try withLog(directory) { store in
            let old = directory.read("log.db-wal")
            try store.write([.vote(HardState(term: Term(5), votedFor: NodeID(name: "b")))])
            directory.write(old, to: "old")
        }
        directory.write(directory.read("old"), to: "log.db-wal")
        let recovered = try recover(directory)
        #expect(recovered.isDamaged)
        #expect(recovered.hardState == HardState(term: Term(5), votedFor: NodeID(name: "b")))
        #expect(recovered.entries == entries(1...10))
    }

    @Test func aReplacedSuffixIsNoDamage() throws {
        try prepare()
        try withLog(directory) { try $0.write([.append(entries(4...5, term: 2))]) }
        let recovered = try recover(directory)
        #expect(!recovered.isDamaged)
        #expect(recovered.entries == entries(1...3) + entries(4...5, term: 2))
    }

    @Test func theMarkGoesDownBeforeASuffixDoes() throws {
        try prepare()
        let (store, _) = try openLog(directory)
        let swap = try #require(DescriptorSwap(of: directory.path(of: "log.db-wal"), to: "/dev/full", flags: 2))
        #expect(throws: StorageError.diskFull(path: directory.path(of: "log.db"))) {
            try store.write([.append(entries(4...4, term: 2))])
        }
        // Not later than the store closes its descriptor, whose number another test may get.
        swap.undo()
        withExtendedLifetime(store) {}
        let mark = try MarkFile(in: SystemDirectory(preparing: directory.path)).current
        #expect(try #require(mark).index < LogIndex(4))
    }

    @Test func aTornMarkFallsBackOnTheOtherSlot() throws {
        try prepare()
        let before = directory.read("log.mark")
        for slot in 0...1 {
            directory.write(before, to: "log.mark")
            flip("log.mark", at: slot * MarkFile.slotBytes + 50)
            let recovered = try recover(directory)
            #expect(!recovered.isDamaged)
            #expect(recovered.entries == entries(1...10))
        }
    }

    @Test func anUnreadableMarkIsDamage() throws {
        try prepare()
        directory.write(Bytes(repeating: 0xFF, count: 8192), to: "log.mark")
        let recovered = try recover(directory)
        #expect(recovered.isDamaged)
        #expect(recovered.entries == entries(1...10))
        #expect(try recover(directory).isDamaged)
    }

    @Test func aMissingMarkIsDamage() throws {
        try prepare()
        directory.delete("log.mark")
        #expect(try recover(directory).isDamaged)
    }

    @Test func anotherLogUnderTheMarkIsDamage() throws {
        try prepare()
        let mark = directory.read("log.mark")
        let other = TemporaryDirectory()
        try withLog(other) { store in
            try store.write([.append(entries(1...12, term: 1, bytes: 3), hardState: HardState(term: Term(1)))])
        }
        other.write(mark, to: "log.mark")
        #expect(try recover(other).isDamaged)
    }

    @Test func aDamagedBaseLosesTheLogBehindIt() throws {
        try prepare()
        try withLog(directory) { store in
            try store.truncate(LogTruncation(base: position(5)))
            try store.database.execute("UPDATE base SET chain = chain + 1")
        }
        let recovered = try recover(directory)
        #expect(
            recovered
                == RecoveredLog(
                    hardState: HardState(term: Term(1), votedFor: identity.node), isDamaged: true,
                    blank: new.id))
        #expect(try recover(directory) == recovered)
    }

    @Test func aLogWhoseStateIsLostIsDiscardedAndStaysDamaged() throws {
        try prepare()
        let (store, _) = try openLog(directory)
        try store.truncate(LogTruncation(base: position(5)))
        let state = HardState(term: Term(1), votedFor: identity.node)
        let empty = try store.discard()
        #expect(empty == RecoveredLog(hardState: state, isDamaged: true, blank: new.id))
        try store.write([.reset(position(4, term: 1), entries(5...27))])
        #expect(store.tail.last == LogIndex(27))
        withExtendedLifetime(store) {}
    }

    @Test func aDiscardedLogIsDamagedInTheNextLifeHoweverFarItGoes() throws {
        try prepare()
        try withLog(directory) { store in
            try store.truncate(LogTruncation(base: position(5)))
            _ = try store.discard()
            try store.write([.reset(position(4, term: 1), entries(5...27))])
        }
        #expect(try recover(directory).isDamaged)
    }
}

// MARK: - Votes and schemas

extension DamageTests {
    @Test(arguments: [nil, NodeID(9)])
    func aVoteThatIsLostWithTheEndOfTheLogIsNotGivenAgain(known: NodeID?) throws {
        let (store, _) = try openLog(directory)
        try store.write([LogWrite(id: WriteID(1), hardState: HardState(term: Term(5)), change: nil)])
        try store.write([.append(entries(1...3))])
        let wal = directory.read("log.db-wal")
        try store.write([.append(entries(4...4))])
        if let known {
            let vote = HardState(term: Term(5), votedFor: known)
            try store.write([LogWrite(id: WriteID(3), hardState: vote, change: nil)])
        }
        try store.settle()
        let lost = TemporaryDirectory()
        lost.put(directory.content())
        lost.write(wal, to: "log.db-wal")
        let recovered = try recover(lost)
        #expect(recovered.isDamaged)
        #expect(recovered.hardState == HardState(term: Term(5), votedFor: known ?? identity.node))
    }

    @Test func aVoteThatAloneIsLostIsDamage() throws {
        let (store, _) = try openLog(directory)
        try store.write([.append(entries(1...3))])
        try store.write([LogWrite(id: WriteID(1), hardState: HardState(term: Term(5)), change: nil)])
        let wal = directory.read("log.db-wal")
        let vote = HardState(term: Term(5), votedFor: NodeID(9))
        try store.write([LogWrite(id: WriteID(2), hardState: vote, change: nil)])
        try store.settle()
        let lost = TemporaryDirectory()
        lost.put(directory.content())
        lost.write(wal, to: "log.db-wal")
        let recovered = try recover(lost)
        #expect(recovered.isDamaged)
        #expect(recovered.hardState == vote)
    }

    @Test func theMarkOfADamagedLogFollowsTheVote() throws {
        try withLog(directory) { store in
            try store.write([.append(entries(1...3))])
            try store.settle()
        }
        for name in ["log.db", "log.db-wal"] { directory.delete(name) }
        let vote = HardState(term: Term(7), votedFor: NodeID(9))
        try withLog(directory) { store in
            try store.write([LogWrite(id: WriteID(1), hardState: vote, change: nil)])
            try store.settle()
        }
        for name in ["log.db", "log.db-wal"] { directory.delete(name) }
        let recovered = try recover(directory)
        #expect(recovered.isDamaged)
        #expect(recovered.hardState == vote)
    }
}
