package import Primitives

// The end of a batch: what is sent, and its one write.

extension Raft {
    /// Ends a batch: sends what the log and the waiting reads ask for, and issues the batch's one write.
    package mutating func flush(now: Instant, into out: inout RaftOutbox) {
        lastFlush = now
        switch role {
        case .leader: flushLeader(now: now, into: &out)
        case .follower: flushFollower(now: now, into: &out)
        case .looking: break
        }
        flushIntroductions(now: now, into: &out)
        issueWrite(now: now, into: &out)
    }

    private mutating func issueWrite(now: Instant, into out: inout RaftOutbox) {
        let entries = unwrittenFrom.map { log.suffix(from: $0) } ?? []
        guard hardStateIsDirty || !entries.isEmpty || pendingReset != nil || !promises.isEmpty else { return }
        let change: LogWrite.Change? =
            if let reset = pendingReset {
                entries.isEmpty ? .reset(to: reset) : .resetAndAppend(to: reset, entries)
            } else {
                entries.isEmpty ? nil : .replaceSuffix(entries)
            }
        let settled = doubt?.settled.flatMap { $0.write == nil ? $0.0 : nil }
        let write = LogWrite(
            id: nextWrite, hardState: hardStateIsDirty ? hardState : nil, change: change, settles: settled)
        if settled != nil { doubt?.settled?.write = write.id }
        nextWrite = WriteID(nextWrite.rawValue + 1)
        writesInFlight.append(
            WriteInFlight(id: write.id, lastIndex: log.lastIndex, issuedAt: now, isReset: pendingReset != nil))
        out.write = write
        out.thenSend = promises
        promises = []
        hardStateIsDirty = false
        unwrittenFrom = nil
        pendingReset = nil
        if case .looking(var looking) = role, case .campaigning(var campaign) = looking.phase, campaign.write == nil {
            campaign.write = write.id
            looking.phase = .campaigning(campaign)
            role = .looking(looking)
        }
    }
}
