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
    case truncated(from: LogIndex)
    case snapshotTransferStarted(to: NodeID, LogIndex)
    case snapshotReceived(LogIndex)
    case snapshotInstalled(LogIndex)
    case damageRepaired(LogIndex)
}

package enum LookingReason: Hashable, Sendable {
    case leaderSilent(NodeID)
    case leaderGone(NodeID)
    case newerTerm
    case quorumLost
    case diskStalled
    case handedOver
}
