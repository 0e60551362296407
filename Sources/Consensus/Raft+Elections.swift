internal import Primitives

// Raft §5.2 and §5.4.1; pre-vote and check-quorum as in the Raft thesis, §9.6 and §6.2.

extension Raft {
    /// Whether this member has reason to believe in a leader, so that it helps nobody to replace it.
    func isProtectingLeader(_ now: Instant) -> Bool {
        #if PlantedBugs
            if planted(.protectsNobody) { return false }
        #endif
        return switch role {
        case .leader: true
        case .follower(let following): now - following.lastHeard < settings.electionTimeout
        case .looking: false
        }
    }

    // MARK: Transitions

    /// Gives up whatever this member was; with a newer `term` also its vote and its promises.
    mutating func becomeLooking(_ reason: LookingReason, term newTerm: Term, now: Instant, into out: inout RaftOutbox) {
        if isLeader { heard(clusterTime(at: now), in: term) }
        if newTerm > term {
            #if PlantedBugs
                let voted = hardState.votedFor
            #endif
            hardState = HardState(term: newTerm)
            hardStateIsDirty = true
            #if PlantedBugs
                if planted(.keepsVoteForever) { hardState.votedFor = voted }
            #endif
            // They vouch for an older term; whoever they were for has lost anyway.
            promises = []
        }
        var lost: NodeID?
        switch role {
        case .follower(let following):
            lastLed = following.lastHeard
            for batch in following.reads { waitingReads.append(contentsOf: batch.reads) }
        case .leader(let leading):
            lastLed = now
            for read in leading.value.reads {
                if case .local(let reads) = read.source { waitingReads.append(contentsOf: reads) }
            }
        case .looking(let looking): lost = looking.lost
        }
        let wasLooking = isLooking
        role = .looking(Looking(phase: .waiting, deadline: now + retryDelay(), lost: reason.leader ?? lost))
        incoming = nil
        if !wasLooking { out.notices.append(.lookingForLeader(term, reason)) }
    }

    /// Follows `leader`, whose message proves that it was elected in the current term.
    mutating func becomeFollower(of leader: NodeID, now: Instant, into out: inout RaftOutbox) {
        if case .follower(let following) = role {
            precondition(following.leader == leader, "two leaders in term \(term.rawValue)")
            return
        }
        if case .leader = role { preconditionFailure("two leaders in term \(term.rawValue)") }
        // The vote of this term is spent with it, also for a member that forgot how it voted.
        if hardState.votedFor == nil {
            hardState.votedFor = leader
            hardStateIsDirty = true
        }
        // It has something to say that this member may be waiting for.
        ask(leader)
        role = .follower(
            Following(
                leader: leader, lastHeard: now, deadline: now + electionDelay(), verified: commitIndex,
                announcesAt: now + settings.announcement))
        out.notices.append(.following(leader, term))
    }

    private mutating func becomeLeader(now: Instant, into out: inout RaftOutbox) {
        let clock = ClusterClock(inherited: knownTime, since: now)
        let peers = configuration.members.filter { $0.id != id }.map {
            Progress(id: $0.id, next: log.lastIndex.next, lastHeard: now)
        }
        let noop = log.lastIndex.next
        role = .leader(
            Boxed(Leading(peers: peers, noop: noop, clock: clock, nextHeartbeat: now + settings.heartbeat)))
        #if PlantedBugs
            if planted(.forgetsClusterTime) { leading.clock.inherited = .zero }
        #endif
        append(Entry(index: noop, term: term, time: clock.time(at: now), payload: .noop))
        out.notices.append(.becameLeader(term))
    }

    // MARK: Campaigning

    /// Asks the others whether a campaign could succeed, without disturbing anybody's term.
    mutating func startPreVote(now: Instant, into out: inout RaftOutbox) {
        guard case .looking(var looking) = role else { return }
        looking.deadline = now + retryDelay()
        guard mayCampaign else {
            role = .looking(looking)
            return
        }
        #if PlantedBugs
            if planted(.skipsPreVote) { return campaign(handOver: false, now: now, into: &out) }
        #endif
        if case .campaigning = looking.phase { out.notices.append(.electionLost(term)) }
        looking.phase = .preVoting(granted: [id])
        role = .looking(looking)
        let request = VoteRequest(term: term.next, lastIndex: log.lastIndex, lastTerm: log.lastTerm, handOver: false)
        for member in configuration.members where member.id != id {
            out.sends.append(Envelope(to: member.id, message: .preVote(request)))
        }
        if configuration.quorum == 1 { campaign(handOver: false, now: now, into: &out) }
    }

    /// Becomes a candidate of the next term; the requests leave with the write that makes the candidacy durable.
    private mutating func campaign(handOver: Bool, now: Instant, into out: inout RaftOutbox) {
        hardState = HardState(term: term.next, votedFor: id)
        hardStateIsDirty = true
        promises = []
        role = .looking(Looking(phase: .campaigning(Looking.Campaign()), deadline: now + retryDelay()))
        out.notices.append(.campaignStarted(term))
        let request = VoteRequest(term: term, lastIndex: log.lastIndex, lastTerm: log.lastTerm, handOver: handOver)
        for member in configuration.members where member.id != id {
            promises.append(Envelope(to: member.id, message: .vote(request)))
        }
        #if PlantedBugs
            if planted(.campaignsBeforeDurable) { out.sends.append(contentsOf: promises) }
            if planted(.leadsBeforeDurable) { countVote(from: id, now: now, into: &out) }
        #endif
    }

    // MARK: Messages

