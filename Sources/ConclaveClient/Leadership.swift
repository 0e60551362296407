import NIOCore
import NIOPosix
import Synchronization

/// The leadership of an election, or the holding of a lock, by this process.
///
/// It is renewed in the background and ends *before* its lease can: when a renewal is not answered in time, ``isCurrent``
/// becomes false and everything started by ``run(_:)`` is cancelled while the cluster still seats nobody else. What ended
/// does not come back; the next leadership has another ``fence``.
///
/// ```swift
/// try await leadership.run {
///     for job in plan {
///         try await client.put("assigned/\(job)", "me", fence: leadership.fence)
///     }
/// }
/// ```
///
/// A process can be stopped at any moment, also between looking at ``isCurrent`` and acting. What must never be done by two
/// is therefore written with the ``fence``, which whoever is written to compares.
public final class Leadership: Sendable {
    /// What is led, or held.
    public let office: Office
    /// This candidate's id.
    public let id: String
    /// The number of this leadership, for writes to carry; larger than that of every one before.
    public let fence: Fence

    private let client: ClusterClient
    private let candidacy: Candidacy
    private let state: Mutex<State>

    private struct State {
        var tenure: Tenure
        var listeners: [Int: Listener] = [:]
        var nextListener = 0
        /// Rings when acting must end, on a thread that no task can keep busy.
        var alarm: Scheduled<Void>?
    }

    /// Who is told of the course of a leadership; called outside the lock.
    private struct Listener: Sendable {
        var renewed: @Sendable (ContinuousClock.Instant) -> Void = { _ in }
        var ended: @Sendable () -> Void
    }

    init(_ candidacy: Candidacy, fence: UInt64, tenure: Tenure, client: ClusterClient) {
        office = candidacy.office
        id = candidacy.id
        self.fence = Fence(candidacy.office, fence)
        self.client = client
        self.candidacy = candidacy
        state = Mutex(State(tenure: tenure))
    }

    /// Until when its holder may act, as known now; every renewal moves it on.
    public var actUntil: ContinuousClock.Instant { state.withLock { $0.tenure.actUntil } }

    /// Whether its holder may act at this moment.
    public var isCurrent: Bool { state.withLock { $0.tenure.isCurrent(at: .now) } }

    /// Why it ended; `nil` while it lasts.
    public var end: LeadershipEnd? { state.withLock { $0.tenure.end } }

    /// ``actUntil`` as it is and whenever it moves on; ends when the leadership does. For a watchdog outside this process.
    public var deadlines: AsyncStream<ContinuousClock.Instant> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ContinuousClock.Instant.self, bufferingPolicy: .bufferingNewest(1))
        continuation.yield(actUntil)
        let listener = listen(Listener(renewed: { continuation.yield($0) }, ended: { continuation.finish() }))
        continuation.onTermination = { [weak self] _ in self?.forget(listener) }
        return stream
    }

    /// Runs `work`, whose task is cancelled when the leadership ends.
    ///
    /// - Parameter work: has to stop soon after its task is cancelled; this method waits for it.
    /// - Returns: what `work` came to, all of it while leading.
    /// - Throws: what `work` throws; ``ConclaveError`` with ``ConclaveError/Code/fenced`` when the leadership ended before
    ///   `work` did, or before it began; `CancellationError` when the calling task is cancelled.
    @discardableResult
    public func run<Result: Sendable>(
        _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        guard isCurrent else { throw over }
        let task = Task(operation: work)
        let listener = listen(Listener(ended: { task.cancel() }))
        defer { forget(listener) }
        do {
            let result = try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
            guard isCurrent else { throw over }
            return result
        } catch is CancellationError where !isCurrent {
            throw over
        }
    }

    /// Ends the leadership, cancels what is bound to it, and lets the next candidate lead at once.
    ///
    /// - Throws: ``ConclaveError`` when the cluster cannot be told: then the next one leads when the lease is over.
    public func resign() async throws {
        finish(.resigned)
        try await client.withdraw(candidacy)
    }

    private var over: ConclaveError {
        let reason = end.map { ": \($0.rawValue)" } ?? ""
        return ConclaveError(.fenced, "the leadership of the \(office) with fence \(fence.number) is over\(reason)")
    }
}

