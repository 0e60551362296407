internal import Consensus
internal import Logging
internal import NIOPosix
internal import Primitives
internal import ReplicaCore
internal import SQLiteStorage
internal import Synchronization

/// Writes `log.db`, on a thread of its own: whatever queues up during one sync is the next transaction. While that is idle the
/// caller's thread may take its place.
final class LogWriter: Sendable {
    /// What one transaction made durable.
    struct Completion: Sendable {
        var last: WriteID
        var thenSend: [(to: NodeID, message: PeerMessage)]
        var syncTime: TimeSpan
        var counters: LogStore.Counters
        var writes: Int
    }

    private enum Job: Sendable {
        case write(LogWrite, thenSend: [(to: NodeID, message: PeerMessage)])
        case truncate(LogTruncation)
    }

    private struct Queue {
        var jobs: [Job] = []
        var isRunning = false
        var isStopped = false
    }

    private let store: LogStore
    private let queue = Mutex(Queue())
    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let logger: Logger
    private let completed: @Sendable (Completion) -> Void
    private let failed: @Sendable (StorageError) -> Void

    init(
        store: LogStore, logger: Logger, completed: @escaping @Sendable (Completion) -> Void,
        failed: @escaping @Sendable (StorageError) -> Void
    ) {
        self.store = store
        self.logger = logger
        self.completed = completed
        self.failed = failed
        pool.start()
    }

    func write(_ write: LogWrite, thenSend: [(to: NodeID, message: PeerMessage)]) {
        enqueue(.write(write, thenSend: thenSend))
    }

    /// Makes `write` durable on the calling thread. Returns `nil` when it has to be queued: something else is being written,
    /// the disk is full, or it failed.
    func writeAtOnce(_ write: LogWrite, thenSend: [(to: NodeID, message: PeerMessage)]) -> Completion? {
        let isFree = queue.withLock { queue in
            guard !queue.isRunning, !queue.isStopped else { return false }
            queue.isRunning = true
            return true
        }
        guard isFree else { return nil }
        defer { queue.withLock { $0.isRunning = false } }
        do throws(StorageError) {
            try store.write([write])
            return completion(of: write.id, thenSend: thenSend, writes: 1)
        } catch .diskFull {
            return nil
        } catch {
            queue.withLock { $0.isStopped = true }
            failed(error)
            return nil
        }
    }

    func truncate(_ truncation: LogTruncation) { enqueue(.truncate(truncation)) }

    /// Finishes what is queued, leaves the durable mark at the log's end, and ends the thread.
    func stop() async {
        await withCheckedContinuation { continuation in
            pool.submit { [self] _ in
                work()
                queue.withLock { $0.isStopped = true }
                try? store.settle()
                continuation.resume()
            }
        }
        try? await pool.shutdownGracefully()
    }

    private func enqueue(_ job: Job) {
        let mustStart = queue.withLock { queue in
            guard !queue.isStopped else { return false }
            queue.jobs.append(job)
            defer { queue.isRunning = true }
            return !queue.isRunning
        }
        if mustStart { pool.submit { [self] _ in work() } }
    }

    private func work() {
        while true {
            let jobs = queue.withLock { queue in
                if queue.jobs.isEmpty || queue.isStopped { queue.isRunning = false }
                defer { queue.jobs = [] }
                return queue.isStopped ? [] : queue.jobs
            }
            guard !jobs.isEmpty else { return }
            do throws(StorageError) {
                try carryOut(jobs)
            } catch {
                queue.withLock { $0.isStopped = true }
                failed(error)
            }
        }
    }

    private func carryOut(_ jobs: [Job]) throws(StorageError) {
        var writes: [LogWrite] = []
        var thenSend: [(to: NodeID, message: PeerMessage)] = []
        for job in jobs {
            if case .write(let write, let messages) = job {
                writes.append(write)
                thenSend.append(contentsOf: messages)
            }
        }
        if let last = writes.last {
            try waitingForSpace { () throws(StorageError) in try store.write(writes) }
            completed(completion(of: last.id, thenSend: thenSend, writes: writes.count))
        }
        for case .truncate(let truncation) in jobs {
            try waitingForSpace { () throws(StorageError) in try store.truncate(truncation) }
        }
    }

    private func completion(
        of last: WriteID, thenSend: [(to: NodeID, message: PeerMessage)], writes: Int
    ) -> Completion {
        Completion(
            last: last, thenSend: thenSend, syncTime: store.counters.lastSync, counters: store.counters, writes: writes)
    }

    /// A full disk keeps nothing of a failed call, so the same call may be made again once there is space. Meanwhile this
    /// node acknowledges nothing, and as a leader gives up its office.
    private func waitingForSpace(_ body: () throws(StorageError) -> Void) throws(StorageError) {
        var rounds = 0
        while true {
            do throws(StorageError) { return try body() } catch .diskFull(let path) {
                if queue.withLock({ $0.isStopped }) { throw .diskFull(path: path) }
                if rounds % 40 == 0 {
                    logger.error(
                        "the disk is full: nothing is acknowledged until there is space", metadata: ["path": "\(path)"])
                }
                rounds += 1
                pause(.milliseconds(250))
            }
        }
    }
}
