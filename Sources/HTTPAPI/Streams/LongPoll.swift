import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// Waits until a key changes after a revision. The watch is open before anything is read, so that no change falls
/// between the two. Confined to the connection's event loop.
final class LongPoll: WatchSink, HeldAnswer, @unchecked Sendable {
    let eventLoop: any EventLoop
    private let connection: ConnectionHandler
    private let shared: LoopContext
    private let request: PollCall
    private let timeout: TimeSpan
    private let number: UInt64
    private let due: NIODeadline
    private var phase = Phase.waiting(nil)

    private enum Phase {
        /// Nothing has changed yet; the watch, once its id is known.
        case waiting(WatchID?)
        /// The key is being read, because it changed or because the history cannot say whether it did.
        case reading(changed: Bool)
        case closed
    }

    init(connection: ConnectionHandler, _ request: PollCall, timeout: TimeSpan, number: UInt64) {
        self.connection = connection
        shared = connection.shared
        eventLoop = shared.loop
        self.request = request
        self.timeout = timeout
        self.number = number
        due = .now() + TimeAmount(request.wait)
    }

    func begin() {
        shared.wheel.schedule(self, at: due)
        watch(after: request.after)
    }

    private func watch(after revision: Revision) {
        phase = .waiting(nil)
        let id = shared.service.openWatch(
            WatchRequest(selections: [.key(request.key)], start: .after(revision)), timeout: timeout, sink: self
        ) { [self] reply in opened(reply) }
        if case .waiting = phase { phase = .waiting(id) } else { shared.service.closeWatch(id) }
    }

    private func opened(_ reply: ClientReply) {
        guard case .waiting = phase else { return }
        switch reply {
        case .watching: break
        case .refused(.compacted, _): read(changed: false)
        case .refused(let refusal, let position):
            finish { $0.problem(Problem(refusal), at: position) }
        default: finish { $0.mismatch }
        }
    }

    func deliver(_ batch: WatchBatch) {
        guard case .waiting = phase else { return }
        read(changed: true)
    }

    func ended(_ end: WatchEnd) {
        guard case .waiting = phase else { return }
        phase = .waiting(nil)
        read(changed: false)
    }

    func leaderKnown(_ known: Bool) {}

    private func read(changed: Bool) {
        closeWatch()
        phase = .reading(changed: changed)
        shared.service.submit(
            .read(.range(RangeQuery(selection: .key(request.key), limit: 1)), .linearizable), timeout: timeout,
            on: eventLoop
        ) { [self] reply in wasRead(reply, changed: changed) }
    }

    private func wasRead(_ reply: ClientReply, changed: Bool) {
        guard case .reading = phase else { return }
        guard case .read(let result, let position) = reply else {
            return finish { renderer in
                guard case .refused(let refusal, let position) = reply else { return renderer.mismatch }
                return renderer.problem(Problem(refusal), at: position)
            }
        }
        // Without history: a key that is there and not newer has not changed, and the wait goes on from here.
        if !changed, case .range(let range) = result, let record = range.records.first,
            record.modRevision <= request.after
        {
            return watch(after: max(position.revision, request.after))
        }
        finish { $0.read(result, as: .key(json: self.request.json, unless: nil), at: position) }
    }

    // MARK: - The end

    func abandon() {
        if case .closed = phase { return }
        closeWatch()
        phase = .closed
        shared.doors.closeStream()
    }

    /// The wait is over, and nothing changed.
    func finish() { finish { $0.unchanged(etag: nil, at: nil) } }

    private func finish(_ render: (Renderer) -> Reply) {
        if case .closed = phase { return }
        abandon()
        connection.answer(number, render)
    }

    private func closeWatch() {
        if case .waiting(let id?) = phase { shared.service.closeWatch(id) }
    }
}

extension LongPoll: Timed {
    func timePassed(_ now: NIODeadline) -> NIODeadline? {
        if case .closed = phase { return nil }
        if now < due { return due }
        finish()
        return nil
    }
}
