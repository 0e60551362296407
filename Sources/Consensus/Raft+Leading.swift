package import Primitives

// The leader's side of replication (Raft §5.3), check-quorum and hand-over (Raft thesis §6.2, §3.10).

extension Raft {
    mutating func tickLeader(now: Instant, into out: inout RaftOutbox) {
        guard now >= leading.nextHeartbeat else { return }
        let overslept = now - leading.nextHeartbeat > settings.electionTimeout / 2 && !leading.wasForgiving
        leading.wasForgiving = overslept
        if overslept {
            forgiveSilence(now: now)
        } else if let reason = reasonToStepDown(now) {
            if reason == .diskStalled { nameSuccessor(now: now, into: &out) }
            return becomeLooking(reason, term: term, now: now, into: &out)
        }
        leading.nextHeartbeat = now + settings.heartbeat
        for index in leading.peers.indices { leading.peers[index].heartbeatDue = true }
        beginRound(now: now)
        if let handOver = leading.handOver, handOver.deadline <= now {
            leading.handOver = nil
            out.notices.append(.handOverAbandoned(term))
        }
        handOverToHigherPriority(now: now, into: &out)
    }

    /// A leader that cannot reach a majority, or whose disk does not answer, must not keep others waiting.
    private func reasonToStepDown(_ now: Instant) -> LookingReason? {
        if let oldest = writesInFlight.first, now - oldest.issuedAt > settings.diskPatience { return .diskStalled }
        #if PlantedBugs
            if planted(.neverStepsDown) { return nil }
        #endif
        let heard = quorumValue(own: now, least: .zero) { $0.lastHeard }
        return now - heard > settings.electionTimeout ? .quorumLost : nil
    }

    /// Answers may be waiting unread; the members get two heartbeats to be heard.
    private mutating func forgiveSilence(now: Instant) {
        let grace = Instant(
            nanoseconds: now.nanoseconds - (settings.electionTimeout - settings.heartbeat * 2).nanoseconds)
        for index in leading.peers.indices {
            leading.peers[index].lastHeard = max(leading.peers[index].lastHeard, grace)
        }
    }

    private mutating func beginRound(now: Instant) {
        leading.round += 1
        leading.roundStarts.append((leading.round, now))
        while leading.roundStarts.count > 64 { leading.roundStarts.removeFirst() }
    }

    // MARK: Replies

    mutating func receiveAppendReply(
        _ reply: AppendReply, from sender: NodeID, now: Instant, into out: inout RaftOutbox
    ) {
        guard case .leader = role, let index = leading.peers.firstIndex(where: { $0.id == sender }) else { return }
        leading.noteHeard(index, round: reply.round, counts: reply.counts, now: now)
        switch reply.outcome {
        case .matching(let through):
            leading.peers[index].noteMatch(through: min(through, log.lastIndex), stateIsUsable: !reply.needsSnapshot)
        case .mismatch(let previous, let hint, let hintTerm):
            noteMismatch(index, previous: previous, hint: hint, hintTerm: hintTerm)
        }
        if reply.needsSnapshot { beginSnapshot(for: index, now: now, into: &out) }
        advanceCommit()
        confirmReads(into: &out)
    }

    /// Goes back to where the logs may still agree (Raft §5.3; the hint spares one round trip per entry).
    private mutating func noteMismatch(_ index: Int, previous: LogIndex, hint: LogIndex, hintTerm: Term) {
        let peer = leading.peers[index]
        switch peer.flow {
        case .snapshotting: return
        // Stale: the member has come further since.
        case .replicating where previous <= peer.match || hint < peer.match: return
        case .probing where previous != peer.next.previous: return
        case .replicating, .probing: break
        }
        let candidate = log.highestIndex(upTo: min(hint, previous.previous), withTermAtMost: hintTerm)
        // A member that denies what it once acknowledged lost its disk: it is believed.
        if previous == peer.match { leading.peers[index].match = candidate }
        leading.peers[index].becomeProbing(next: max(candidate, leading.peers[index].match).next)
    }

    /// Moves the commit index onto what a majority holds durably, if it is of this term (Raft §5.4.2).
    mutating func advanceCommit() {
        #if PlantedBugs
            if planted(.commitsUnsynced) { stableIndex = log.lastIndex }
        #endif
        let candidate = quorumValue(own: stableIndex, least: .zero) { $0.match }
        #if PlantedBugs
            if planted(.countsOlderTerms) { commit(through: candidate) }
        #endif
        if candidate > commitIndex, log.term(at: candidate) == term { commit(through: candidate) }
    }

