internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// When changed rows go to `state.db`, and what waits to.
struct StateSaving {
    struct Delta {
        var rows: StateDelta
        var position: SnapshotPosition
    }

    /// Taken from the replica, waiting for the log to be durable that far.
    private var held: Delta?
    /// Whether the writer has something to do already.
    private var isBusy = false
    private var nextSave: Instant
    private var nextSync: Instant

    /// How often changed rows go to `state.db`, or when so many versions came and went: collecting more of them at a time
    /// would keep clients waiting.
    private static let interval = TimeSpan.milliseconds(500)
    private static let versions = 2_000
    /// How often they are synced, so that the log can be cut.
    private static let syncInterval = TimeSpan.seconds(5)

    init(from now: Instant) {
        nextSave = now + Self.interval
        nextSync = now + Self.syncInterval
    }

    /// When to look again, if nothing happens before.
    var deadline: Instant { isBusy || held != nil ? .distantFuture : nextSave }

    /// Takes what is due from `replica`.
    ///
    /// - Returns: whether the interval is over.
    mutating func collect(from replica: inout Replica, at now: Instant) -> Bool {
        guard !isBusy, held == nil else { return false }
        let isDue = now >= nextSave
        if isDue { nextSave = now + Self.interval }
        held = Self.taken(from: &replica, ofAtLeast: isDue ? 0 : Self.versions)
        return isDue
    }

    /// What the writer is to write now, and whether all written so far is to be synced then; rows must not be ahead of the log
    /// that explains them.
    mutating func next(logDurableThrough stable: LogIndex, at now: Instant) -> (delta: Delta, sync: Bool)? {
        guard !isBusy, let delta = held, stable >= delta.position.index else { return nil }
        held = nil
        isBusy = true
        let sync = now >= nextSync
        if sync { nextSync = now + Self.syncInterval }
        return (delta, sync)
    }

    /// The writer puts another state in the place of all this.
    mutating func replacing() {
        held = nil
        isBusy = true
    }

    mutating func finished() { isBusy = false }

    /// What is left at the end, as far as the log explains it.
    mutating func rest(of replica: inout Replica) -> Delta? {
        guard let last = held ?? Self.taken(from: &replica, ofAtLeast: 0) else { return nil }
        return replica.raft.stableIndex >= last.position.index ? last : nil
    }

    private static func taken(from replica: inout Replica, ofAtLeast versions: Int) -> Delta? {
        replica.takeStateDelta(ofAtLeast: versions).map { Delta(rows: $0.delta, position: $0.position) }
    }
}
