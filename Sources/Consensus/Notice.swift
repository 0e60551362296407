package import Primitives

/// What happened, for logs, metrics and the simulator's counters; nothing depends on it.
package enum Notice: Hashable, Sendable {
    case lookingForLeader(Term, LookingReason)
    case campaignStarted(Term)
    case electionLost(Term)
    case becameLeader(Term)
    case following(NodeID, Term)
    case handOverStarted(to: NodeID, Term)
    case handOverAbandoned(Term)
    /// The leader hands over because the other's priority is higher.
    case priorityHonoured(NodeID, Term)
    case truncated(from: LogIndex)
    case snapshotTransferStarted(to: NodeID, LogIndex)
    case snapshotReceived(LogIndex)
    case snapshotInstalled(LogIndex)
    case damageRepaired(LogIndex)
    /// The data directory joined: as one of a new cluster, or because a leader brought it this far.
    case joined(isNew: Bool, LogIndex)
}

package enum LookingReason: Hashable, Sendable {
    case leaderSilent(NodeID)
    case leaderGone(NodeID)
    case newerTerm
    case quorumLost
    case diskStalled
    case handedOver
}

extension LookingReason {
    /// The leader that was lost.
    var leader: NodeID? {
        switch self {
        case .leaderSilent(let leader), .leaderGone(let leader): leader
        case .newerTerm, .quorumLost, .diskStalled, .handedOver: nil
        }
    }
}