    // MARK: Flush

    mutating func flushLeader(now: Instant, into out: inout RaftOutbox) {
        let readsBegan = beginReads(now: now)
        for index in leading.peers.indices { sendAppends(index, isUrgent: readsBegan, now: now, into: &out) }
        confirmReads(into: &out)
        progressHandOver(into: &out)
    }

    private mutating func sendAppends(_ index: Int, isUrgent: Bool, now: Instant, into out: inout RaftOutbox) {
        let peer = leading.peers[index]
        let mustSpeak = peer.heartbeatDue || isUrgent
        if peer.heartbeatDue { leading.peers[index].heartbeatDue = false }
        switch peer.flow {
        case .probing(let paused):
            guard !paused || mustSpeak else { return }
            guard peer.next > log.baseIndex else { return beginSnapshot(for: index, now: now, into: &out) }
            leading.peers[index].flow = .probing(paused: true)
            // Only the first probe carries entries: the member may be unreachable, and asked again with every read.
            if paused {
                sendEmpty(index, previous: peer.next.previous, isUrgent: isUrgent, into: &out)
            } else {
                sendAppend(index, from: peer.next, isUrgent: isUrgent, into: &out)
            }
        case .replicating:
            guard peer.next > log.baseIndex else { return leading.peers[index].becomeProbing(next: peer.next) }
            let sentAny = peer.next <= log.lastIndex && pipeline(index, isUrgent: isUrgent, into: &out)
            sendHeldByOthers(index, into: &out)
            guard !sentAny, mustSpeak || mustHearOfCommit(leading.peers[index]) else { return }
            sendEmpty(index, previous: peer.next.previous, isUrgent: isUrgent, into: &out)
        case .snapshotting(let transfer):
            if mustSpeak { sendEmpty(index, previous: .zero, isUrgent: isUrgent, into: &out) }
            if now - transfer.sentAt >= settings.resend {
                leading.peers[index].flow = .snapshotting(transfer.touched(now))
                out.wantedChunks.append((peer.id, transfer.position == nil ? 0 : transfer.number))
            }
        }
    }

    /// Tells a member how far others are, when that changed: it then knows by its own disk what is committed.
    private mutating func sendHeldByOthers(_ index: Int, into out: inout RaftOutbox) {
        let peer = leading.peers[index]
        guard peer.counts else { return }
        let held = heldByOthers(than: peer.id)
        // Of older terms nobody commits anything by counting.
        guard held > peer.sentHeldByOthers, held >= leading.noop else { return }
        leading.peers[index].sentHeldByOthers = held
        leading.mayBeCommitted = max(leading.mayBeCommitted, held)
        out.sends.append(Envelope(to: peer.id, message: .heldByOthers(HeldByOthers(term: term, index: held))))
    }

    /// Whether a member has to be told of the commit index at once, because it does not find out by itself.
    private func mustHearOfCommit(_ peer: Progress) -> Bool {
        commitIndex > peer.sentCommit && (commitIndex > peer.sentHeldByOthers || !peer.counts)
    }

    /// Sends what the member lacks, as far as the window allows.
    private mutating func pipeline(_ index: Int, isUrgent: Bool, into out: inout RaftOutbox) -> Bool {
        var sentAny = false
        while leading.peers[index].next <= log.lastIndex, leading.peers[index].inFlight.count < bounds.appendsInFlight {
            let last = sendAppend(index, from: leading.peers[index].next, isUrgent: isUrgent, into: &out)
            leading.peers[index].inFlight.append(last)
            leading.peers[index].next = last.next
            sentAny = true
        }
        return sentAny
    }

    /// Sends one message of entries from `first` on, and returns the last index it covers.
    @discardableResult
    private mutating func sendAppend(
        _ index: Int, from first: LogIndex, isUrgent: Bool, into out: inout RaftOutbox
    ) -> LogIndex {
        let entries = first <= log.lastIndex ? log.slice(from: first, atMost: bounds.appendBytes) : []
        guard let previousTerm = log.term(at: first.previous) else { preconditionFailure("the entry before is known") }
        send(
            index, previous: first.previous, previousTerm: previousTerm, entries: entries, isUrgent: isUrgent,
            into: &out)
        return entries.last?.index ?? first.previous
    }

