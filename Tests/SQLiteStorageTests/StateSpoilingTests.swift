import Consensus
import KeyValue
import Primitives
import Testing

@testable import SQLiteStorage

/// A spoiled `state.db` is a state that once was, or is lost: never a mixture that nobody ever had.
@Suite struct StateSpoilingTests {
    /// What the files were after each of some writes, with checkpoints here and there.
    private static let past: (files: [[String: Bytes]], states: [RecoveredState?]) = {
        let directory = TemporaryDirectory()
        var files: [[String: Bytes]] = []
        var states: [RecoveredState?] = [nil]
        do {
            let (store, _) = try StateStore.open(directory: directory.path, identity: identity)
            // With leaps, over which so many versions come that they become runs.
            for step in 1...40 as ClosedRange<UInt64> {
                let index = step + step / 9 * 30
                let state = StateCrashPoints.state(at: index)
                let held = states.last??.records ?? []
                let removed = held.compactMap { record -> VersionPosition? in
                    guard case .version(let version) = record, !state.records.contains(record) else { return nil }
                    return version.position
                }
                try store.write(
                    StateDelta(
                        header: state.header, upserts: state.records.filter { !held.contains($0) },
                        removedVersions: removed), configuration: members)
                states.append(state)
                if step % 7 == 0 { try store.sync() }
                files.append(directory.content().filter { $0.key == "state.db" || $0.key == "state.db-wal" })
            }
        } catch {
            preconditionFailure("\(error)")
        }
        return (files, states)
    }()

    /// How many openings found the state lost, and how many one that once was.
    private struct Outcome {
        var lost = 0
        var found = 0
    }

    /// Opens the files that `spoil` makes of what was there, over and over.
    private func outcome(
        rounds: UInt64, _ spoil: (inout [String: Bytes], inout SeededGenerator) -> Void
    ) -> Outcome {
        var outcome = Outcome()
        for seed in 1...rounds {
            var random = SeededGenerator(seed: seed)
            var files = Self.past.files[Int(random.next() % UInt64(Self.past.files.count))]
            spoil(&files, &random)
            let directory = TemporaryDirectory()
            directory.put(files)
            do throws(StorageError) {
                let (_, recovered) = try StateStore.open(directory: directory.path, identity: identity)
                #expect(Self.past.states.contains(recovered), "seed \(seed): a state that never was")
                outcome.found += 1
            } catch .stateLost {
                outcome.lost += 1
            } catch {
                Issue.record("seed \(seed): \(error)")
            }
        }
        return outcome
    }

    @Test func flippedBitsAreNeverBelieved() {
        let outcome = outcome(rounds: 600) { files, random in
            let name = random.next() % 4 > 0 ? "state.db" : "state.db-wal"
            // What it holds is read before the file itself.
            if name == "state.db" { files["state.db-wal"] = nil }
            guard let size = files[name]?.count, size > 0 else { return }
            for _ in 0...random.next() % 4 {
                files[name]?[Int(random.next() % UInt64(size))] ^= 1 << UInt8(random.next() % 8)
            }
        }
        #expect(outcome.lost > 60)
        #expect(outcome.found > 60)
    }

    @Test func oldPagesBesideNewOnesAreNeverBelieved() {
        let outcome = outcome(rounds: 600) { files, random in
            files["state.db-wal"] = nil
            let old = Self.past.files[Int(random.next() % UInt64(Self.past.files.count))]["state.db"] ?? []
            guard let new = files["state.db"] else { return }
            for page in 0..<(min(old.count, new.count) / 16_384) where random.next() % 2 == 0 {
                let place = page * 16_384..<(page + 1) * 16_384
                files["state.db"]?.replaceSubrange(place, with: old[place])
            }
        }
        #expect(outcome.lost > 60)
        #expect(outcome.found > 60)
    }

    @Test func aLogOfPagesThatWasCopiedBackAndSpoiledIsNeverBelieved() {
        let outcome = outcome(rounds: 1_200) { files, random in
            files["state.db-wal"] =
                Self.past.files[Int(random.next() % UInt64(Self.past.files.count))]["state.db-wal"] ?? []
            guard let size = files["state.db-wal"]?.count, size > 0, random.next() % 2 == 0 else { return }
            files["state.db-wal"]?[Int(random.next() % UInt64(size))] ^= 1
        }
        #expect(outcome.lost > 20)
        #expect(outcome.found > 60)
    }