    mutating func receivePreVote(_ request: VoteRequest, from sender: NodeID, now: Instant, into out: inout RaftOutbox)
    {
        let isUpToDate = log.isNotAhead(ofTerm: request.lastTerm, index: request.lastIndex)
        let granted = request.term > term && !isDamaged && !isProtectingLeader(now) && isUpToDate
        if granted { yieldIfRankedLower(than: request, from: sender, now: now) }
        let reply = VoteReply(term: granted ? request.term : term, granted: granted)
        if !isDamaged { out.sends.append(Envelope(to: sender, message: .preVoteReply(reply))) }
    }

    /// Of two members that ask at the same moment, one lets the other go first, so that they do not split the votes.
    private mutating func yieldIfRankedLower(than request: VoteRequest, from sender: NodeID, now: Instant) {
        guard case .looking(var looking) = role, case .preVoting = looking.phase else { return }
        guard (request.lastTerm, request.lastIndex, sender) > (log.lastTerm, log.lastIndex, id) else { return }
        looking.phase = .waiting
        looking.deadline = now + retryDelay()
        role = .looking(looking)
    }

    mutating func receivePreVoteReply(_ reply: VoteReply, from sender: NodeID, now: Instant, into out: inout RaftOutbox)
    {
        guard case .looking(var looking) = role, case .preVoting(var granted) = looking.phase else { return }
        guard reply.granted, reply.term == term.next, !granted.contains(sender) else { return }
        granted.append(sender)
        looking.phase = .preVoting(granted: granted)
        role = .looking(looking)
        if granted.count >= configuration.quorum { campaign(handOver: false, now: now, into: &out) }
    }

    mutating func receiveVote(_ request: VoteRequest, from sender: NodeID, now: Instant, into out: inout RaftOutbox) {
        #if PlantedBugs
            if planted(.votesDamaged), isDamaged {
                let kept = doubt
                doubt = nil
                defer { doubt = kept }
                return receiveVote(request, from: sender, now: now, into: &out)
            }
        #endif
        guard !isDamaged else { return }
        #if PlantedBugs
            if planted(.votesTwice) { hardState.votedFor = nil }
        #endif
        let isFree = hardState.votedFor == nil || hardState.votedFor == sender
        let granted = isFree && log.isNotAhead(ofTerm: request.lastTerm, index: request.lastIndex)
        let reply = Envelope(to: sender, message: .voteReply(VoteReply(term: term, granted: granted)))
        guard granted else { return out.sends.append(reply) }
        if hardState.votedFor == nil {
            hardState.votedFor = sender
            hardStateIsDirty = true
        }
        #if PlantedBugs
            if planted(.votesBeforeDurable) { out.sends.append(reply) }
        #endif
        promises.append(reply)
        guard case .looking(var looking) = role else { return }
        looking.deadline = now + electionDelay()
        looking.stopRanking()
        role = .looking(looking)
    }

    mutating func receiveVoteReply(_ reply: VoteReply, from sender: NodeID, now: Instant, into out: inout RaftOutbox) {
        guard reply.term == term, case .looking(var looking) = role, case .campaigning(var campaign) = looking.phase
        else {
            return
        }
        if reply.granted { return countVote(from: sender, now: now, into: &out) }
        if !campaign.refused.contains(sender) { campaign.refused.append(sender) }
        looking.phase = .campaigning(campaign)
        if configuration.members.count - campaign.refused.count < configuration.quorum {
            out.notices.append(.electionLost(term))
            looking.phase = .waiting
        }
        role = .looking(looking)
    }

    /// Counts a vote for this candidate; the own one counts when it is durable.
    mutating func countVote(from voter: NodeID, now: Instant, into out: inout RaftOutbox) {
        guard case .looking(var looking) = role, case .campaigning(var campaign) = looking.phase else { return }
        guard !campaign.granted.contains(voter) else { return }
        campaign.granted.append(voter)
        looking.phase = .campaigning(campaign)
        role = .looking(looking)
        #if PlantedBugs
            if planted(.electsByMinority), campaign.granted.count == max(1, configuration.quorum - 1) {
                return becomeLeader(now: now, into: &out)
            }
        #endif
        if campaign.granted.count >= configuration.quorum { becomeLeader(now: now, into: &out) }
    }

    /// The leader hands over: campaign at once, without a pre-vote (Raft thesis §3.10).
    mutating func receiveCampaignNow(from sender: NodeID, now: Instant, into out: inout RaftOutbox) {
        guard case .follower(let following) = role, following.leader == sender, mayCampaign else { return }
        becomeLooking(.handedOver, term: term, now: now, into: &out)
        campaign(handOver: true, now: now, into: &out)
    }

    // MARK: Delays

    /// How long a follower waits for its leader: one to two election timeouts. When members are ranked they need not be
    /// drawn apart; a heartbeat more than one, by when nobody believes in the leader any more.
    mutating func electionDelay() -> TimeSpan {
        if settings.election == .ranked { return settings.electionTimeout + settings.heartbeat }
        return generator.span(from: settings.electionTimeout, below: settings.electionTimeout * 2)
    }

    /// How long a member that is looking waits before its next try.
    private mutating func retryDelay() -> TimeSpan {
        generator.span(from: settings.retry, below: settings.retry * 3)
    }

    /// How long a member waits when its leader's process is gone: drawn apart, or, ranked, until all have heard of it.
    mutating func earlyDelay() -> TimeSpan {
        settings.election == .ranked
            ? settings.earlyCampaign : generator.span(from: .zero, below: settings.earlyCampaign)
    }
}
