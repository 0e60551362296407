internal import Primitives

// Ranked elections, as in Zab: those that look for a leader exchange credentials and let the best go first. All of it only
// decides when a member asks for votes; whether it gets them is Raft's alone.

extension Raft {
    /// Whether this member may ask for votes.
    var mayCampaign: Bool { !isDamaged && settings.priority > 0 && configuration.contains(id) }

    /// Whether this member asks the others for their credentials: to rank itself, or, as it never leads, to know whether
    /// anybody can.
    var asksForCredentials: Bool {
        (settings.election == .ranked || settings.priority == 0) && !isDamaged && configuration.contains(id)
    }

    /// The patience of a member that looks for a leader is at an end: its next step.
    mutating func goOnLooking(now: Instant, into out: inout RaftOutbox) {
        guard case .looking(let looking) = role else { return }
        guard asksForCredentials else { return startPreVote(now: now, into: &out) }
        switch looking.phase {
        case .ranking: concludeRanking(now: now, into: &out)
        case .backing where mayCampaign: startPreVote(now: now, into: &out)
        default: startRanking(now: now, into: &out)
        }
    }

    /// Asks all for their credentials.
    private mutating func startRanking(now: Instant, into out: inout RaftOutbox) {
        guard case .looking(var looking) = role else { return }
        if case .campaigning = looking.phase { out.notices.append(.electionLost(term)) }
        looking.phase = .ranking
        looking.heard = []
        looking.deadline = now + settings.credentialsPatience
        role = .looking(looking)
        for member in configuration.members where member.id != id {
            out.sends.append(Envelope(to: member.id, message: .credentials(credentials(asks: true))))
        }
        concludeRankingIfComplete(now: now, into: &out)
    }

    func credentials(asks: Bool) -> Credentials {
        Credentials(
            term: term, lastTerm: log.lastTerm, lastIndex: log.lastIndex, priority: settings.priority, asks: asks)
    }

    private var ownContender: Contender { Contender(id: id, credentials: credentials(asks: false)) }

    mutating func receiveCredentials(
        _ credentials: Credentials, from sender: NodeID, now: Instant, into out: inout RaftOutbox
    ) {
        if credentials.asks, isFitToBeRanked(now) {
            out.sends.append(Envelope(to: sender, message: .credentials(self.credentials(asks: false))))
        }
        switch role {
        case .leader: leading.note(credentials, of: sender)
        case .follower: break
        case .looking:
            // Who is behind in term has to learn of this one first; who is ahead knows of elections that this one missed.
            if credentials.term > term { becomeLooking(.newerTerm, term: credentials.term, now: now, into: &out) }
            if credentials.term == term { hear(credentials, from: sender, now: now, into: &out) }
        }
    }

    /// Nobody should wait for a member that cannot campaign: one that must not vote, or whose disk does not answer.
    private func isFitToBeRanked(_ now: Instant) -> Bool {
        !isDamaged && !(writesInFlight.first.map { now - $0.issuedAt > settings.electionTimeout } ?? false)
    }

    private mutating func hear(
        _ credentials: Credentials, from sender: NodeID, now: Instant, into out: inout RaftOutbox
    ) {
        guard case .looking(var looking) = role else { return }
        looking.heard.removeAll { $0.contender.id == sender }
        looking.heard.append(
            Looking.Heard(contender: Contender(id: sender, credentials: credentials), at: now))
        role = .looking(looking)
        concludeRankingIfComplete(now: now, into: &out)
    }

    /// The leader that was lost is not waited for.
    private mutating func concludeRankingIfComplete(now: Instant, into out: inout RaftOutbox) {
        guard case .looking(let looking) = role, case .ranking = looking.phase else { return }
        let isComplete = configuration.members.allSatisfy { member in
            member.id == id || member.id == looking.lost || looking.heard.contains { $0.contender.id == member.id }
        }
        if isComplete { concludeRanking(now: now, into: &out) }
    }

    /// The best asks for votes at once. Each of the others leaves those above it a turn each, and then tries itself: the
    /// best may have died since, or reach fewer members.
    private mutating func concludeRanking(now: Instant, into out: inout RaftOutbox) {
        guard case .looking(var looking) = role else { return }
        let own = ownContender
        let better = looking.heard.map(\.contender).filter { other in
            other.credentials.priority > 0 && (settings.priority == 0 || other > own)
        }
        if better.isEmpty, mayCampaign { return startPreVote(now: now, into: &out) }
        looking.phase = .backing(better.sorted(by: >).map(\.id))
        looking.deadline = now + settings.turn * Int64(max(1, better.count))
        role = .looking(looking)
    }

    // MARK: Nobody may lead

    /// Those of priority 0 that could win when nobody else could, as far as this member has heard lately; empty otherwise.
    func contendersThatNeverLead(at now: Instant) -> [NodeID] {
        guard asksForCredentials, case .looking(let looking) = role else { return [] }
        let heard = looking.heard.filter { now - $0.at < settings.electionTimeout * 2 }.map(\.contender)
        let voters = heard + (isDamaged ? [] : [ownContender])
        let winners = voters.filter { contender in
            voters.count { contender.isVotable(by: $0) } >= configuration.quorum
        }
        return winners.allSatisfy { $0.credentials.priority == 0 } ? winners.map(\.id) : []
    }
}
