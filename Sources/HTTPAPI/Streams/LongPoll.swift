import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// Waits until a key changes after a revision.
final class LongPoll: HeldAnswer, @unchecked Sendable {
    let eventLoop: any EventLoop
    var hold: Hold
    private let request: PollCall
    /// A key that was not written after this revision has not changed.
    private var after: Revision

    init(connection: ConnectionHandler, _ request: PollCall, timeout: TimeSpan, number: UInt64) {
        eventLoop = connection.shared.loop
        self.request = request
        after = request.after
        hold = Hold(
            connection: connection, number: number, timeout: timeout, due: .now() + TimeAmount(request.wait))
    }

    func openWatch() -> WatchID {
        shared.service.openWatch(
            WatchRequest(selections: [.key(request.key)], start: .after(after)), timeout: hold.timeout, sink: self
        ) { [self] reply in opened(reply) }
    }

    private func opened(_ reply: ClientReply) {
        guard hold.isWaiting else { return }
        switch reply {
        case .watching: break
        case .refused(.compacted, _): read(isChange: false)
        case .refused(let refusal, let position):
            finish { $0.problem(Problem(refusal), at: position) }
        default: finish { $0.mismatch }
        }
    }

    func read(isChange: Bool) {
        let query = Query.range(RangeQuery(selection: .key(request.key), limit: 1))
        ask(query, .linearizable) { [self] reply in wasRead(reply, isChange: isChange) }
    }

    private func wasRead(_ reply: ClientReply, isChange: Bool) {
        guard case .read(let result, let position) = reply else {
            return finish { renderer in
                guard case .refused(let refusal, let position) = reply else { return renderer.mismatch }
                return renderer.problem(Problem(refusal), at: position)
            }
        }
        // Without history: a key that is there and not newer has not changed, and the wait goes on from here.
        if !isChange, case .range(let range) = result, let record = range.records.first,
            record.modRevision <= request.after
        {
            after = max(position.revision, request.after)
            return wait()
        }
        finish { $0.read(result, as: .key(json: self.request.json, unless: nil), at: position) }
    }

    func timeIsOver() { finish() }

    /// The wait is over, and nothing changed.
    func finish() { finish { $0.unchanged(etag: nil, at: nil) } }
}
