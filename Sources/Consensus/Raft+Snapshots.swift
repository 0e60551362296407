package import Primitives

// Bringing a member back that fell behind the log (Raft §7). The content is the driver's; here is who gets what when.

extension Raft {
    /// The lowest index that entries must be kept from for members that are getting a snapshot (`invariants.md` 12).
    var oldestNeededBySnapshots: LogIndex {
        #if PlantedBugs
            if planted(.cutsLogDuringTransfer) { return LogIndex(.max) }
        #endif
        guard case .leader(let leading) = role else { return LogIndex(.max) }
        return leading.value.peers.reduce(LogIndex(.max)) { least, peer in
            guard case .snapshotting(let transfer) = peer.flow, let position = transfer.position else { return least }
            return min(least, position.index)
        }
    }

    /// What the snapshot under way to `peer` covers; `nil` before its first piece, and without one.
    package func snapshotPosition(for peer: NodeID) -> SnapshotPosition? {
        guard case .leader(let leading) = role, let progress = leading.value.peers.first(where: { $0.id == peer }),
            case .snapshotting(let transfer) = progress.flow
        else { return nil }
        return transfer.position
    }

    mutating func beginSnapshot(for index: Int, now: Instant, into out: inout RaftOutbox) {
        #if PlantedBugs
            if planted(.neverSendsSnapshots) { return }
        #endif
        if case .snapshotting = leading.peers[index].flow { return }
        leading.peers[index].flow = .snapshotting(Progress.Transfer(sentAt: now))
        leading.peers[index].inFlight = []
        out.wantedChunks.append((leading.peers[index].id, 0))
    }

    /// Sends a piece that was asked for in ``RaftOutbox/wantedChunks``.
    ///
    /// - Parameters:
    ///   - chunk: its bytes, and whether it is the last.
    ///   - position: what the snapshot covers; the same for all its pieces.
    package mutating func sendSnapshotChunk(
        _ chunk: (number: UInt64, bytes: Bytes, isLast: Bool), of position: SnapshotPosition, to peer: NodeID,
        now: Instant, into out: inout RaftOutbox
    ) {
        guard case .leader = role, let index = leading.peers.firstIndex(where: { $0.id == peer }),
            case .snapshotting(let transfer) = leading.peers[index].flow
        else { return }
        if transfer.position == nil { out.notices.append(.snapshotTransferStarted(to: peer, position.index)) }
        leading.peers[index].flow = .snapshotting(
            Progress.Transfer(position: position, number: chunk.number, isLast: chunk.isLast, sentAt: now))
        let message = SnapshotChunk(
            term: term, position: position, number: chunk.number, bytes: chunk.bytes, isLast: chunk.isLast,
            round: leading.round)
        out.sends.append(Envelope(to: peer, message: .snapshotChunk(message)))
    }

    mutating func receiveSnapshotReply(
        _ reply: SnapshotReply, from sender: NodeID, now: Instant, into out: inout RaftOutbox
    ) {
        guard case .leader = role, let index = leading.peers.firstIndex(where: { $0.id == sender }) else { return }
        let counts = leading.peers[index].counts
        leading.noteHeard(index, round: reply.round, counts: counts, now: now)
        guard case .snapshotting(let transfer) = leading.peers[index].flow, transfer.position?.index == reply.index
        else {
            return
        }
        if reply.next > transfer.number && !transfer.isLast {
            // The next piece, or a later one where a transfer of the same position broke off and began anew.
            out.wantedChunks.append((sender, reply.next))
        } else if reply.next == 0 || reply.next < transfer.number {
            // The receiver began anew in between, or has no use for this position: so does the transfer.
            leading.peers[index].flow = .snapshotting(Progress.Transfer(sentAt: now))
            out.wantedChunks.append((sender, 0))
        }
    }

    mutating func receiveSnapshotChunk(
        _ chunk: SnapshotChunk, from sender: NodeID, now: Instant, into out: inout RaftOutbox
    ) {
        becomeFollower(of: sender, now: now, into: &out)
        guard case .follower(var following) = role else { return }
        following.lastHeard = now
        following.deadline = now + electionDelay()
        role = .follower(following)
        // While one snapshot is installed the answer is about that one, and the leader repeats the piece of another.
        let installing = incoming.flatMap { $0.isComplete ? $0.position.index : nil }
        let next = take(chunk, into: &out)
        let reply = SnapshotReply(
            term: term, index: installing ?? chunk.position.index, next: next, round: chunk.round)
        let envelope = Envelope(to: sender, message: .snapshotReply(reply))
        if hardStateIsDirty { promises.append(envelope) } else { out.sends.append(envelope) }
    }

    /// Adds the piece to the snapshot under way and returns which one is wanted next.
    private mutating func take(_ chunk: SnapshotChunk, into out: inout RaftOutbox) -> UInt64 {
        if let incoming, incoming.isComplete { return incoming.next }
        if chunk.position.index <= commitIndex && !needsSnapshot {
            // Not needed any more: the next acknowledgement tells the leader so.
            incoming = nil
            return chunk.number + 1
        }
        // Entries from the base on are all there is: a state from before it would leave a gap (`invariants.md` 11).
        guard chunk.position.index >= log.baseIndex else { return 0 }
        // A repeated first piece does not begin the transfer anew: the leader would not go back with it.
        if chunk.number == 0 && incoming?.position != chunk.position {
            incoming = IncomingSnapshot(position: chunk.position)
        }
        guard var snapshot = incoming, snapshot.position == chunk.position else {
            incoming = nil
            return 0
        }
        guard chunk.number == snapshot.next else { return snapshot.next }
        incoming = nil
        snapshot.bytes.append(contentsOf: chunk.bytes)
        snapshot.next += 1
        snapshot.isComplete = chunk.isLast
        if chunk.isLast {
            out.receivedSnapshot = (snapshot.position, snapshot.bytes)
            out.notices.append(.snapshotReceived(snapshot.position.index))
            snapshot.bytes = []
        }
        incoming = snapshot
        return snapshot.next
    }

    /// The driver could not use the snapshot it was given; the leader will begin anew.
    package mutating func snapshotRefused() { incoming = nil }

    /// The state at `position` is durable and in use; the log goes on from there.
    package mutating func snapshotInstalled(at position: SnapshotPosition, now: Instant, into out: inout RaftOutbox) {
        incoming = nil
        needsSnapshot = false
        out.notices.append(.snapshotInstalled(position.index))
        #if PlantedBugs
            if planted(.dropsSuffixUnderSnapshot) { beginLog(after: position) }
        #endif
        if log.term(at: position.index) == position.term {
            // The log already leads on from there: it is kept.
            commit(through: position.index)
        } else {
            precondition(position.index > commitIndex, "a snapshot never takes a committed suffix away")
            beginLog(after: position)
        }
        guard case .follower(var following) = role else { return }
        following.verified = max(following.verified, position.index)
        following.owed = Following.OwedAcknowledgement(round: following.owed?.round ?? 0, isUrgent: false)
        role = .follower(following)
    }

    private mutating func beginLog(after position: SnapshotPosition) {
        log.reset(toIndex: position.index, term: position.term)
        baseTime = position.time
        uncommittedBytes = 0
        configurations = [(position.index, position.configuration)]
        commitIndex = position.index
        stableIndex = position.index
        unwrittenFrom = nil
        pendingReset = position
        for index in writesInFlight.indices { writesInFlight[index].lastIndex = position.index }
    }
}