extension Leadership {
    /// Begins to renew and to listen, until the end.
    func begin() {
        let keeping = Task {
            async let renewing: Void = renew()
            await listen()
            await renewing
        }
        _ = listen(Listener(ended: { keeping.cancel() }))
        ring()
    }

    /// It is over, for this reason unless it was already; tells everybody who listens.
    func finish(_ reason: LeadershipEnd) {
        let listeners = state.withLock { state -> [Listener] in
            guard state.tenure.finish(reason, at: .now) else { return [] }
            state.alarm?.cancel()
            state.alarm = nil
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.ended() }
    }

    /// Adds a listener, who is told at once of an end that has come already.
    private func listen(_ listener: Listener) -> Int {
        let (number, isOver) = state.withLock { state in
            let number = state.nextListener
            state.nextListener += 1
            let isOver = state.tenure.end != nil
            if !isOver { state.listeners[number] = listener }
            return (number, isOver)
        }
        if isOver { listener.ended() }
        return number
    }

    private func forget(_ listener: Int) {
        state.withLock { _ = $0.listeners.removeValue(forKey: listener) }
    }

    /// Ends what is due to end, else comes back when it will be.
    private func ring() {
        let isDue = state.withLock { state in
            guard state.tenure.end == nil else { return false }
            let left = state.tenure.actUntil - .now
            guard left > .zero else { return true }
            state.alarm = MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: TimeAmount(left)) {
                [weak self] in self?.ring()
            }
            return false
        }
        if isDue { finish(.expired) }
    }

    /// Renews whenever it is due.
    private func renew() async {
        while end == nil {
            let (due, limit) = state.withLock { ($0.tenure.renewal, $0.tenure.actUntil) }
            do {
                try await Task.sleep(until: due, clock: .continuous)
                var call = candidacy.renewal
                call.timeout = max(limit - .now, .milliseconds(1))
                let (standing, sent) = try await client.ask(call)
                guard standing.state.leads, standing.fence == fence.number else { return finish(.removed) }
                renewed(sent: sent, validFor: standing.validFor)
            } catch let error as ConclaveError where error.endsCandidacy {
                finish(.removed)
            } catch {
                // The alarm rings if no later one succeeds.
                try? await Task.sleep(for: candidacy.ttl / 50)
            }
        }
    }

    private func renewed(sent: ContinuousClock.Instant, validFor: Duration) {
        let (listeners, until) = state.withLock { state -> ([Listener], ContinuousClock.Instant) in
            let isLonger = state.tenure.renewed(sent: sent, validFor: validFor, at: .now)
            return (isLonger ? Array(state.listeners.values) : [], state.tenure.actUntil)
        }
        for listener in listeners { listener.renewed(until) }
    }

    /// Learns at once when somebody else has ended this leadership, instead of with the next renewal.
    private func listen() async {
        var call = Call(path: office.path, headers: ["Accept": "application/json"])
        call.query = [("after", String(fence.number)), ("wait", Duration.seconds(30).parameter), ("limit", "1")]
        call.wait = .seconds(30)
        // A leadership that is over in a moment needs no listening.
        try? await Task.sleep(for: min(candidacy.ttl / 10, .milliseconds(250)))
        while end == nil {
            do {
                let answer = try await client.perform(call)
                guard answer.status != 304 else { continue }
                let state = try answer.decode(WireOffice.self).state(office.kind)
                if let state, state.fence > fence.number { finish(.removed) }
            } catch {
                // The renewals decide; this only shortens the way.
            }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }
}
