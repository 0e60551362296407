import ConclaveClient
import Synchronization

/// What clients asked for and were told during a run, for the history to be held against afterwards.
final class Ledger: Sendable {
    /// One write of a value that no other write has.
    struct Write: Sendable {
        var key: ByteString
        var value: ByteString
        /// What the write required of its key.
        var condition: Condition
        /// The newest revision anybody had been told when it was first sent.
        var floor: UInt64
        var outcome: Outcome

        enum Outcome: Hashable, Sendable {
            case acknowledged(UInt64)
            case unknown
            /// Certainly not carried out.
            case refused
        }
    }

    /// One answered read.
    struct Read: Sendable {
        var node: String
        /// Which life of the node answered: restarts so far.
        var life: Int
        var key: ByteString
        var value: ByteString?
        /// The revision that the answer says it reflects.
        var revision: UInt64
        /// The newest revision anybody had been told when the read was sent; 0 for a stale read.
        var floor: UInt64
        var isStale: Bool
    }

    private struct State {
        var newest: UInt64 = 0
        var writes: [Write] = []
        var reads: [Read] = []
        var gaps: [ClosedRange<ContinuousClock.Instant>] = []
        var lastAcknowledged: ContinuousClock.Instant?
        var problems: [String] = []
    }

    private let state = Mutex(State())

    /// The newest revision that anybody was told.
    var newest: UInt64 { state.withLock { $0.newest } }
    var writes: [Write] { state.withLock { $0.writes } }
    var reads: [Read] { state.withLock { $0.reads } }
    /// The times of at least ``gap`` without any acknowledged write.
    var gaps: [ClosedRange<ContinuousClock.Instant>] { state.withLock { $0.gaps } }
    static let gap = Duration.milliseconds(50)
    /// What the clients themselves could not explain.
    var problems: [String] { state.withLock { $0.problems } }

    func add(_ write: Write) {
        state.withLock { state in
            state.writes.append(write)
            guard case .acknowledged(let revision) = write.outcome else { return }
            state.newest = max(state.newest, revision)
            let now = ContinuousClock.now
            if let last = state.lastAcknowledged, now - last >= Self.gap { state.gaps.append(last...now) }
            state.lastAcknowledged = now
        }
    }

    func add(_ read: Read) {
        state.withLock { state in
            state.reads.append(read)
            if !read.isStale { state.newest = max(state.newest, read.revision) }
        }
    }

    /// How much of `span` was without any acknowledged write.
    func outage(in span: ClosedRange<ContinuousClock.Instant>) -> Duration {
        gaps.filter { $0.overlaps(span) }.map { $0.upperBound - $0.lowerBound }.reduce(.zero, +)
    }

    /// Nobody writes for a while; that is no outage.
    func rest() { state.withLock { $0.lastAcknowledged = nil } }

    func complain(_ problem: String) { state.withLock { $0.problems.append(problem) } }
}
