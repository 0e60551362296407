import CCrashDisk
import Consensus
import CrashDisk
import Primitives
import Testing

@testable import SQLiteStorage

/// A data directory counts as one that remembers everything only once it has joined.
@Suite struct BlankDirectoryTests {
    let directory = TemporaryDirectory()
    private let joining = LogWrite(
        id: WriteID(1), hardState: HardState(term: Term(1)), change: .replaceSuffix(entries(1...1)), settles: .isFirst)

    @Test func aNewDirectoryStaysTheSameUntilItJoins() throws {
        #expect(try recover(directory).blank == new.id)
        try withLog(directory) { try $0.write([.append(entries(1...3), hardState: HardState(term: Term(4)))]) }
        let other = NewDirectory(id: DirectoryID(78), incarnation: Incarnation(9))
        let (_, recovered, incarnation) = try LogStore.open(directory: directory.path, identity: identity, new: other)
        #expect(recovered.blank == new.id)
        #expect(recovered.entries == entries(1...3))
        #expect(incarnation == Incarnation(3))
    }

    @Test func whatJoinedStaysSo() throws {
        try withLog(directory) { try $0.write([joining]) }
        #expect(try recover(directory).blank == nil)
        try withLog(directory) { try $0.write([.append(entries(2...40))]) }
        #expect(try recover(directory) == RecoveredLog(hardState: HardState(term: Term(1)), entries: entries(1...40)))
    }

    @Test func aDirectoryThatIsReplacedIsBlankAgainAndItsLivesAreNewer() throws {
        try withLog(directory) { try $0.write([joining]) }
        for name in ["log.db", "log.db-wal", "log.mark"] { directory.delete(name) }
        let later = NewDirectory(id: DirectoryID(78), incarnation: Incarnation(1_000))
        let (_, recovered, incarnation) = try LogStore.open(directory: directory.path, identity: identity, new: later)
        #expect(recovered == RecoveredLog(blank: later.id))
        #expect(incarnation == Incarnation(1_001))
    }

    @Test func aDirectoryBegunNowHasALaterLifeThanAnyThatWasCounted() {
        let (one, other) = (NewDirectory.begunNow(), NewDirectory.begunNow())
        #expect(one.id != other.id)
        // The first of January 2024.
        #expect(one.incarnation > Incarnation(1_704_067_200_000))
    }

    /// Their sequences of words end with fewer facts: with the directory, the vote, or neither.
    @Test(arguments: [0x334B_524D_564C_4E43, 0x324B_524D_564C_4E43, 0x314B_524D_564C_4E43] as [UInt64])
    func theMarkOfAnEarlierReleaseIsRead(magic: UInt64) throws {
        try withLog(directory) { try $0.write([joining, .vote(HardState(term: Term(1), votedFor: NodeID(7)))]) }
        var mark = try #require(try MarkFile(in: SystemDirectory(preparing: directory.path)).current)
        #expect(mark.blank == nil && mark.votedFor == NodeID(7))
        let all = [
            magic, 9, mark.cluster.rawValue, mark.node.rawValue, mark.incarnation.rawValue, mark.term.rawValue,
            mark.index.rawValue, mark.chain, 7, 0,
        ]
        let words = Int(magic >> 56) == 0x33 ? 10 : Int(magic >> 56) == 0x32 ? 9 : 8
        if words == 8 { mark.votedFor = nil }
        var writer = ByteWriter()
        for word in all[..<words] { writer.write(word) }
        var digest = Digest()
        digest.combine(writer.bytes)
        writer.write(digest.value)
        let padding = Bytes(repeating: 0, count: DurableMark.encodedBytes - writer.bytes.count)
        let decoded = try #require(DurableMark.decode(writer.bytes + padding))
        #expect(decoded.mark == mark)
        #expect(decoded.sequence == 9)
    }

    @Test func everyCrashWhileADirectoryJoinsLeavesItBlankOrJoined() throws {
        var (blank, joined) = (0, 0)
        for point in 0..<60 {
            let disk = CrashDisk()
            let (store, _, _) = try LogStore.open(in: disk.directory, identity: identity, new: new)
            let survivor = CrashDisk()
            var left = point
            disk.beforeOperation = { _ in
                if left == 0 { survivor.become(disk, after: CRASH_DISK_POWER_LOST, seed: UInt64(point)) }
                left -= 1
            }
            try store.write([joining])
            disk.beforeOperation = nil
            let isOver = left >= 0
            if isOver { survivor.become(disk, after: CRASH_DISK_POWER_LOST, seed: UInt64(point)) }
            let found = try LogStore.open(in: survivor.directory, identity: identity, new: new).1
            #expect(!found.isDamaged)
            if found.blank == nil {
                joined += 1
                #expect(found.entries == entries(1...1))
            } else {
                blank += 1
                #expect(found.blank == new.id)
                #expect(!isOver)
            }
            withExtendedLifetime(store) {}
        }
        #expect(blank > 0 && joined > 0)
    }
}
