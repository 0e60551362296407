package import Primitives

// Linearizable reads without log entries (Raft §8, Raft thesis §6.4): only a confirmation round that began after the read
// arrived counts for it (`invariants.md` 22).

extension Raft {
    mutating func receiveReadRequest(_ request: ReadRequest, from sender: NodeID) {
        guard case .leader = role else { return }
        leading.arrivedRemoteReads.append((sender, request.batch))
    }

    /// Gives the reads that arrived since the last flush a round of their own.
    ///
    /// - Returns: whether there were any.
    mutating func beginReads(now: Instant) -> Bool {
        guard !waitingReads.isEmpty || !leading.arrivedRemoteReads.isEmpty else { return false }
        leading.round += 1
        leading.roundStarts.append((leading.round, now))
        while leading.roundStarts.count > 64 { leading.roundStarts.removeFirst() }
        #if PlantedBugs
            if planted(.countsEarlierRounds) { leading.round -= 1 }
        #endif
        let round = leading.round
        #if PlantedBugs
            if planted(.readsWhatItKnows) { leading.mayBeCommitted = commitIndex }
        #endif
        let index = max(commitIndex, leading.mayBeCommitted)
        if !waitingReads.isEmpty {
            leading.reads.append(Leading.ConfirmingRead(source: .local(waitingReads), round: round, index: index))
            waitingReads = []
        }
        for (node, batch) in leading.arrivedRemoteReads {
            let source = Leading.ConfirmingRead.Source.follower(node, batch: batch)
            leading.reads.append(Leading.ConfirmingRead(source: source, round: round, index: index))
        }
        leading.arrivedRemoteReads = []
        return true
    }

    /// Releases the reads whose round a majority has answered, once this leader's own no-op is committed.
    mutating func confirmReads(into out: inout RaftOutbox) {
        #if PlantedBugs
            if planted(.readsBeforeNoop) { return releaseConfirmed(notBelow: .zero, into: &out) }
        #endif
        // A read that came before the no-op was committed must see everything below it.
        if hasCommittedInTerm { releaseConfirmed(notBelow: leading.noop, into: &out) }
    }

    private mutating func releaseConfirmed(notBelow least: LogIndex, into out: inout RaftOutbox) {
        guard !leading.reads.isEmpty else { return }
        #if PlantedBugs
            let heard = quorumValue(own: lastFlush, least: .zero) { $0.ackedRound > 0 ? $0.lastHeard : .zero }
            if planted(.trustsLease), lastFlush - heard < settings.electionTimeout {
                while let read = leading.reads.popFirst() { release(read, at: max(read.index, least), into: &out) }
                return
            }
        #endif
        let confirmed = quorumValue(own: leading.round, least: 0) { $0.ackedRound }
        // What a member may have answered for is committed, or this leader is not the leader any more.
        while let read = leading.reads.first, read.round <= confirmed, read.index <= commitIndex {
            leading.reads.removeFirst()
            release(read, at: max(read.index, least), into: &out)
        }
    }

    private func release(_ read: Leading.ConfirmingRead, at index: LogIndex, into out: inout RaftOutbox) {
        switch read.source {
        case .local(let reads): for one in reads { out.readyReads.append((one, index)) }
        case .follower(let node, let batch):
            let reply = ReadReply(term: term, batch: batch, index: index, time: clusterTime(at: lastFlush))
            out.sends.append(Envelope(to: node, message: .readReply(reply)))
        }
    }

    /// What the clock that counts for leases shows by now, as far as this member can tell: what was last heard of it, and all
    /// the time since. Before a linearizable read is answered the leader's time of a moment after its asking was heard: whoever
    /// counts from its asking what is left of a lease by this time never counts on too much.
    package func presentTime(at now: Instant) -> ClusterTime {
        max(latestTime, clusterTime(at: now)) + max(.zero, staleness(at: now) ?? .zero)
    }
}
