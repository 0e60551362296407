internal import KeyValue
internal import Primitives
internal import ReplicaCore

typealias CallID = RequestID

/// A request on its way to a node, or waiting there.
struct Call {
    var client: Int
    var node: Int
    var sentAt: Int64
    var timeout: TimeSpan
    var request: ClientRequest
    var purpose: Purpose
    /// The node has it.
    var wasDelivered = false
    /// The newest committed revision when the node got it.
    var floor = Revision.zero
    /// Of an observation: the newest committed fence of its election when the node got it.
    var fenceFloor = Fence.zero

    enum Purpose {
        case write(operation: Int)
        case renewal([LeaseID])
        case read(Query, isStale: Bool)
        case watch(WatchID)
        case campaign(CandidacyID)
        case observe(WatchID)
    }
}

/// A write that a client wants done once, in one or more attempts.
struct Operation {
    var proposal: Proposal
    var client: Int
    var firstSent: Int64
    /// The end of the log when it was first sent: it can only come after that.
    var logEnd: LogIndex
    /// Attempts that are not answered.
    var open = 0
    /// An attempt ended without a clear answer.
    var mayBeApplied = false
    /// Where it was applied, and what it came to.
    var applied: (index: LogIndex, result: CommandResult)?
}

/// What is known of a lease, in true time.
struct LeaseFacts {
    var ttl: TimeSpan
    /// The term of the entry that granted it.
    var term: Term
    /// The promise to its holder that ends last.
    var promise: Promise?
    /// When the last grant or renewal was committed.
    var renewedAt: Int64
    /// When it was first seen expired.
    var expiredAt: Int64?
}

/// How long somebody was told that something lasts, counted from when it had asked.
struct Promise {
    var sentAt: Int64
    var span: TimeSpan

    /// Until when in true time, on a clock that is so many millionths fast: the fastest that is known by now. A leader that
    /// begins its life later may have a faster one.
    func end(fastestClock: Int64) -> Int64 { sentAt + span.nanoseconds / (1_000_000 + fastestClock) * 1_000_000 }

    /// Of two, the one that ends last.
    func orLater(_ other: Promise?, fastestClock: Int64) -> Promise {
        guard let other, other.end(fastestClock: fastestClock) >= end(fastestClock: fastestClock) else { return self }
        return other
    }
}
