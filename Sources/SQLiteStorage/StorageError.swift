/// Why a store cannot be opened or written; each reads as one sentence that says what to do.
package enum StorageError: Error, Hashable, Sendable {
    /// The data directory cannot be created, entered or written.
    case unusableDirectory(path: String, reason: String)
    /// Another process, or another store of this one, holds the file's lock.
    case inUse(path: String, process: Int32?)
    /// The directory holds the data of another cluster; both are described in words.
    case otherCluster(path: String, holds: String, wanted: String)
    /// The directory holds the data of another member of the cluster.
    case otherMember(path: String, holds: String, wanted: String)
    /// The file was written by a release that keeps it differently.
    case unknownFormat(path: String, format: Int64)
    /// SQLite did not take a setting that durability depends on.
    case settingRefused(path: String, name: String, wanted: String, got: String)
    /// SQLite, or a checksum, found the file damaged beyond what a leader's entries repair.
    case corrupt(path: String, detail: String)
    /// `log.db` is damaged that far, and the durable mark beside it is not: recoverable, see
    /// ``LogStore/startAnew(in:identity:new:)``.
    case logLost(path: String, detail: String)
    /// `state.db` is damaged, missing or behind the point where the log begins: recoverable, see ``StateStore/startAnew(directory:identity:)``.
    case stateLost(path: String, detail: String)
    /// No space was left; nothing of the failed call was kept, and the store may be used again once there is space.
    case diskFull(path: String)
    /// An IO error. It is kept: every later call throws this same error and touches nothing (`invariants.md` 16).
    case latched(path: String, operation: String, detail: String)
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unusableDirectory(let path, let reason):
            "cannot use the data directory \(path): \(reason); give --data-dir a directory this user may write"
        case .inUse(let path, let process):
            "\(path) is in use by \(process.map { "process \($0)" } ?? "another process"); "
                + "stop it or choose another --data-dir"
        case .otherCluster(let path, let holds, let wanted):
            "\(path) belongs to the cluster \(holds), not to \(wanted); "
                + "start with that cluster's --cluster or choose another --data-dir"
        case .otherMember(let path, let holds, let wanted):
            "\(path) belongs to the member \(holds), not to \(wanted); "
                + "start with --name \(holds) or choose another --data-dir"
        case .unknownFormat(let path, let format):
            "\(path) has format \(format), which this release cannot read; start it with the release that wrote it"
        case .settingRefused(let path, let name, let wanted, let got):
            "SQLite answered \(name) = \(got) instead of \(wanted) for \(path); "
                + "move --data-dir to a local file system and use an unmodified SQLite"
        case .corrupt(let path, let detail):
            "\(path) is damaged (\(detail)); move it and its -wal file away and start again, "
                + "so that the other members repair this node"
        case .logLost(let path, let detail):
            "\(path) cannot be used (\(detail)); a leader has to repair this node"
        case .stateLost(let path, let detail):
            "\(path) cannot be used (\(detail)); it has to be built anew from the log or by a leader"
        case .diskFull(let path):
            "no space is left for \(path); free some on its file system"
        case .latched(let path, let operation, let detail):
            "\(operation) of \(path) failed (\(detail)); check the disk and start the node again"
        }
    }
}
