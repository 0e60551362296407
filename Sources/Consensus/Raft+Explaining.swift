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
        return leading.value.peers.map { peer in
            let isReceiving = if case .snapshotting = peer.flow { true } else { false }
            return PeerProgress(
                id: peer.id, match: peer.match, roundTrip: peer.roundTrip,
                silence: peer.heardSinceElection ? now - peer.lastHeard : nil, isReceivingSnapshot: isReceiving)
        }
    }

    /// In a few sentences who leads, or what an election is waiting for.
    package func explanation(at now: Instant, name: (NodeID) -> String) -> String {
        switch role {
        case .leader(let leading):
            let heard =
                leading.value.peers.count { $0.heardSinceElection && now - $0.lastHeard < settings.electionTimeout } + 1
            let ready = hasCommittedInTerm ? "" : " It has not committed an entry of its own term yet, so reads wait."
            return "This node leads term \(term.rawValue); \(heard) of \(configuration.members.count) members answer."
                + ready + explanationOfHandOver(leading.value, at: now, name: name)
        case .follower(let following):
            let silence = (now - following.lastHeard).milliseconds
            return "\(name(following.leader)) leads term \(term.rawValue); this node heard from it \(silence) ms ago."
                + (settings.priority == 0 ? " This node never leads: its priority is 0." : "")
        case .looking(let looking):
            return "There is no leader known in term \(term.rawValue). " + explanation(of: looking, at: now, name: name)
        }
    }

    private func explanationOfHandOver(_ leading: Leading, at now: Instant, name: (NodeID) -> String) -> String {
        if let handOver = leading.handOver {
            return " It is handing over to \(name(handOver.target)), and takes no writes meanwhile."
        }
        guard let higher = leading.peers.filter({ ($0.priority ?? 0) > settings.priority }).max(by: hasLessPriority)
        else { return "" }
        let reason =
            if let rest = courtesy.map({ $0.until - now }), rest > .zero {
                "but this node handed over before and leads again, so it waits another \(rest.milliseconds) ms."
            } else {
                "this node hands over to it as soon as it has caught up."
            }
        return " \(name(higher.id)) has a higher priority (\(higher.priority ?? 0)): " + reason
    }

    private func hasLessPriority(_ peer: Progress, than other: Progress) -> Bool {
        (peer.priority ?? 0, peer.id) < (other.priority ?? 0, other.id)
    }
}
