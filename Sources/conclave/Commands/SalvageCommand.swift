import ArgumentParser
import ConclaveClient
import Foundation
import SQLiteStorage

/// `conclave salvage`: the keys in a member's files, without a cluster.
struct SalvageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "salvage",
        abstract: "Print the keys that a member saved, without a cluster.",
        discussion: """
            For when a majority of the members has lost its data. Of those that have
            theirs, take the one with the highest revision, begin a new cluster, and
            write to it what is still wanted. What was written in the last half second
            may be missing: it is in the log alone.

            EXAMPLE
              conclave salvage /var/lib/conclave            key, tab, value
              conclave salvage --json copy.db > keys.json   a whole record per line

            Long values are cut off without --json. The revision is told on standard
            error. The file may be in use; it is only read.
            """)

    @Argument(
        help: "A member's data directory, or its state.db, or a copy of that.", completion: .file(extensions: ["db"]))
    var path: String
    @Flag(help: "Print each record whole, as a line of JSON.")
    var json = false

    func run() throws {
        let file = try file()
        let saved: SavedState?
        do throws(StorageError) {
            saved = try SavedState.read(file)
        } catch {
            guard case .corrupt(_, let detail) = error else { throw ValidationError("\(error)") }
            throw ValidationError("\(file) cannot be read as a member's state: \(detail)")
        }
        guard let saved else { throw ValidationError("\(file) has no state: nothing was ever saved in it") }
        let count = saved.keys.count == 1 ? "1 key" : "\(saved.keys.count) keys"
        Terminal.complain("\(count) of member \(saved.nodeName) at revision \(saved.header.revision.rawValue)")
        for key in saved.keys {
            let record = KeyRecord(
                key: ByteString(key.key), value: ByteString(key.value), createRevision: key.createRevision.rawValue,
                modRevision: key.modRevision.rawValue, version: key.version,
                lease: key.lease.map { LeaseID(rawValue: $0.rawValue) })
            Terminal.say(json ? record.json.text : "\(record.key.shown)\t\(record.value.glimpse)")
        }
    }

    /// The database itself; SQLite would make one that is not there.
    private func file() throws -> String {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw ValidationError("there is no \(path)")
        }
        guard isDirectory.boolValue else { return path }
        let file = path + "/state.db"
        guard FileManager.default.fileExists(atPath: file) else {
            throw ValidationError("\(path) has no state.db; a member's data directory does")
        }
        return file
    }
}
