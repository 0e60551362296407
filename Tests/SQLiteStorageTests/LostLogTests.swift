import Consensus
import Primitives
import Testing

@testable import SQLiteStorage

/// A log that cannot be read beside a mark that can is lost: it is moved aside, and its node begins with an empty one that a
/// leader has to repair.
@Suite struct LostLogTests {
    let directory = TemporaryDirectory()
    private let vote = HardState(term: Term(3), votedFor: NodeID(9))

    /// Five entries and a vote, all in `log.db` and below the mark.
    private func prepare() throws {
        try withLog(directory) { store in
            var joining = LogWrite.append(entries(1...5), hardState: vote)
            joining.settles = .isFirst
            try store.write([joining])
            try store.settle()
            _ = try store.database.checkpoint()
        }
        directory.delete("log.db-wal")
    }

    private func spoil(_ change: (inout Bytes) throws -> Void) throws {
        var file = directory.read("log.db")
        try change(&file)
        directory.write(file, to: "log.db")
    }

    private func openingError() -> StorageError? {
        do throws(StorageError) {
            _ = try LogStore.open(directory: directory.path, identity: identity, new: new)
            return nil
        } catch {
            return error
        }
    }

    private func expectLoss(_ comment: Comment? = nil) throws {
        let before = directory.read("log.db")
        guard case .logLost = openingError() else {
            Issue.record("\(String(describing: openingError()))")
            return
        }
        let files = try SystemDirectory(preparing: directory.path)
        let opened = try OpenedStores.open(log: files, state: files, identity: identity, new: new) { loss in
            guard case .logLost = loss else {
                Issue.record("\(loss)")
                return
            }
        }
        #expect(opened.recovered == RecoveredLog(hardState: vote, isDamaged: true), comment)
        #expect(directory.read("log.db.lost") == before, comment)
    }

    /// Where the file says which releases may write it.
    @Test func aHeaderThatForbidsWritingIsDamage() throws {
        try prepare()
        try spoil { $0[18] = 3 }
        try expectLoss()
    }

    @Test func aSchemaThatIsNotOursIsDamage() throws {
        try prepare()
        try spoil { file in
            let name = Bytes("node_name".utf8)
            let place = try #require(file.indices.first { file[$0...].starts(with: name) })
            file[place] ^= 1
        }
        try expectLoss()
    }

    /// Then the text makes `id` a column like others, and a new row would stand beside the old one.
    @Test(arguments: ["identity", "hard_state", "base", "runs"])
    func aKeyThatIsNoneAnyMoreIsDamage(table: String) throws {
        try prepare()
        try spoil { file in
            let name = Bytes("TABLE \(table) (".utf8)
            let start = try #require(file.indices.first { file[$0...].starts(with: name) })
            let key = Bytes("PRIMARY KEY".utf8)
            let place = try #require(file[start...].indices.first { file[$0...].starts(with: key) })
            file[place] ^= 1
        }
        try expectLoss()
    }

    @Test func aFileThatIsNoDatabaseIsDamageBesideItsMark() throws {
        try prepare()
        try spoil { $0.replaceSubrange(0..<100, with: Bytes(repeating: 0, count: 100)) }
        try expectLoss()
    }

    /// Its row has no checksum.
    @Test(arguments: [
        "cluster = cluster + 64", "node = node + 64", "format = 0", "node = 'what'", "format = x'01'",
    ])
    func whoseItIsTheMarkKnowsBetter(change: String) throws {
        try prepare()
        try {
            let database = try Database(path: directory.path(of: "log.db"), settings: .log)
            try database.execute("UPDATE identity SET \(change)")
            _ = try database.checkpoint()
        }()
        directory.delete("log.db-wal")
        try expectLoss("\(change)")
    }

    @Test func withoutAMarkItMayBeAnybodys() throws {
        try prepare()
        directory.delete("log.mark")
        try spoil { $0[18] = 3 }
        guard case .corrupt = openingError() else {
            Issue.record("\(String(describing: openingError()))")
            return
        }
        #expect(directory.names().contains("log.db.lost") == false)
    }

    @Test func aLogThatIsGoneIsMissedByWhoJoinedAlsoIfTheMarkStandsAtItsBeginning() throws {
        try withLog(directory) { store in
            try store.write([LogWrite(id: WriteID(1), hardState: nil, change: nil, settles: .isFirst)])
        }
        for name in ["log.db", "log.db-wal"] { directory.delete(name) }
        let spent = HardState(votedFor: identity.node)
        #expect(try recover(directory) == RecoveredLog(hardState: spent, isDamaged: true))
    }

    @Test func anIndexThatNoEntryHasIsDamage() throws {
        try prepare()
        try withLog(directory) { store in
            try store.write([.append(entries(6...8))])
            try store.settle()
            try store.database.execute("UPDATE runs SET first = first + 1048576, last = last + 1048576 WHERE first = 6")
        }
        let recovered = try recover(directory)
        #expect(recovered.isDamaged)
        #expect(recovered.entries == entries(1...5))
    }
}
