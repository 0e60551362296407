internal import Primitives

// Priorities: followers tell their leader theirs, and it hands its office to who has more.

extension Raft {
    /// Tells the leader now and then of this member's priority.
    mutating func announcePriority(now: Instant, into out: inout RaftOutbox) {
        guard case .follower(var following) = role, following.announcesAt <= now, !isDamaged else { return }
        following.announcesAt = now + settings.announcement
        role = .follower(following)
        out.sends.append(Envelope(to: following.leader, message: .credentials(credentials(asks: false))))
    }

    /// Hands over to a member of higher priority that holds everything committed. The office may come back, because the
    /// other cannot keep it or cannot win it; then it stays here for a while, and for longer each time.
    mutating func handOverToHigherPriority(now: Instant, into out: inout RaftOutbox) {
        guard leading.handOver == nil, hasCommittedInTerm, courtesy.map({ now >= $0.until }) ?? true else { return }
        let higher = leading.peers.filter { peer in
            (peer.priority ?? 0) > settings.priority && peer.match >= commitIndex && isFit(peer, now: now)
        }
        guard let target = higher.max(by: { isBetterSuccessor($1, than: $0) })?.id else { return }
        var pause = settings.handOverPause
        if let last = courtesy, now - last.until < last.pause {
            pause = min(last.pause * 2, settings.longestHandOverPause)
        }
        courtesy = (pause, now + pause)
        out.notices.append(.priorityHonoured(target, term))
        _ = handOver(to: target, now: now, into: &out)
    }

    /// Of two fit members the office goes to the one that holds everything committed, then to the one of higher priority
    /// (to one that is not known only when there is no other), then to the one that is further on.
    func isBetterSuccessor(_ peer: Progress, than other: Progress) -> Bool {
        let (holds, otherHolds) = (peer.match >= commitIndex, other.match >= commitIndex)
        if holds != otherHolds { return holds }
        return (peer.priority ?? 0, peer.match, other.id) > (other.priority ?? 0, other.match, peer.id)
    }

    /// Whether a member may be handed the office: it answers, counts, and is not known never to lead.
    func isFit(_ peer: Progress, now: Instant) -> Bool {
        guard peer.counts, peer.heardSinceElection, now - peer.lastHeard < settings.electionTimeout else {
            return false
        }
        if case .snapshotting = peer.flow { return false }
        return peer.priority != 0
    }
}

extension Leading {
    mutating func note(_ credentials: Credentials, of member: NodeID) {
        guard let index = peers.firstIndex(where: { $0.id == member }) else { return }
        peers[index].priority = credentials.priority
    }
}
