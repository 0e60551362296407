package import KeyValue
package import Primitives

/// A client's request within one node's life, drawn by the shell.
package struct RequestID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ value: UInt64) { rawValue = value }
    package static func < (a: RequestID, b: RequestID) -> Bool { a.rawValue < b.rawValue }
}

/// What a client asks of a node. Every request gets exactly one ``ClientReply``.
package enum ClientRequest: Sendable {
    case write(Proposal)
    /// Renews leases; they share a log entry with all other renewals of the moment.
    case renew([LeaseID])
    case read(Query, ReadConsistency)
    /// Opens a watch; the reply is ``ClientReply/watching(_:_:)`` and deliveries follow under the id.
    case watch(WatchID, WatchRequest)
    /// Opens a watch of an election, after a fence or from now on; the reply is ``ClientReply/observing(_:_:)``.
    case observe(WatchID, ElectionID, after: Fence?)

    /// The watch that it opens.
    var watch: WatchID? {
        switch self {
        case .watch(let id, _), .observe(let id, _, _): id
        case .write, .renew, .read: nil
        }
    }
}

package enum ReadConsistency: Hashable, Sendable {
    /// Reflects everything acknowledged anywhere before the read arrived.
    case linearizable
    /// This node's memory as it is, with its age.
    case stale
}

/// The one answer to a request.
package enum ClientReply: Sendable {
    case written(CommandResult, ReplyPosition)
    /// One per id, in the order asked; `nil` where the lease is gone.
    case renewed([LeaseGrant?], ReplyPosition)
    case read(QueryResult, ReplyPosition)
    /// The watch is open. With ``WatchStart/now`` carries the records there are, at the position's revision.
    case watching([KeyRecord]?, ReplyPosition)
    /// The watch of an election is open. From now on: with its newest change, which is proven to be that.
    case observing(ElectionEvent?, ReplyPosition)
    case refused(Refusal, ReplyPosition)
}

/// Which state an answer reflects.
package struct ReplyPosition: Hashable, Sendable {
    package var revision: Revision
    package var term: Term
    /// For stale reads: how old the state may be; `nil` when this node never knew a leader.
    package var staleness: TimeSpan?
    /// The cluster time now, as far as this node knows it.
    package var time: ClusterTime
    package init(revision: Revision, term: Term, staleness: TimeSpan? = nil, time: ClusterTime = .zero) {
        self.time = time
        self.revision = revision
        self.term = term
        self.staleness = staleness
    }
}

/// Why a request was not carried out, or may not have been.
package enum Refusal: Hashable, Sendable {
    /// No leader was known until the request's time was over; the request went nowhere.
    case noLeader
    /// The time was over after the request had been handed to a leader: it may or may not be applied.
    case timeout
    /// Too much is waiting already; nothing was applied.
    case overloaded
    /// The leader's disk is nearly full: writes that add are refused, deletes and renewals still work; nothing was applied.
    case outOfSpace
    /// This node is starting, repairing itself or going away; nothing was applied.
    case notReady(String)
    /// The watch or the read asks for history that is gone.
    case compacted(oldest: Revision)
    /// The watch begins with more keys than a page holds.
    case stateTooLarge(limit: Int)

    /// Whether the request may have been applied all the same.
    package var mayBeApplied: Bool { self == .timeout }
}

// MARK: - Watches

/// A watch within one node's life, drawn by the shell.
package struct WatchID: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ value: UInt64) { rawValue = value }
    package static func < (a: WatchID, b: WatchID) -> Bool { a.rawValue < b.rawValue }
}

package struct WatchRequest: Hashable, Sendable {
    /// The watched keys and ranges; an event counts when any of them contains its key.
    package var selections: [KeySelection]
    package var start: WatchStart
    package init(selections: [KeySelection], start: WatchStart) {
        self.selections = selections
        self.start = start
    }
}

package enum WatchStart: Hashable, Sendable {
    /// The reply carries what is there now (linearizable); events follow from the next revision on.
    case now
    /// Events from the next revision on; like ``now``, but without the records.
    case next
    /// Events of every revision after this one.
    case after(Revision)
}

/// Events for some watches. A revision's events for one watch always come together, in one delivery.
package struct WatchDelivery: Sendable {
    /// Those that get exactly these events.
    package var watches: [WatchID]
    /// In the order of revisions; one object shared by all who get it.
    package var batch: WatchBatch
    package init(watches: [WatchID], batch: WatchBatch) {
        self.watches = watches
        self.batch = batch
    }
}

/// Events of keys or changes of an election, as the watch is of the one or the other.
package final class WatchBatch: Sendable {
    /// In order; one element per revision, holding only the events that the watches selected.
    package let revisions: [RevisionEvents]
    /// In order, of one election.
    package let elections: [ElectionEvent]
    package init(revisions: [RevisionEvents]) {
        self.revisions = revisions
        elections = []
    }
    package init(elections: [ElectionEvent]) {
        revisions = []
        self.elections = elections
    }
}

/// Why a watch ended without its client's wish.
package enum WatchEnd: Hashable, Sendable {
    /// The history it would go on from is gone.
    case compacted(oldest: Revision)
    /// This node replaced its state by another's and cannot say what came between.
    case stateReplaced(oldest: Revision)
    /// More leaderships than are remembered have passed since the fence it would go on from.
    case electionCompacted(now: Fence)
}