    /// A frame of the WAL counts only behind frames that do. Where a lost one is written again as it was, those behind it would.
    @Test func whatASpoiledWALHeldDoesNotComeBackBehindWhatIsWrittenAgain() {
        var begunAgain = 0
        for seed in 1...600 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            var files = Self.past.files[Int(random.next() % 7)]
            guard let size = files["state.db-wal"]?.count, size > 0 else { continue }
            files["state.db-wal"]?[Int(random.next() % UInt64(size))] ^= 1
            let (before, after) = (TemporaryDirectory(), TemporaryDirectory())
            before.put(files)
            do throws(StorageError) {
                let (store, recovered) = try StateStore.open(directory: before.path, identity: identity)
                if recovered == nil { begunAgain += 1 }
                after.put(before.content().filter { $0.key.hasPrefix("state.db") })
                let (_, again) = try StateStore.open(directory: after.path, identity: identity)
                #expect(again == recovered, "seed \(seed)")
                withExtendedLifetime(store) {}
            } catch {
                if case .stateLost = error { continue }
                Issue.record("seed \(seed): \(error)")
            }
        }
        #expect(begunAgain > 60)
    }

    @Test func aRowThatIsGoneOrComesBackIsMissed() throws {
        for change in [
            "DELETE FROM versions WHERE revision = 158", "DELETE FROM leases", "DELETE FROM runs", "DELETE FROM gone",
            "INSERT INTO versions SELECT revision - 30, ordinal, key, value, create_revision, version, lease, deletion, "
                + "time_ns, checksum FROM versions WHERE revision = 157",
            "INSERT INTO runs SELECT id + 1, first_revision, last_revision, versions, body, checksum FROM runs",
            "UPDATE gone SET versions = zeroblob(length(versions))",
            "UPDATE meta SET row_sum = row_sum + 1", "UPDATE meta SET row_sum = NULL",
            // What has the same checksum: no bytes, and the number 0.
            "UPDATE versions SET value = 0 WHERE length(value) = 0",
        ] {
            let directory = TemporaryDirectory()
            directory.put(Self.past.files[39])
            try {
                let database = try Database(path: directory.path(of: "state.db"), settings: .state)
                try database.execute(change)
                _ = try database.checkpoint()
            }()
            #expect(throws: StorageError.self, "\(change)") {
                _ = try StateStore.open(directory: directory.path, identity: identity)
            }
        }
    }

    private func expectLoss(of directory: TemporaryDirectory, because reason: String = "") {
        do throws(StorageError) {
            _ = try StateStore.open(directory: directory.path, identity: identity)
            Issue.record("a spoiled state is believed")
        } catch {
            guard case .stateLost(_, let detail) = error, reason.isEmpty || detail.contains(reason) else {
                Issue.record("\(error)")
                return
            }
        }
    }

    /// Of a file that only a later release of SQLite may write, nothing but the next write would tell.
    @Test func aHeaderThatForbidsWritingIsDamage() throws {
        let directory = TemporaryDirectory()
        directory.put(Self.past.files[39])
        directory.delete("state.db-wal")
        var file = directory.read("state.db")
        file[18] = 3
        directory.write(file, to: "state.db")
        expectLoss(of: directory, because: "header forbids writing")
    }

    @Test func aKeyThatIsNoneAnyMoreIsDamage() throws {
        let directory = TemporaryDirectory()
        directory.put(Self.past.files[39])
        directory.delete("state.db-wal")
        var file = directory.read("state.db")
        let key = Bytes("PRIMARY KEY CHECK".utf8)
        let place = try #require(file.indices.first { file[$0...].starts(with: key) })
        file[place] ^= 1
        directory.write(file, to: "state.db")
        expectLoss(of: directory, because: "its tables are not those of this program")
    }

    @Test func aFormatWithoutItsChecksumIsDamage() throws {
        let directory = TemporaryDirectory()
        directory.put(Self.past.files[39])
        try {
            let database = try Database(path: directory.path(of: "state.db"), settings: .state)
            try database.execute("UPDATE meta SET format = 5")
        }()
        expectLoss(of: directory)
    }

    /// What the row of `meta` has before its checksum, as an earlier format had it.
    private func metaColumns(of database: Database, format: Int64) throws -> [ColumnValue] {
        var columns: [ColumnValue] = [.integer(0), .integer(format)]
        try database.prepare("SELECT * FROM meta").rows([]) { row in
            columns += (2...3).map { .integer(row.integer($0)) } + (4...5).map { .text(row.text($0)) }
            columns += (6...11).map { .integer(row.integer($0)) } + [.blob(row.blob(12))]
            return false
        }
        return columns
    }

    /// A file with the last state, without the tables that earlier formats lack.
    private func earlierFile() throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        let state = try #require(Self.past.states[40])
        let (store, _) = try StateStore.open(directory: directory.path, identity: identity)
        try store.replaceAll(header: state.header, configuration: members, records: state.records)
        try store.database.execute("DROP TABLE runs; DROP TABLE gone")
        return directory
    }

    /// The second format had the sum of the checksums of all rows, the third one that of this format.
    @Test(arguments: [2, 3] as [Int64], [false, true])
    func aFileOfAnEarlierFormatIsHeldToItsOwnSum(format: Int64, isDamaged: Bool) throws {
        let directory = try earlierFile()
        try {
            let database = try Database(path: directory.path(of: "state.db"), settings: .state)
            let columns = try metaColumns(of: database, format: format)
            var sum = UInt64(bitPattern: try #require(try database.scalar("SELECT row_sum FROM meta")))
            if format == 2 {
                sum = 0
                for table in ["versions", "leases"] {
                    try database.prepare("SELECT checksum FROM \(table)").rows([]) { row in
                        sum &+= row.number(0)
                        return true
                    }
                }
            }
            try database.prepare("REPLACE INTO meta VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .run(checksummed: columns, then: [.number(sum)])
            if isDamaged { try database.execute("DELETE FROM versions WHERE revision = 158") }
        }()
        guard !isDamaged else { return expectLoss(of: directory) }
        let (store, recovered) = try StateStore.open(directory: directory.path, identity: identity)
        #expect(recovered == Self.past.states[40])
        #expect(try store.database.scalar("SELECT format FROM meta") == StateTables.format)
    }

    @Test func aFileOfAnEarlierFormatThatIsOnlyLookedAtStaysAsItIs() throws {
        let directory = try earlierFile()
        let file = directory.path(of: "state.db")
        let saved = try #require(try SavedState.read(file))
        #expect(saved.keys.count == 20 && saved.nodeName == identity.nodeName)
        let database = try Database(path: file, settings: [])
        #expect(try database.scalar("SELECT count(*) FROM sqlite_schema WHERE name IN ('runs', 'gone')") == 0)
    }

    @Test func theDatabaseOfSomebodyElseIsNotWrittenTo() throws {
        let directory = TemporaryDirectory()
        let database = try Database(path: directory.path(of: "other.db"), settings: [])
        try database.execute("CREATE TABLE theirs (a)")
        #expect(try SavedState.read(directory.path(of: "other.db")) == nil)
        #expect(try database.scalar("SELECT count(*) FROM sqlite_schema") == 1)
    }

    @Test func aFileOfTheFirstFormatOpensAndHasItsSumFromThenOn() throws {
        let directory = try earlierFile()
        try {
            let database = try Database(path: directory.path(of: "state.db"), settings: .state)
            try database.execute("ALTER TABLE meta DROP COLUMN row_sum")
            // As the first format had it: nothing but what the row's own checksum covers.
            let columns = try metaColumns(of: database, format: 1)
            try database.prepare("REPLACE INTO meta VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .run(checksummed: columns)
        }()
        #expect(try StateStore.open(directory: directory.path, identity: identity).1 == Self.past.states[40])
        try {
            let database = try Database(path: directory.path(of: "state.db"), settings: .state)
            #expect(try database.scalar("SELECT format FROM meta") == StateTables.format)
            try database.execute("DELETE FROM leases")
        }()
        #expect(throws: StorageError.self) { _ = try StateStore.open(directory: directory.path, identity: identity) }
    }
}
