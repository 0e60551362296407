import Consensus
import Primitives
import Testing

@testable import SQLiteStorage

/// What keeps a wrong process, or a wrong SQLite, away from the files.
@Suite struct DoorTests {
    let directory = TemporaryDirectory()

    private func openingError(_ identity: StoreIdentity, in path: String? = nil) -> StorageError? {
        do throws(StorageError) {
            _ = try LogStore.open(directory: path ?? directory.path, identity: identity)
            return nil
        } catch { return error }
    }

    @Test func theDirectoryOfAnotherClusterIsRefused() throws {
        _ = try recover(directory)
        var other = identity
        other.cluster = ClusterID(token: "other", memberNames: ["x"])
        other.clusterDescription = "x, y"
        let error = try #require(openingError(other))
        #expect(error == .otherCluster(path: directory.path, holds: "a, b, c", wanted: "x, y"))
        #expect(error.description.contains("a, b, c") && error.description.contains("x, y"))
    }

    @Test func theDirectoryOfAnotherMemberIsRefused() throws {
        _ = try recover(directory)
        var other = identity
        other.node = NodeID(name: "b")
        other.nodeName = "b"
        #expect(openingError(other) == .otherMember(path: directory.path, holds: "a", wanted: "b"))
        #expect(try recover(directory) == RecoveredLog(blank: new.id))
    }

    @Test func theMarkAloneTellsWhoseDirectoryItIs() throws {
        _ = try recover(directory)
        directory.delete("log.db")
        directory.delete("log.db-wal")
        var other = identity
        other.node = NodeID(name: "b")
        guard case .otherMember = openingError(other) else {
            Issue.record("the directory was opened")
            return
        }
    }

    @Test func aSecondOpeningFailsAtOnceAndNamesTheFirst() throws {
        let (first, _) = try openLog(directory)
        guard case .inUse(let path, let process?) = openingError(identity) else {
            Issue.record("the second opening was not refused")
            return
        }
        #expect(path == directory.path(of: "log.lock"))
        #expect(process > 0)
        try first.write([.append(entries(1...1))])
    }

    @Test func aDirectoryThatCannotBeMadeIsRefusedInOneSentence() {
        let error = openingError(identity, in: "/proc/conclave")
        guard case .unusableDirectory = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains("\n") == false)
    }

    @Test func aSettingThatSQLiteDoesNotTakeIsRefused() throws {
        // A database in memory cannot have a WAL.
        #expect(
            throws: StorageError.settingRefused(path: ":memory:", name: "journal_mode", wanted: "wal", got: "memory")
        ) {
            _ = try Database(path: ":memory:", settings: .log)
        }
    }

    @Test func theSettingsOfTheLogAreInForce() throws {
        let (store, _) = try openLog(directory)
        #expect(try store.database.text("PRAGMA journal_mode") == "wal")
        #expect(try store.database.text("PRAGMA synchronous") == "2")
        #expect(try store.database.text("PRAGMA locking_mode") == "exclusive")
    }

    @Test func aFileThatIsNoDatabaseIsRefusedAndNotTouched() throws {
        let junk = Bytes("this is no database, whatever its name says it is".utf8) + Bytes(repeating: 7, count: 8192)
        directory.write(junk, to: "log.db")
        guard case .corrupt = openingError(identity) else {
            Issue.record("junk was opened")
            return
        }
        #expect(directory.read("log.db") == junk)
    }

    @Test func aLaterFormatIsRefused() throws {
        try withLog(directory) { try $0.database.execute("UPDATE identity SET format = 9") }
        #expect(openingError(identity) == .unknownFormat(path: directory.path(of: "log.db"), format: 9))
    }
}
