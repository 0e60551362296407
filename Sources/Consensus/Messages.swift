package import Primitives

/// Everything members say to each other about the replicated log: one struct per message.
package enum Message: Hashable, Sendable {
    case preVote(VoteRequest)
    case preVoteReply(VoteReply)
    case vote(VoteRequest)
    case voteReply(VoteReply)
    case append(Append)
    case appendReply(AppendReply)
    case snapshotChunk(SnapshotChunk)
    case snapshotReply(SnapshotReply)
    case readRequest(ReadRequest)
    case readReply(ReadReply)
    case campaignNow(CampaignNow)
    case credentials(Credentials)
    case introduction(Introduction)
    case heldByOthers(HeldByOthers)

    /// The sender's term; in a pre-vote and in a granted reply to one, the term that is only proposed (Raft thesis §9.6).
    package var term: Term {
        switch self {
        case .preVote(let m), .vote(let m): m.term
        case .preVoteReply(let m), .voteReply(let m): m.term
        case .append(let m): m.term
        case .appendReply(let m): m.term
        case .snapshotChunk(let m): m.term
        case .snapshotReply(let m): m.term
        case .readRequest(let m): m.term
        case .readReply(let m): m.term
        case .campaignNow(let m): m.term
        case .credentials(let m): m.term
        case .introduction(let m): m.term
        case .heldByOthers(let m): m.term
        }
    }
}

/// A message and its addressee.
package struct Envelope: Hashable, Sendable {
    package var to: NodeID
    package var message: Message
    package init(to: NodeID, message: Message) {
        self.to = to
        self.message = message
    }
}

/// Asks for a vote (Raft §5.2) or for the promise of one (pre-vote, Raft thesis §9.6).
package struct VoteRequest: Hashable, Sendable {
    package var term: Term
    package var lastIndex: LogIndex
    package var lastTerm: Term
    /// Set when the leader itself asked for this campaign: voters then do not protect the leader they know.
    package var handOver: Bool
}

package struct VoteReply: Hashable, Sendable {
    package var term: Term
    package var granted: Bool
}

/// Replicates entries, and without any is the heartbeat (Raft §5.3).
package struct Append: Hashable, Sendable {
    package var term: Term
    package var previousIndex: LogIndex
    package var previousTerm: Term
    package var entries: [Entry]
    package var commit: LogIndex
    /// The newest confirmation round; a reply echoes it and so confirms all rounds up to it.
    package var round: UInt64
    /// Reads wait for this round: confirm it without waiting for the disk.
    package var roundIsUrgent: Bool
    /// The leader's cluster time when it sent this.
    package var time: ClusterTime
    /// The leader's applied index and the digest of its state there.
    package var digestIndex: LogIndex
    package var digest: UInt64
}

package struct AppendReply: Hashable, Sendable {
    package var term: Term
    package var round: UInt64
    package var outcome: Outcome
    /// Whether the sender may be counted: it is not while it repairs a damaged log (`invariants.md` 15).
    package var counts: Bool
    /// The sender's state differs from the leader's, or is lost: it asks for a snapshot.
    package var needsSnapshot: Bool

    package enum Outcome: Hashable, Sendable {
        /// Everything up to here equals the leader's log and is durable at the sender.
        case matching(through: LogIndex)
        /// The entry at `previous` is not there or is another; nothing above `hint` can match, and there the term is
        /// at most `hintTerm`.
        case mismatch(previous: LogIndex, hint: LogIndex, hintTerm: Term)
    }
}

/// A piece of the state at a log position, for a member that fell behind the log (Raft §7).
package struct SnapshotChunk: Hashable, Sendable {
    package var term: Term
    package var position: SnapshotPosition
    /// Counted from 0.
    package var number: UInt64
    package var bytes: Bytes
    package var isLast: Bool
    package var round: UInt64
}

package struct SnapshotReply: Hashable, Sendable {
    package var term: Term
    package var index: LogIndex
    /// The piece the receiver wants next.
    package var next: UInt64
    package var round: UInt64
}

/// A follower asks how far it must have applied before it may answer the reads of this batch (Raft thesis §6.4).
package struct ReadRequest: Hashable, Sendable {
    package var term: Term
    /// Never used twice, not even by a later life of the follower (`invariants.md` 22).
    package var batch: UInt64
}

package struct ReadReply: Hashable, Sendable {
    package var term: Term
    package var batch: UInt64
    package var index: LogIndex
    /// The leader's cluster time at some moment after the question had come.
    package var time: ClusterTime
}

/// The leader asks a caught-up follower to take over at once (Raft thesis §3.10).
package struct CampaignNow: Hashable, Sendable {
    package var term: Term
}

/// So many others durably hold the leader's log up to `index` that with the receiver they are a majority: what it durably holds
/// of it is committed, if the last of that is of this term (Raft §5.4.2). A release that does not know this message learns the
/// same from the next append.
package struct HeldByOthers: Hashable, Sendable {
    package var term: Term
    package var index: LogIndex
}
