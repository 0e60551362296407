package import Consensus
package import KeyValue
package import Primitives

/// Everything that can happen to a replica.
package enum Input: Sendable {
    /// Time passed; wanted at ``Replica/nextDeadline`` at the latest.
    case tick
    case received(PeerMessage, from: NodeID)
    case connected(NodeID)
    /// The connection ended; `processIsGone` when nothing listens there any more.
    case disconnected(NodeID, processIsGone: Bool)
    /// Everything up to and including this write is durable in `log.db`.
    case persisted(WriteID)
    /// `state.db` durably holds everything up to here.
    case stateSaved(through: LogIndex)
    /// The snapshot handed out in ``Outbox/snapshotToInstall`` is durable.
    case snapshotSaved(SnapshotPosition)
    case request(RequestID, ClientRequest, timeout: TimeSpan)
    /// The client hung up: its answer is not wanted any more.
    case abandoned(RequestID)
    case closeWatch(WatchID)
    case pauseWatch(WatchID)
    case resumeWatch(WatchID)
    /// Whether this node's disk is nearly full (`invariants.md` 17).
    case diskSpace(isLow: Bool)
    /// Give the leadership away, if held: to this member, or to the one that is furthest on.
    case handOver(to: NodeID?)
}

/// Everything a replica wants done. The driver carries it out after each ``Replica/flush(at:into:)`` and empties it.
package struct Outbox: Sendable {
    /// May leave at once.
    package var sends: [(to: NodeID, message: PeerMessage)] = []
    /// At most one a flush.
    package var write: LogWrite?
    /// May leave only after ``write`` is durable.
    package var thenSend: [(to: NodeID, message: PeerMessage)] = []
    package var replies: [(RequestID, ClientReply)] = []
    /// In order. A watch's reply stands in ``replies`` of the same or an earlier flush.
    package var deliveries: [WatchDelivery] = []
    package var endedWatches: [(WatchID, WatchEnd)] = []
    /// Set when this node found (`true`) or lost (`false`) a leader.
    package var leaderKnown: Bool?
    /// What `log.db` may drop.
    package var truncation: LogTruncation?
    /// Replaces the whole of `state.db`; answered with ``Input/snapshotSaved(_:)``.
    package var snapshotToInstall: SnapshotToInstall?
    package var notices: [ReplicaNotice] = []
    package init() {}

    /// Forgets everything, but keeps the room for the next batch. Most batches leave most of it empty.
    package mutating func empty() {
        if !sends.isEmpty { sends.removeAll(keepingCapacity: true) }
        if case .some = write { write = nil }
        if !thenSend.isEmpty { thenSend.removeAll(keepingCapacity: true) }
        if !replies.isEmpty { replies.removeAll(keepingCapacity: true) }
        if !deliveries.isEmpty { deliveries.removeAll(keepingCapacity: true) }
        if !endedWatches.isEmpty { endedWatches.removeAll(keepingCapacity: true) }
        leaderKnown = nil
        if case .some = truncation { truncation = nil }
        if case .some = snapshotToInstall { snapshotToInstall = nil }
        if !notices.isEmpty { notices.removeAll(keepingCapacity: true) }
    }
}

package struct SnapshotToInstall: Sendable {
    package var position: SnapshotPosition
    package var header: StateHeader
    package var records: [StateRecord]
    package init(position: SnapshotPosition, header: StateHeader, records: [StateRecord]) {
        self.position = position
        self.header = header
        self.records = records
    }
}

/// What happened, for logs, metrics and the simulator's counters.
package enum ReplicaNotice: Hashable, Sendable {
    case consensus(Notice)
    /// The own digest differs from the leader's at this index: the node fences itself and asks for a snapshot.
    case diverged(at: LogIndex)
    case snapshotUnreadable(LogIndex)
    /// A committed entry that this release cannot read.
    case unreadableCommand(LogIndex)
    case applied(through: LogIndex, events: Int)
    case leasesExpired(Int)
    /// Leaderships of elections and locks began or ended.
    case electionsChanged([ElectionEvent])
    case compacted(through: Revision)
    case retriedAfterElection(Int)
}