    private mutating func sendEmpty(_ index: Int, previous: LogIndex, isUrgent: Bool, into out: inout RaftOutbox) {
        let previousTerm = previous == .zero ? .zero : log.term(at: previous)
        guard let previousTerm else { preconditionFailure("a heartbeat follows a known entry") }
        send(index, previous: previous, previousTerm: previousTerm, entries: [], isUrgent: isUrgent, into: &out)
    }

    private mutating func send(
        _ index: Int, previous: LogIndex, previousTerm: Term, entries: [Entry], isUrgent: Bool,
        into out: inout RaftOutbox
    ) {
        let now = lastFlush
        let append = Append(
            term: term, previousIndex: previous, previousTerm: previousTerm, entries: entries, commit: commitIndex,
            round: leading.round, roundIsUrgent: isUrgent, time: clusterTime(at: now),
            digestIndex: digestStamp.index, digest: digestStamp.digest)
        leading.peers[index].sentCommit = commitIndex
        out.sends.append(Envelope(to: leading.peers[index].id, message: .append(append)))
    }

    // MARK: Hand-over

    /// Begins to hand the office to `target`, or to the best of the others.
    ///
    /// - Returns: whom to; `nil` when there is nobody fit, or this member does not lead.
    package mutating func handOver(to target: NodeID?, now: Instant, into out: inout RaftOutbox) -> NodeID? {
        guard case .leader = role else { return nil }
        if let handOver = leading.handOver { return handOver.target }
        let fit = leading.peers.filter { isFit($0, now: now) && (target == nil || $0.id == target) }
        guard let chosen = fit.max(by: { isBetterSuccessor($1, than: $0) }) else { return nil }
        leading.handOver = Leading.HandOver(target: chosen.id, deadline: now + settings.electionTimeout)
        out.notices.append(.handOverStarted(to: chosen.id, term))
        return chosen.id
    }

    /// The others need not wait until they miss a leader that cannot write: whoever of them has most of the log campaigns at once.
    private func nameSuccessor(now: Instant, into out: inout RaftOutbox) {
        let fit = leading.peers.filter { isFit($0, now: now) }
        guard let best = fit.max(by: { ($0.match, $0.priority ?? 0, $1.id) < ($1.match, $1.priority ?? 0, $0.id) })
        else { return }
        out.sends.append(Envelope(to: best.id, message: .campaignNow(CampaignNow(term: term))))
    }

    /// Tells the successor to campaign as soon as it holds the whole log.
    private mutating func progressHandOver(into out: inout RaftOutbox) {
        guard let handOver = leading.handOver, !handOver.asked,
            let peer = leading.peers.first(where: { $0.id == handOver.target }), peer.match == log.lastIndex
        else { return }
        leading.handOver?.asked = true
        out.sends.append(Envelope(to: peer.id, message: .campaignNow(CampaignNow(term: term))))
    }
}

extension Leading {
    /// A member answered: it is there, and it has seen every round up to `round`.
    mutating func noteHeard(_ index: Int, round: UInt64, counts: Bool, now: Instant) {
        // Rounds begin at this leader: a number it never gave out proves nothing.
        let round = min(round, self.round)
        peers[index].lastHeard = now
        peers[index].heardSinceElection = true
        // A late answer does not say how the member is now.
        if round >= peers[index].ackedRound { peers[index].counts = counts }
        guard round > peers[index].ackedRound else { return }
        peers[index].ackedRound = round
        if let start = roundStarts.last(where: { $0.round == round }) { peers[index].roundTrip = now - start.at }
    }
}

extension Progress {
    /// The member durably holds everything up to `through`, which this leader's log has, too.
    mutating func noteMatch(through: LogIndex, stateIsUsable: Bool) {
        match = max(match, through)
        while let first = inFlight.first, first <= through { inFlight.removeFirst() }
        switch flow {
        case .replicating: next = max(next, match.next)
        case .probing:
            next = max(next, match.next)
            // Whatever lies between the match and what was probed with is on its way to the disk there.
            flow = .replicating
        case .snapshotting(let transfer):
            guard stateIsUsable, let position = transfer.position, match >= position.index else { return }
            next = match.next
            flow = .replicating
        }
    }

    /// Back to one message at a time from `next`: what was under way may be lost.
    mutating func becomeProbing(next: LogIndex) {
        self.next = next
        flow = .probing(paused: false)
        inFlight = []
        sentHeldByOthers = .zero
    }
}

extension Progress.Transfer {
    func touched(_ now: Instant) -> Progress.Transfer {
        var copy = self
        copy.sentAt = now
        return copy
    }
}
