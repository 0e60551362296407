internal import Consensus
internal import Glibc
internal import KeyValue
internal import Logging
internal import NIOPosix
internal import Primitives
internal import ReplicaCore
internal import SQLiteStorage
internal import Synchronization

/// The thread that owns `state.db`: follows lazily, one job at a time, and behind the threads that clients wait for.
final class StateWriter: Sendable {
    enum Completion: Sendable {
        /// The delta is written; with `synced` everything up to the index is durable.
        case written(through: LogIndex, synced: Bool)
        case installed(SnapshotPosition)
        /// Whether the disk is nearly full.
        case space(isLow: Bool)
    }

    /// On top of the process's own: where processors are short, a third of the time that other threads get.
    private static let niceness: Int32 = 5

    private let store: StateStore
    private let directory: String
    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let logger: Logger
    private let completed: @Sendable (Completion) -> Void
    private let failed: @Sendable (StorageError) -> Void

    init(
        store: StateStore, directory: String, logger: Logger, completed: @escaping @Sendable (Completion) -> Void,
        failed: @escaping @Sendable (StorageError) -> Void
    ) {
        self.store = store
        self.directory = directory
        self.logger = logger
        self.completed = completed
        self.failed = failed
        pool.start()
        // Of the calling thread alone (nice(2), "C library/kernel differences").
        pool.submit { _ in _ = nice(Self.niceness) }
    }

    /// Writes `delta`, whose log positions are durable, and with `sync` makes all written so far durable.
    func write(_ delta: StateSaving.Delta, sync: Bool) {
        run { store throws(StorageError) in
            try store.write(delta.rows, configuration: delta.position.configuration)
            if sync { try store.sync() }
            return .written(through: delta.position.index, synced: sync)
        }
    }

    func install(_ snapshot: SnapshotToInstall) {
        run { store throws(StorageError) in
            try store.replaceAll(
                header: snapshot.header, configuration: snapshot.position.configuration, records: snapshot.records)
            return .installed(snapshot.position)
        }
    }

    /// Looks how much space is left where the node keeps its files.
    func measureSpace() {
        pool.submit { [self] _ in
            guard let free = freeBytes(at: directory) else { return }
            completed(.space(isLow: free < UInt64(Limits.diskReserve)))
        }
    }

    /// Writes what is left, durably, and ends the thread.
    func stop(writing last: StateSaving.Delta?) async {
        await withCheckedContinuation { continuation in
            pool.submit { [self] _ in
                do throws(StorageError) {
                    if let last { try store.write(last.rows, configuration: last.position.configuration) }
                    try store.sync()
                } catch {
                    logger.error(
                        "the state could not be saved at the end; the log has it", metadata: ["error": "\(error)"])
                }
                continuation.resume()
            }
        }
        try? await pool.shutdownGracefully()
    }

    private func run(_ job: @escaping @Sendable (StateStore) throws(StorageError) -> Completion) {
        pool.submit { [self] _ in
            while true {
                do throws(StorageError) {
                    return completed(try job(store))
                } catch .diskFull(let path) {
                    logger.error("the disk is full: the state is not saved", metadata: ["path": "\(path)"])
                    pause(.milliseconds(500))
                } catch {
                    return failed(error)
                }
            }
        }
    }
}
