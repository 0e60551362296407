internal import KeyValue
internal import Primitives

/// Writes that want to create the same key, so that of ten thousand contenders hardly any costs a log entry.
///
/// One of them per node is on its way to the log; the others wait for what it comes to. Who finds the key there is answered like
/// a read, with the holder, once it is proven that the key was there after the request came.
struct Contests: Sendable {
    private struct Contest: Sendable {
        /// The one that is on its way.
        var runner: RequestID
        var waiting: [RequestID] = []
    }

    private var contests: [Bytes: Contest] = [:]

    /// Whether the request may go to the log now; if not, it is called when the one before it is answered.
    mutating func enters(_ request: RequestID, for key: Bytes) -> Bool {
        guard let contest = contests[key] else {
            contests[key] = Contest(runner: request)
            return true
        }
        if contest.runner == request { return true }
        contests[key]?.waiting.append(request)
        return false
    }

    /// A request is answered, or not wanted any more: hands back those that waited for it.
    mutating func leaves(_ request: RequestID, for key: Bytes) -> [RequestID] {
        guard let contest = contests[key], contest.runner == request else { return [] }
        contests[key] = nil
        return contest.waiting
    }

    /// Forgets who waits no more.
    mutating func removeAll(where isGone: (RequestID) -> Bool) {
        for key in contests.keys { contests[key]?.waiting.removeAll(where: isGone) }
    }
}

extension Replica {
    /// Puts a write in line: for the log, or for a proof that it has lost already.
    mutating func dispatch(_ id: RequestID, _ proposal: Proposal) {
        if proposal.contestedKey != nil, !isFenced, store.refusal(of: proposal) != nil {
            arrivedReads.append(id)
        } else {
            queue.append(id)
        }
    }

    /// The state is proven to be no older than the request: if it has lost, it is answered with that.
    mutating func answerContender(
        _ id: RequestID, _ request: PendingRequest, _ proposal: Proposal, at now: Instant, into out: inout Outbox
    ) {
        if let failure = store.refusal(of: proposal) {
            return out.replies.append((id, .written(.failed(failure), position(at: now))))
        }
        requests[id] = request
        queue.append(id)
    }

    /// Whether a queued write may go to the log, or another contender for its key is on its way there.
    mutating func mayProceed(_ id: RequestID, _ proposal: Proposal) -> Bool {
        guard let key = proposal.contestedKey else { return true }
        return contests.enters(id, for: key)
    }

    /// A request is done with: those that contended with it look again.
    mutating func leaveContest(_ id: RequestID, _ request: PendingRequest) {
        guard case .write(let proposal) = request.content, let key = proposal.contestedKey else { return }
        for waiting in contests.leaves(id, for: key) {
            if case .write(let proposal) = requests[waiting]?.content { dispatch(waiting, proposal) }
        }
    }

    /// Whether a flush now would send what is in line.
    func hasWaitingLine(at now: Instant) -> Bool {
        if !arrivedReads.isEmpty, raft.leader != nil { return true }
        guard !queue.isEmpty else { return false }
        return raft.acceptsProposals || raft.leader.map { $0 != id } == true && !isForwardingPaused(at: now)
    }
}

extension Proposal {
    /// The key that a plain creation contends for. One under an idempotency key always goes to the log: an earlier attempt may
    /// be on its way there.
    var contestedKey: Bytes? {
        guard idempotencyKey == nil, fence == nil, case .put(let put) = command, put.precondition == .absent else {
            return nil
        }
        return put.key
    }
}
