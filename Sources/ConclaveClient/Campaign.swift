/// A candidate in an election: the leaderships it comes to, one after the other.
///
/// The office is held exactly while the body of the loop runs: leaving the body resigns, and the next turn contends anew.
/// Nothing is asked of the cluster before the first turn.
///
/// ```swift
/// for try await leadership in client.campaign("controller", as: "node-1", value: "10.0.0.1:80") {
///     do {
///         try await leadership.run { try await control(fence: leadership.fence) }
///     } catch let error as ConclaveError where error.code == .fenced {
///         // Could not be renewed in time: wait for another turn.
///     }
/// }
/// ```
///
/// Iteration throws ``ConclaveError`` with ``ConclaveError/Code/conflict`` when another process campaigns under the same
/// id, and with ``ConclaveError/Code/unreachable`` when the cluster cannot be reached to begin with; later it is asked for
/// ever. A task that is cancelled leaves the line before `CancellationError` is thrown.
public struct Campaign: AsyncSequence, Sendable {
    /// What iteration tells.
    public typealias Element = Leadership

    let contest: Contest

    /// Begins to contend: nothing is sent before the first leadership is asked for.
    public func makeAsyncIterator() -> Leaderships { Leaderships(contest) }

    /// Waits until it leads, runs `work`, resigns, and returns what `work` came to.
    ///
    /// - Parameter work: runs in a task that is cancelled when the leadership ends, and has to stop soon then.
    /// - Throws: what ``Leadership/run(_:)`` throws, and what iteration does.
    @discardableResult
    public func withLeadership<Result: Sendable>(
        _ work: @escaping @Sendable (Leadership) async throws -> Result
    ) async throws -> Result {
        try await contest.withLeadership(work)
    }
}

/// Somebody who wants a lock: the times it holds it, one after the other.
///
/// The lock is held exactly while the body of the loop runs, or by ``withLock(_:)`` once.
///
/// ```swift
/// try await client.lock("backup", ttl: .seconds(10)).withLock { holding in
///     try await client.put("last-backup", "now", fence: holding.fence)
/// }
/// ```
///
/// Throws as ``Campaign`` does, and ``ConclaveError`` with ``ConclaveError/Code/preconditionFailed`` when it is still
/// somebody else's at the end of the patience that was given; ``ConclaveError/incumbent`` says whose.
public struct Lock: AsyncSequence, Sendable {
    /// What iteration tells.
    public typealias Element = Leadership

    let contest: Contest

    /// Begins to contend: nothing is sent before the lock is asked for.
    public func makeAsyncIterator() -> Leaderships { Leaderships(contest) }

    /// Waits for the lock, runs `work`, releases it, and returns what `work` came to.
    ///
    /// - Parameter work: runs in a task that is cancelled when the lock is lost, and has to stop soon then.
    /// - Throws: what ``Leadership/run(_:)`` throws, and what iteration does.
    @discardableResult
    public func withLock<Result: Sendable>(
        _ work: @escaping @Sendable (Leadership) async throws -> Result
    ) async throws -> Result {
        try await contest.withLeadership(work)
    }
}

/// One contender's leaderships. When it is let go, the one it is in ends.
public struct Leaderships: AsyncIteratorProtocol {
    private let contender: Contender

    init(_ contest: Contest) { contender = Contender(contest) }

    /// Ends the leadership before, if it lasts, and waits for the next one.
    ///
    /// - Throws: ``ConclaveError`` as ``Campaign`` and ``Lock`` say, `CancellationError` when the task is cancelled.
    public mutating func next() async throws -> Leadership? { try await contender.next() }
}

extension ClusterClient {
    /// A candidate in an election.
    ///
    /// - Parameters:
    ///   - election: its name, 1 to 256 bytes.
    ///   - id: the candidate's own among all; drawn at random when `nil`.
    ///   - value: what it publishes while it leads, at most 4 KiB.
    ///   - ttl: how long after its death the next one leads, from 100 ms to 24 h.
    ///   - priority: higher ones lead before lower ones; nobody who leads is replaced. From -1000 to 1000.
    ///   - margin: how long before its lease could end a leadership ends, for clocks that stand still and work that needs
    ///     a moment to stop; a tenth of the time to live when `nil`, at most two thirds.
    ///   - patience: how long to wait for each turn; for ever when `nil`. What is over then throws
    ///     ``ConclaveError/Code/preconditionFailed``.
    ///   - onWaiting: is told who leads meanwhile and which place in the line this candidate has, whenever that changes.
    public func campaign(
        _ election: String, as id: String? = nil, value: ByteString = "", ttl: Duration = .seconds(10),
        priority: Int = 0, margin: Duration? = nil, patience: Duration? = nil,
        onWaiting: (@Sendable (Waiting) -> Void)? = nil
    ) -> Campaign {
        Campaign(
            contest: Contest(self, .election(election), id, value, ttl, priority, margin, patience, onWaiting))
    }

    /// Somebody who wants a lock.
    ///
    /// - Parameters:
    ///   - name: the lock's name, 1 to 256 bytes.
    ///   - id: the holder's own among all; drawn at random when `nil`.
    ///   - value: what it publishes while it holds the lock, at most 4 KiB.
    ///   - ttl: how long after its death the next one gets the lock, from 100 ms to 24 h.
    ///   - priority: higher ones get it before lower ones. From -1000 to 1000.
    ///   - margin: as for ``campaign(_:as:value:ttl:priority:margin:patience:onWaiting:)``.
    ///   - patience: how long to wait for it; `.zero` not at all, for ever when `nil`.
    ///   - onWaiting: is told who holds it meanwhile and which place in the line this one has, whenever that changes.
    public func lock(
        _ name: String, as id: String? = nil, value: ByteString = "", ttl: Duration = .seconds(10),
        priority: Int = 0, margin: Duration? = nil, patience: Duration? = nil,
        onWaiting: (@Sendable (Waiting) -> Void)? = nil
    ) -> Lock {
        Lock(contest: Contest(self, .lock(name), id, value, ttl, priority, margin, patience, onWaiting))
    }
}
