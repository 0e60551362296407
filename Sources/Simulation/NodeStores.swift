package import Consensus
package import KeyValue
package import ReplicaCore

/// The stores that ship, on a disk of one simulated node that outlives its lives. A world that is given such stores holds
/// them against its own, plain record of what is durable, and starts its nodes with what they find.
///
/// Not used from two threads at once.
package protocol NodeStores: AnyObject {
    /// A process starts: opens both files and says what they hold.
    func open() throws(StoreTrouble) -> FoundOnDisk
    /// What ``open()`` would find, on a copy of the disk. Nothing may be open.
    func peek() throws(StoreTrouble) -> FoundOnDisk

    /// Makes writes durable, in order and with one sync.
    func write(_ writes: [LogWrite]) throws(StoreTrouble)
    func truncate(_ truncation: LogTruncation) throws(StoreTrouble)
    /// Brings the durable mark up to the log's end.
    func settle() throws(StoreTrouble)
    /// Writes a delta; a crash may still take it.
    func save(_ delta: StateDelta, at position: SnapshotPosition) throws(StoreTrouble)
    /// Makes the deltas durable.
    func syncState() throws(StoreTrouble)
    func install(_ snapshot: SnapshotToInstall) throws(StoreTrouble)

    /// The process dies, in the middle of `batch` if there is one, and the disk becomes what that leaves. `seed` decides.
    func crash(during batch: StoreBatch?, losesPower: Bool, seed: UInt64)
    /// The next sync of any file fails, as a page cache lets it: what it was for stays readable and may be lost all the same.
    func failNextSync(seed: UInt64)
    /// No sync fails any more.
    func endFailures()
    /// How many bytes the files may grow; `nil` for no bound.
    func leaveSpace(_ bytes: Int?)
    /// Spoils what is on the disk. Nothing may be open.
    func harm(_ harm: StoreHarm, seed: UInt64)
}

/// Makes the stores of the node with a name; `seed` decides what they draw.
package struct NodeStoresMaker: Sendable {
    package let make: @Sendable (_ name: String, _ seed: UInt64) -> any NodeStores
    package init(_ make: @escaping @Sendable (_ name: String, _ seed: UInt64) -> any NodeStores) { self.make = make }
}

/// What a log writer carries out between two looks at its queue.
package struct StoreBatch: Sendable {
    package var writes: [LogWrite] = []
    package var truncations: [LogTruncation] = []
}

/// What a process finds when it starts.
package struct FoundOnDisk: Sendable {
    package var log: RecoveredLog
    package var state: (position: SnapshotPosition, header: StateHeader, records: [StateRecord])?

    package init(
        log: RecoveredLog, state: (position: SnapshotPosition, header: StateHeader, records: [StateRecord])?
    ) {
        self.log = log
        self.state = state
    }
}

/// Why a store did not do what it was asked.
package enum StoreTrouble: Error, Sendable {
    /// There is no space; nothing of the call was kept.
    case full
    /// The process has to end.
    case failed(String)
    /// The log may be one that only a later release can read: it has to be moved away, so that a leader repairs the node.
    case logUnreadable(String)
}

/// What spoils a disk beyond what any crash does.
package enum StoreHarm: Sendable {
    /// The end of the log's newest file is zeroes.
    case logEnd
    /// Bits flip in the log.
    case logBits
    /// What tells that the state's file is a database is gone.
    case stateHeader
    /// Bits flip in the state, or in its newest file.
    case stateBits
    /// Some pages of the state are those of an earlier day, and some of its newest file cannot be read.
    case stateOldPages
    /// All but the durable mark is gone.
    case allButMark
    /// All is gone.
    case everything
    /// The log is moved away, as an operator does when it cannot be opened.
    case logMovedAway
    /// The state says that it is another one.
    case stateDigest
}
