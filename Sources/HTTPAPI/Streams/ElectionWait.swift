import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// Waits until an election changes after a fence, and answers with what it is then: the election, or how one candidacy in it
/// stands. Confined to the connection's event loop.
final class ElectionWait: WatchSink, HeldAnswer, @unchecked Sendable {
    let eventLoop: any EventLoop
    private let connection: ConnectionHandler
    private let shared: LoopContext
    private let election: ElectionID
    private let after: Fence
    private let asked: Asked
    private let timeout: TimeSpan
    private let number: UInt64
    private let due: NIODeadline
    private var phase = Phase.waiting(nil)

    private enum Asked {
        /// Somebody wants to know of a change: 304 when there was none.
        case election(limit: Int)
        /// A candidate waits; what it was promised when its request renewed its lease holds until the answer.
        case candidacy(CandidacyID, CandidacyResult, ReplyPosition)
    }

    private enum Phase {
        /// Nothing has changed yet; the watch, once its id is known.
        case waiting(WatchID?)
        case reading
        case closed
    }

    init(connection: ConnectionHandler, _ poll: ElectionPollCall, timeout: TimeSpan, number: UInt64) {
        self.connection = connection
        shared = connection.shared
        eventLoop = shared.loop
        election = poll.election
        after = poll.after
        asked = .election(limit: poll.limit)
        self.timeout = timeout
        self.number = number
        due = .now() + TimeAmount(poll.wait)
    }

    /// Holds what a campaign came to.
    init(
        connection: ConnectionHandler, _ call: CampaignCall, _ result: CandidacyResult, _ position: ReplyPosition,
        since started: NIODeadline, wait: TimeSpan, timeout: TimeSpan, number: UInt64
    ) {
        self.connection = connection
        shared = connection.shared
        eventLoop = shared.loop
        election = call.candidacy.election
        after = result.summary.fence
        asked = .candidacy(call.candidacy, result, position)
        self.timeout = timeout
        self.number = number
        due = started + TimeAmount(wait)
    }

    func begin() {
        shared.wheel.schedule(self, at: due)
        let id = shared.service.observe(election, after: after, timeout: timeout, sink: self) { [self] reply in
            opened(reply)
        }
        if case .waiting = phase { phase = .waiting(id) } else { shared.service.closeWatch(id) }
    }

    private func opened(_ reply: ClientReply) {
        guard case .waiting = phase, case .refused(let refusal, let position) = reply else { return }
        switch asked {
        case .election: finish { $0.problem(Problem(refusal), at: position) }
        // What was promised holds; only the wait is refused.
        case .candidacy: finish()
        }
    }

    func deliver(_ batch: WatchBatch) { read() }

    func ended(_ end: WatchEnd) {
        guard case .waiting = phase else { return }
        phase = .waiting(nil)
        read()
    }

    func leaderKnown(_ known: Bool) {}

    /// Reads how it is now. Who asks for the election is answered as by any read, of which nothing newer may have been known
    /// before; a candidate's request was ordered already, and this node's memory has what it came to.
    private func read() {
        guard case .waiting = phase else { return }
        closeWatch()
        phase = .reading
        let request: ClientRequest =
            switch asked {
            case .election(let limit): .read(.election(election, limit: limit), .linearizable)
            case .candidacy(let id, _, _): .read(.candidacy(id), .stale)
            }
        shared.service.submit(request, timeout: timeout, on: eventLoop) { [self] reply in wasRead(reply) }
    }

    private func wasRead(_ reply: ClientReply) {
        guard case .reading = phase else { return }
        switch (asked, reply) {
        case (.candidacy(_, let first, _), .read(.candidacy(let now), var position)):
            position.staleness = nil
            finish { $0.candidacy(now.following(first), promise: first.grant, at: position) }
        case (.candidacy, _): finish()
        case (.election, .read(let result, let position)):
            finish { $0.read(result, as: .election(self.election), at: position) }
        case (.election, .refused(let refusal, let position)):
            finish { $0.problem(Problem(refusal), at: position) }
        case (.election, _): finish { $0.mismatch }
        }
    }

    // MARK: - The end

    func abandon() {
        if case .closed = phase { return }
        closeWatch()
        phase = .closed
        shared.doors.closeStream()
    }

    /// The wait is over, and nothing changed.
    func finish() {
        switch asked {
        case .election: finish { $0.unchanged(etag: nil, at: nil) }
        case .candidacy(_, let result, let position): finish { $0.candidacy(result, at: position) }
        }
    }

    private func finish(_ render: (Renderer) -> Reply) {
        if case .closed = phase { return }
        abandon()
        connection.answer(number, render)
    }

    private func closeWatch() {
        if case .waiting(let id?) = phase { shared.service.closeWatch(id) }
    }
}

extension ElectionWait: Timed {
    func timePassed(_ now: NIODeadline) -> NIODeadline? {
        if case .closed = phase { return nil }
        if now < due { return due }
        // A candidate hears how it stands now, which may have changed without a change of the leadership.
        if case .candidacy = asked { read() } else { finish() }
        return nil
    }
}

extension CampaignCall {
    /// The lease has to be renewed when this part of its TTL is over since the request came.
    private static let share: Int64 = 2
    /// How late the wheel may look.
    private static let slack = TimeSpan.milliseconds(200)

    /// How long the answer is held; `nil` when the client is to have it now.
    func hold(_ result: CandidacyResult) -> TimeSpan? {
        guard let wait, let grant = result.grant else { return nil }
        let isNews = after.map { result.summary.fence > $0 } ?? (result.standing == .leading)
        guard !isNews else { return nil }
        let span = min(wait, grant.ttl / Self.share - Self.slack)
        return span > .zero ? span : nil
    }
}

extension CandidacyResult {
    /// This standing, as the answer to the request that came to `first`: a candidacy on another lease is another one.
    fileprivate func following(_ first: CandidacyResult) -> CandidacyResult {
        var result = self
        result.created = first.created
        if grant?.id != first.grant?.id { result.standing = .ended }
        return result
    }
}
