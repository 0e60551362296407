import DequeModule
internal import Primitives

/// The one state a member is in, with the data that only this state has.
enum Role: Sendable {
    case follower(Following)
    case looking(Looking)
    /// Boxed, because a leader looks at it and changes it a dozen times for each input.
    case leader(Boxed<Leading>)
}

/// A member that knows the leader of its term.
struct Following: Sendable {
    var leader: NodeID
    var lastHeard: Instant
    /// When the leader counts as lost.
    var deadline: Instant
    /// Whether the deadline was already put off because this process had been paused.
    var wasForgiven = false
    /// Up to here the own log is known to equal the leader's; acknowledgements never claim more.
    var verified: LogIndex
    /// Up to here a majority holds the leader's log as soon as this member does.
    var heldByOthers = LogIndex.zero
    /// An acknowledgement that the next flush sends.
    var owed: OwedAcknowledgement?
    /// What the last acknowledgement said or promised: news of the commit index alone needs no other.
    var acknowledged: (round: UInt64, through: LogIndex)?
    /// When the leader is told of this member's priority again.
    var announcesAt: Instant
    /// Read batches sent to the leader and not yet answered.
    var reads: [ReadBatch] = []

    struct OwedAcknowledgement: Sendable {
        var round: UInt64
        var isUrgent: Bool
    }

    struct ReadBatch: Sendable {
        var number: UInt64
        var reads: [ReadID]
        var sentAt: Instant
    }
}

/// A member without a leader, the seed state between leaders.
struct Looking: Sendable {
    var phase: Phase
    /// When the next try begins.
    var deadline: Instant
    /// The leader that this member lost, if it knew one.
    var lost: NodeID?
    /// The newest credentials of the others, since they were last asked for.
    var heard: [Heard] = []

    struct Heard: Sendable {
        var contender: Contender
        var at: Instant
    }

    enum Phase: Sendable {
        case waiting
        /// Waiting for the others' credentials.
        case ranking
        /// Leaving those that rank above this member their turns, the best first.
        case backing([NodeID])
        /// Asking whether a campaign could succeed; the own vote is included.
        case preVoting(granted: [NodeID])
        case campaigning(Campaign)
    }

    struct Campaign: Sendable {
        /// Votes received; the own one joins them when its write is durable.
        var granted: [NodeID] = []
        var refused: [NodeID] = []
        /// The write that makes the candidacy durable, once it was issued.
        var write: WriteID?
    }
}

extension Looking {
    /// Leaves the ranking, for a vote that was given.
    mutating func stopRanking() {
        switch phase {
        case .ranking, .backing: phase = .waiting
        case .waiting, .preVoting, .campaigning: break
        }
    }
}

/// The leader of its term.
struct Leading: Sendable {
    var peers: [Progress]
    /// The leader's no-op: reads wait until it is committed (`invariants.md` 21).
    var noop: LogIndex
    var clock: ClusterClock
    /// The newest confirmation round begun; rounds of one term are never reused (`invariants.md` 22).
    var round: UInt64 = 0
    /// When recent rounds began, oldest first, for round-trip times.
    var roundStarts: Deque<(round: UInt64, at: Instant)> = []
    /// Reads whose round is under way, in the order of rounds.
    var reads: Deque<ConfirmingRead> = []
    /// Read batches of followers that arrived since the last flush.
    var arrivedRemoteReads: [(NodeID, UInt64)] = []
    var nextHeartbeat: Instant
    /// Whether the members' silence was already excused because this process had been paused.
    var wasForgiving = false
    var handOver: HandOver?
    /// A member may have committed everything up to here, and answered for it, before this leader knows.
    var mayBeCommitted = LogIndex.zero

    struct ConfirmingRead: Sendable {
        var source: Source
        var round: UInt64
        /// What may have been committed when the read arrived.
        var index: LogIndex
        enum Source: Sendable {
            case local([ReadID])
            case follower(NodeID, batch: UInt64)
        }
    }

    struct HandOver: Sendable {
        var target: NodeID
        var deadline: Instant
        var asked = false
    }
}

/// How far a leader has brought one other member.
struct Progress: Sendable {
    let id: NodeID
    /// Known durable at the member and equal to the leader's log.
    var match: LogIndex = .zero
    /// The next entry to send.
    var next: LogIndex
    var flow: Flow = .probing(paused: false)
    /// Last indexes of append messages under way.
    var inFlight: Deque<LogIndex> = []
    var ackedRound: UInt64 = 0
    var sentCommit: LogIndex = .zero
    /// What it was told that the others hold.
    var sentHeldByOthers: LogIndex = .zero
    var lastHeard: Instant
    var heardSinceElection = false
    var roundTrip: TimeSpan?
    /// What it said in its last announcement to this leader, if it made one.
    var priority: UInt8?
    var heartbeatDue = true
    /// False while the member repairs a damaged log or has not joined: it is replicated to, but makes no majority.
    var counts = true
    /// The last question of a member in doubt, and the entry that was appended since.
    var asked: (question: UInt64, later: LogIndex)?

    enum Flow: Sendable {
        /// Finding where the logs part; one message at a time.
        case probing(paused: Bool)
        /// Logs agree up to `next`; messages are pipelined.
        case replicating
        /// The member gets a snapshot first.
        case snapshotting(Transfer)
    }

    struct Transfer: Sendable {
        /// Set when the first piece is sent.
        var position: SnapshotPosition?
        /// The piece under way.
        var number: UInt64 = 0
        var isLast = false
        var sentAt: Instant
    }
}

/// A leader's cluster time: what it inherited, plus what its own clock counted since (the gap before counts as zero).
struct ClusterClock: Sendable {
    var inherited: ClusterTime
    var since: Instant

    func time(at now: Instant) -> ClusterTime {
        inherited + TimeSpan(nanoseconds: max(0, now.nanoseconds - since.nanoseconds))
    }
}
