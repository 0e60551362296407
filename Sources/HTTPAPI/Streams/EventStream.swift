import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// A watch that a connection's current request opens or waits for.
protocol PendingWatch: AnyObject {
    /// The client is gone, or was answered otherwise.
    func abandon()
    /// The server stops: the client gets what can be said now.
    func finish()
}

/// What a connection's answer is when it does not end by itself.
protocol ConnectionStream: PendingWatch {
    /// Whether the client reads what is there for it.
    func writabilityChanged(_ writable: Bool)
}

/// The events of one watch on their way to one client. Confined to the connection's event loop.
final class EventStream: WatchSink, ConnectionStream, @unchecked Sendable {
    let eventLoop: any EventLoop
    private let connection: ConnectionHandler
    private let shared: LoopContext
    private let request: WatchCall
    private let chunked: Bool
    /// The request that opens the stream.
    private let number: UInt64
    private var watch: WatchID?
    private var phase = Phase.opening
    /// Every event up to and including this revision or fence was written: what a heartbeat says never runs ahead of events.
    private var reached: UInt64
    /// Since when the client has not read what is there for it; `nil` while it does.
    private var pausedSince: NIODeadline?
    /// When something was last written; a heartbeat is due some time later.
    private var lastWrite = NIODeadline.uptimeNanoseconds(0)

    private enum Phase {
        case opening, open, closed
    }

    init(connection: ConnectionHandler, _ request: WatchCall, chunked: Bool, number: UInt64) {
        self.connection = connection
        shared = connection.shared
        eventLoop = shared.loop
        self.request = request
        self.chunked = chunked
        self.number = number
        reached = request.subject.after
    }

    // MARK: - Opening

    func open(timeout: TimeSpan) {
        let id: WatchID
        switch request.subject {
        case .keys(let selections, let after):
            let wanted = WatchRequest(selections: selections, start: after.map { .after($0) } ?? .now)
            id = shared.service.openWatch(wanted, timeout: timeout, sink: self) { [self] reply in opened(reply) }
        case .election(let election, let after):
            id = shared.service.observe(election, after: after, timeout: timeout, sink: self) { [self] reply in
                opened(reply)
            }
        }
        // The client may have gone while the call was made.
        if case .closed = phase { shared.service.closeWatch(id) } else { watch = id }
    }

    private func opened(_ reply: ClientReply) {
        guard case .opening = phase else { return }
        switch reply {
        case .watching(let records, let position):
            begin(at: position)
            guard let records else { return }
            reached = position.revision.rawValue
            send(StreamPiece(capacity: 1024) { $0.writeState(records, at: position.revision) })
        case .observing(let newest, let position):
            begin(at: position)
            guard let newest else { return }
            reached = newest.fence.rawValue
            send(StreamPiece { $0.write(newest) })
        case .refused(.compacted(let oldest), let position):
            begin(at: position)
            ended(.compacted(oldest: oldest))
        case .refused(let refusal, let position):
            release()
            connection.answer(number) { $0.problem(Problem(refusal), at: position) }
        default:
            release()
            connection.answer(number) { $0.mismatch }
        }
    }

    private func begin(at position: ReplyPosition) {
        phase = .open
        connection.becomeStream(self, shared.encodeStreamHead(at: position, chunked: chunked))
        lastWrite = .now()
        shared.wheel.schedule(self, at: lastWrite + TimeAmount(request.heartbeat))
    }

    // MARK: - Events

    func deliver(_ batch: WatchBatch) {
        guard case .open = phase,
            let last = batch.revisions.last?.revision.rawValue ?? batch.elections.last?.fence.rawValue
        else { return }
        reached = last
        shared.metrics.streamEvents.increment()
        send(shared.encoder.piece(batch, showsPrevious: request.showsPrevious))
    }

    func leaderKnown(_ known: Bool) {
        guard case .open = phase, !known else { return }
        send(StreamPiece { $0.writeNoLeader(request.subject.position, reached: reached) })
    }

    func ended(_ end: WatchEnd) {
        guard case .open = phase else { return }
        watch = nil
        switch (request.subject, end) {
        case (.keys, .compacted(let oldest)), (.keys, .stateReplaced(let oldest)):
            send(StreamPiece { $0.writeCompacted("oldest_revision", oldest: oldest.rawValue) })
        case (.election, .electionCompacted(let now)):
            send(StreamPiece { $0.writeCompacted("oldest_fence", oldest: now.rawValue) })
        // The client can go on elsewhere from the last event it got.
        case (.election, .stateReplaced), (.election, .compacted), (.keys, .electionCompacted): break
        }
        finish()
    }

    private func send(_ piece: StreamPiece) {
        lastWrite = .now()
        connection.write(piece.bytes(chunked: chunked))
        shared.flushSoon(connection)
    }

    // MARK: - A slow reader

    /// A client that does not read stops its watch: what it has yet to be told stays in the history, not in memory here.
    func writabilityChanged(_ writable: Bool) {
        guard case .open = phase, let watch else { return }
        if writable, pausedSince != nil {
            pausedSince = nil
            shared.service.resumeWatch(watch)
        } else if !writable, pausedSince == nil {
            pausedSince = .now()
            shared.metrics.pauses.increment()
            shared.service.pauseWatch(watch)
        }
    }

    // MARK: - The end

    func abandon() { release() }

    func finish() {
        guard case .open = phase else { return }
        release()
        var end = ByteBuffer()
        if chunked { end.writeStaticString("0\r\n\r\n") }
        connection.writeLast(end)
    }

    private func release() {
        if case .closed = phase { return }
        phase = .closed
        if let watch { shared.service.closeWatch(watch) }
        watch = nil
        shared.doors.closeStream()
    }
}

extension EventStream: Timed {
    /// The heartbeat: due when nothing was written for its time. A client that has not read for long is given up.
    func timePassed(_ now: NIODeadline) -> NIODeadline? {
        guard case .open = phase else { return nil }
        let period = TimeAmount(request.heartbeat)
        if let pausedSince {
            if now - pausedSince < TimeAmount(Limits.idleConnection) { return now + period }
            connection.closeNow()
            return nil
        }
        if now < lastWrite + period { return lastWrite + period }
        switch (request.subject, watch) {
        case (.keys, let watch?):
            shared.service.progress(of: watch, sink: self) { [self] revision in heartbeat(at: revision.rawValue) }
        case (.keys, nil): break
        case (.election, _): heartbeat(at: reached)
        }
        return now + period
    }

    /// Says how far the watch has come, also where nothing happened to its keys.
    private func heartbeat(at position: UInt64) {
        guard case .open = phase else { return }
        reached = max(reached, position)
        send(StreamPiece(capacity: 64) { $0.writeHeartbeat(request.subject.position, reached: reached) })
    }
}

extension WatchCall.Subject {
    /// After what events are wanted; zero when from now on.
    fileprivate var after: UInt64 {
        switch self {
        case .keys(_, let after): after?.rawValue ?? 0
        case .election(_, let after): after?.rawValue ?? 0
        }
    }

    /// What counts how far a stream has come.
    fileprivate var position: StaticString {
        switch self {
        case .keys: "revision"
        case .election: "fence"
        }
    }
}
