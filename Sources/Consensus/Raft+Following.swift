internal import Primitives

// The follower's side of replication (Raft §5.3) and of reads (Raft thesis §6.4).

extension Raft {
    mutating func receiveAppend(_ append: Append, from sender: NodeID, now: Instant, into out: inout RaftOutbox) {
        #if PlantedBugs
            if planted(.skipsTermCheck), let own = log.term(at: append.previousIndex), own != append.previousTerm {
                var believed = append
                believed.previousTerm = own
                return receiveAppend(believed, from: sender, now: now, into: &out)
            }
        #endif
        becomeFollower(of: sender, now: now, into: &out)
        heardFromLeader(now: now, time: append.time)
        announcePriority(now: now, into: &out)
        switch place(append, into: &out) {
        case .matching:
            oweAcknowledgement(of: append)
        case let mismatch:
            let reply = AppendReply(
                term: term, round: append.round, outcome: mismatch, counts: !isDamaged, needsSnapshot: needsSnapshot)
            // Not before the term is durable, as every answer that may be counted.
            if hardStateIsDirty {
                promises.append(Envelope(to: sender, message: .appendReply(reply)))
            } else {
                out.sends.append(Envelope(to: sender, message: .appendReply(reply)))
            }
        }
        if append.digestIndex > .zero { out.digestToCompare = (append.digestIndex, append.digest) }
    }

    /// Brings the entries into the log where they fit, and the commit index behind them.
    private mutating func place(_ append: Append, into out: inout RaftOutbox) -> AppendReply.Outcome {
        var entries = append.entries[...]
        if append.previousIndex < log.baseIndex {
            // Committed and compacted here: what lies below the base agrees with every leader.
            entries = entries.drop { $0.index <= log.baseIndex }
        } else if log.term(at: append.previousIndex) != append.previousTerm {
            let hint = log.highestIndex(upTo: append.previousIndex, withTermAtMost: append.previousTerm)
            let index = min(hint, append.previousIndex.previous)
            return .mismatch(previous: append.previousIndex, hint: index, hintTerm: log.term(at: index) ?? log.baseTerm)
        }
        guard incoming?.isComplete != true else { return .matching(through: .zero) }
        for entry in entries {
            #if PlantedBugs
                if planted(.keepsConflicts), log.term(at: entry.index) != nil { continue }
                if planted(.cutsOffMatching), entry.index > commitIndex, log.term(at: entry.index) != nil {
                    truncate(from: entry.index, into: &out)
                }
            #endif
            switch log.term(at: entry.index) {
            case entry.term: continue
            case .some: truncate(from: entry.index, into: &out)
            case nil: break
            }
            self.append(entry)
        }
        let covered = LogIndex(append.previousIndex.rawValue + UInt64(append.entries.count))
        guard case .follower(var following) = role else { preconditionFailure("an append makes a follower") }
        following.verified = max(following.verified, min(covered, log.lastIndex))
        #if PlantedBugs
            if planted(.vouchesForUnseen) { following.verified = log.lastIndex }
            if planted(.commitsUnverified) { commit(through: min(append.commit, log.lastIndex)) }
            if planted(.repairsTooEarly), isDamaged, !isBlank, doubt?.settled == nil { settle(.isRepaired) }
        #endif
        role = .follower(following)
        commit(through: min(append.commit, following.verified))
        commitWhatIsHeld()
        return .matching(through: following.verified)
    }

    mutating func receiveHeldByOthers(_ held: HeldByOthers, from sender: NodeID) {
        guard case .follower(var following) = role, following.leader == sender else { return }
        following.heldByOthers = max(following.heldByOthers, held.index)
        role = .follower(following)
        commitWhatIsHeld()
    }

    private mutating func heardFromLeader(now: Instant, time: ClusterTime) {
        guard case .follower(var following) = role else { return }
        following.lastHeard = now
        following.deadline = now + electionDelay()
        following.wasForgiven = false
        role = .follower(following)
        heard(time, in: term)
    }

