package import Primitives

/// How a leader sees another member.
package struct PeerProgress: Sendable {
    package var id: NodeID
    package var match: LogIndex
    package var roundTrip: TimeSpan?
    /// How long ago it last answered; `nil` when it never did in this term.
    package var silence: TimeSpan?
    package var isReceivingSnapshot: Bool
}

extension Raft {
    /// How the others follow; empty unless this member leads.
    package func peerProgress(at now: Instant) -> [PeerProgress] {
        guard case .leader(let leading) = role else { return [] }
        return leading.peers.map { peer in
            let isReceiving = if case .snapshotting = peer.flow { true } else { false }
            return PeerProgress(
                id: peer.id, match: peer.match, roundTrip: peer.roundTrip,
                silence: peer.heardSinceElection ? now - peer.lastHeard : nil, isReceivingSnapshot: isReceiving)
        }
    }

    /// In one sentence who leads, or what an election is waiting for.
    package func explanation(at now: Instant, name: (NodeID) -> String) -> String {
        switch role {
        case .leader(let leading):
            let heard =
                leading.peers.count { $0.heardSinceElection && now - $0.lastHeard < settings.electionTimeout } + 1
            let ready = hasCommittedInTerm ? "" : " It has not committed an entry of its own term yet, so reads wait."
            return "This node leads term \(term.rawValue); \(heard) of \(configuration.members.count) members answer."
                + ready
        case .follower(let following):
            let silence = (now - following.lastHeard).milliseconds
            return "\(name(following.leader)) leads term \(term.rawValue); this node heard from it \(silence) ms ago."
        case .looking(let looking):
            return "There is no leader known in term \(term.rawValue). " + explanation(of: looking, name: name)
        }
    }

    private func explanation(of looking: Looking, name: (NodeID) -> String) -> String {
        let quorum = "\(configuration.quorum) of \(configuration.members.count)"
        switch looking.phase {
        case .waiting where isDamaged: return "This node waits for the others to elect one, because it may not vote."
        case .waiting: return "This node waits a moment before it asks for votes, or for another's campaign."
        case .preVoting(let granted):
            let missing = names(except: granted, name: name)
            return "This node asked whether it could win: \(granted.count) of the needed \(quorum) agree; "
                + "no word from \(missing) (unreachable, or still hearing a leader, or ahead in the log)."
        case .campaigning(let campaign):
            let missing = names(except: campaign.granted, name: name)
            return
                "This node campaigns with \(campaign.granted.count) votes of the needed \(quorum); missing: \(missing)."
        }
    }

    private func names(except known: [NodeID], name: (NodeID) -> String) -> String {
        let missing = configuration.members.filter { !known.contains($0.id) }.map { name($0.id) }.sorted()
        return missing.isEmpty ? "nobody" : missing.joined(separator: ", ")
    }
}
