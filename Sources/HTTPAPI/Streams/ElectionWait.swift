import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// Waits until an election changes after a fence, and answers with what it is then: the election, or how one candidacy in it
/// stands.
final class ElectionWait: HeldAnswer, @unchecked Sendable {
    let eventLoop: any EventLoop
    var hold: Hold
    private let election: ElectionID
    private let after: Fence
    private let asked: Asked

    private enum Asked {
        /// Somebody wants to know of a change: 304 when there was none.
        case election(limit: Int)
        /// A candidate waits; what it was promised when its request renewed its lease holds until the answer.
        case candidacy(CandidacyID, CandidacyResult, ReplyPosition)
    }

    init(connection: ConnectionHandler, _ poll: ElectionPollCall, timeout: TimeSpan, number: UInt64) {
        eventLoop = connection.shared.loop
        election = poll.election
        after = poll.after
        asked = .election(limit: poll.limit)
        hold = Hold(connection: connection, number: number, timeout: timeout, due: .now() + TimeAmount(poll.wait))
    }

    /// Holds what a campaign came to.
    init(
        connection: ConnectionHandler, _ call: CampaignCall, _ result: CandidacyResult, _ position: ReplyPosition,
        since started: NIODeadline, wait: TimeSpan, timeout: TimeSpan, number: UInt64
    ) {
        eventLoop = connection.shared.loop
        election = call.candidacy.election
        after = result.summary.fence
        asked = .candidacy(call.candidacy, result, position)
        hold = Hold(connection: connection, number: number, timeout: timeout, due: started + TimeAmount(wait))
    }

    func openWatch() -> WatchID {
        shared.service.observe(election, after: after, timeout: hold.timeout, sink: self) { [self] reply in
            opened(reply)
        }
    }

    private func opened(_ reply: ClientReply) {
        guard hold.isWaiting, case .refused(let refusal, let position) = reply else { return }
        switch asked {
        case .election: finish { $0.problem(Problem(refusal), at: position) }
        // What was promised holds; only the wait is refused.
        case .candidacy: finish()
        }
    }

    /// Reads how it is now. Who asks for the election is answered as by any read, of which nothing newer may have been known
    /// before; a candidate's request was ordered already, and this node's memory has what it came to.
    func read(isChange: Bool) {
        switch asked {
        case .election(let limit):
            ask(.election(election, limit: limit), .linearizable) { [self] reply in wasRead(reply) }
        case .candidacy(let id, _, _): ask(.candidacy(id), .stale) { [self] reply in wasRead(reply) }
        }
    }

    private func wasRead(_ reply: ClientReply) {
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

    /// A candidate hears how it stands now, which may have changed without a change of the leadership.
    func timeIsOver() {
        guard case .candidacy = asked else { return finish() }
        if hold.isWaiting { read(isChange: false) }
    }

    /// The wait is over, and nothing changed.
    func finish() {
        switch asked {
        case .election: finish { $0.unchanged(etag: nil, at: nil) }
        case .candidacy(_, let result, let position): finish { $0.candidacy(result, at: position) }
        }
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
