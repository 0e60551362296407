internal import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
internal import ReplicaCore

/// One watch of a stream. Confined to the call's loop.
final class Watcher: WatchSink, @unchecked Sendable {
    let id: Int64
    let eventLoop: any EventLoop
    /// Gone when the stream has ended, while answers may still be under way.
    private weak var call: WatchCall?
    private let rpc: RPC
    private let order: WatchOrder
    private var watch: WatchID?
    private var isClosed = false
    private var isCreated = false
    /// Everything up to and including this revision was handed out; `nil` before the first opening that begins with the next.
    private var reached: Revision?
    private var term = Term.zero
    /// Whether events went out since the last time quiet watches were told how far they are.
    private var hadEvents = false
    /// Those who wait to hear how far this watch is.
    private var rounds: [ProgressRound] = []

    /// How long until a node that repairs itself is asked again.
    private static let retryPause = TimeAmount.milliseconds(100)

    init(id: Int64, _ order: WatchOrder, call: WatchCall) {
        self.id = id
        self.order = order
        self.call = call
        rpc = call.rpc
        eventLoop = rpc.loop
        if let start = order.start { reached = Revision(start.rawValue == 0 ? 0 : start.rawValue - 1) }
    }

    // MARK: - Opening

    /// Opens the watch, or opens it again where it was.
    func open() {
        guard !isClosed else { return }
        // Before all history there is none, whatever the store still has.
        if !isCreated, order.start == .zero { return refuseHistory() }
        let start = reached.map { WatchStart.after($0) } ?? .next
        let id = rpc.node.openWatch(
            WatchRequest(selections: [order.selection], start: start), timeout: Limits.maximumRequestTimeout, sink: self
        ) { [self] reply in opened(reply) }
        if isClosed { rpc.node.closeWatch(id) } else { watch = id }
    }

    private func refuseHistory() {
        rpc.status { [self] status in
            guard !isClosed else { return }
            tellCreated(status.position)
            end(.compacted, oldest: status.replica.compactedRevision.next, at: status.position)
        }
    }

    private func opened(_ reply: ClientReply) {
        guard !isClosed else { return }
        switch reply {
        case .watching(_, let position):
            reached = reached ?? position.revision
            tellCreated(position)
            if call?.isPaused ?? false { pauseOrResume() }
        case .refused(.compacted(let oldest), let position):
            tellCreated(position)
            end(.compacted, oldest: oldest, at: position)
        case .refused(.overloaded, let position):
            let wasCreated = isCreated
            isCreated = true
            end(.tooManyRequests, oldest: nil, at: position, wasCreated: wasCreated)
        // Without a leader, or while the state is repaired, nothing is lost by waiting.
        case .refused:
            watch = nil
            eventLoop.scheduleTask(in: Self.retryPause) { [self] in open() }
        default: rpc.end(.wrongAnswer)
        }
    }

    private func tellCreated(_ position: ReplyPosition) {
        term = position.term
        guard !isCreated else { return }
        isCreated = true
        var reply = WatchReply(header: rpc.header(position), watchID: id)
        reply.isCreated = true
        rpc.send(reply)
        call?.done()
    }

    // MARK: - WatchSink

    func deliver(_ batch: WatchBatch) {
        guard !isClosed, let last = batch.revisions.last else { return }
        reached = last.revision
        let events = rpc.host.events.encoded(batch, order.events)
        guard events.count > 0 else { return }
        hadEvents = true
        let header = rpc.header(ReplyPosition(revision: last.revision, term: term))
        let parts = order.takesFragments ? events.fragments(of: Limits.etcdFragmentBytes) : [events]
        for (place, part) in parts.enumerated() {
            var reply = WatchReply(header: header, watchID: id)
            reply.events = part
            reply.isFragment = place + 1 < parts.count
            rpc.send(reply)
        }
    }

    func ended(_ end: WatchEnd) {
        guard !isClosed else { return }
        watch = nil
        switch end {
        case .compacted(let oldest):
            self.end(.compacted, oldest: oldest, at: ReplyPosition(revision: reached ?? .zero, term: term))
        // The state is another's now, or about to be: what comes after what was told is read from its history.
        case .stateReplaced: eventLoop.scheduleTask(in: Self.retryPause) { [self] in open() }
        // This watches keys.
        case .electionCompacted: rpc.end(.wrongAnswer)
        }
    }

    func leaderKnown(_ known: Bool) { if !isClosed { call?.leaderKnown(known) } }

    // MARK: - Progress

    func tellProgress(to round: ProgressRound) {
        guard let watch, !isClosed else { return round.told(nil) }
        rounds.append(round)
        rpc.node.progress(of: watch, sink: self) { [self] revision in
            for round in takeRounds() { round.told(revision) }
        }
    }

    private func takeRounds() -> [ProgressRound] {
        defer { rounds = [] }
        return rounds
    }

    func tellProgressIfQuiet() {
        defer { hadEvents = false }
        guard order.wantsProgress, !hadEvents, let watch, !isClosed else { return }
        rpc.node.progress(of: watch, sink: self) { [self] revision in
            guard !isClosed else { return }
            reached = max(reached ?? revision, revision)
            rpc.send(WatchReply(header: rpc.header(ReplyPosition(revision: revision, term: term)), watchID: id))
        }
    }

    // MARK: - A slow reader, and the end

    func pauseOrResume() {
        guard let watch, let call, isCreated else { return }
        if call.isPaused { rpc.node.pauseWatch(watch) } else { rpc.node.resumeWatch(watch) }
    }

    private func end(_ status: RPCStatus, oldest: Revision?, at position: ReplyPosition, wasCreated: Bool = true) {
        var reply = WatchReply(header: rpc.header(position), watchID: wasCreated ? id : -1)
        reply.isCreated = !wasCreated
        reply.isCancelled = true
        reply.compactRevision = oldest
        reply.reason = status.message
        rpc.send(reply)
        call?.remove(self)
        if !wasCreated { call?.done() }
    }

    /// Nothing is told any more.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let watch { rpc.node.closeWatch(watch) }
        watch = nil
        for round in takeRounds() { round.told(nil) }
    }
}