    private mutating func oweAcknowledgement(of append: Append) {
        guard case .follower(var following) = role else { return }
        if append.entries.isEmpty, !append.roundIsUrgent, !isDamaged, !needsSnapshot, let last = following.acknowledged,
            append.round <= last.round, following.verified <= last.through
        {
            return
        }
        let before = following.owed
        following.owed = Following.OwedAcknowledgement(
            round: max(append.round, before?.round ?? 0),
            isUrgent: append.roundIsUrgent || (before?.isUrgent ?? false))
        role = .follower(following)
    }

    // MARK: Flush

    mutating func flushFollower(now: Instant, into out: inout RaftOutbox) {
        sendReadBatch(now: now, into: &out)
        guard case .follower(var following) = role, let owed = following.owed else { return }
        following.owed = nil
        following.acknowledged = (owed.round, following.verified)
        role = .follower(following)
        repairIfComplete()
        #if PlantedBugs
            if planted(.acknowledgesUnwritten) || owed.isUrgent && planted(.hurriesAcknowledgements) {
                out.sends.append(acknowledgement(of: following, through: following.verified, round: owed.round))
            }
        #endif
        let durable = acknowledgement(of: following, through: min(following.verified, stableIndex), round: owed.round)
        let isPending = unwrittenFrom.map { $0 <= following.verified } ?? false
        guard hardStateIsDirty || isResetting || isPending else { return out.sends.append(durable) }
        if owed.isUrgent && !hardStateIsDirty && !isResetting { out.sends.append(durable) }
        // The write of this flush carries everything up to `verified`, and earlier writes come before it.
        promises.append(acknowledgement(of: following, through: following.verified, round: owed.round))
    }

    /// Whether the log does not durably begin after an installed state yet. Were that state lost, nothing on this disk would
    /// tell that it had been there.
    private var isResetting: Bool { pendingReset != nil || writesInFlight.contains { $0.isReset } }

    private func acknowledgement(of following: Following, through index: LogIndex, round: UInt64) -> Envelope {
        #if PlantedBugs
            if planted(.countsDamaged), isDamaged {
                let reply = AppendReply(
                    term: term, round: round, outcome: .matching(through: index), counts: true,
                    needsSnapshot: needsSnapshot)
                return Envelope(to: following.leader, message: .appendReply(reply))
            }
        #endif
        let reply = AppendReply(
            term: term, round: round, outcome: .matching(through: index), counts: !isDamaged,
            needsSnapshot: needsSnapshot)
        return Envelope(to: following.leader, message: .appendReply(reply))
    }

    // MARK: Reads

    private mutating func sendReadBatch(now: Instant, into out: inout RaftOutbox) {
        guard !waitingReads.isEmpty, case .follower(var following) = role else { return }
        #if PlantedBugs
            if planted(.readsWithoutAsking) {
                for read in waitingReads { out.readyReads.append((read, commitIndex)) }
                waitingReads = []
                return
            }
        #endif
        let batch = Following.ReadBatch(number: nextReadBatch, reads: waitingReads, sentAt: now)
        nextReadBatch &+= 1
        waitingReads = []
        following.reads.append(batch)
        let request = ReadRequest(term: term, batch: batch.number)
        out.sends.append(Envelope(to: following.leader, message: .readRequest(request)))
        role = .follower(following)
    }

    mutating func receiveReadReply(_ reply: ReadReply, into out: inout RaftOutbox) {
        guard case .follower(var following) = role,
            let place = following.reads.firstIndex(where: { $0.number == reply.batch })
        else { return }
        for read in following.reads.remove(at: place).reads { out.readyReads.append((read, reply.index)) }
        role = .follower(following)
        heard(reply.time, in: reply.term)
    }

    /// Asks again, under a new number, for reads whose question or answer was lost.
    mutating func resendReads(now: Instant) {
        guard case .follower(var following) = role else { return }
        let overdue = following.reads.filter { now - $0.sentAt >= settings.resend }
        guard !overdue.isEmpty else { return }
        following.reads.removeAll { now - $0.sentAt >= settings.resend }
        for batch in overdue { waitingReads.append(contentsOf: batch.reads) }
        role = .follower(following)
    }
}
