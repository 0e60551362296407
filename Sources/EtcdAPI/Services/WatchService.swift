internal import KeyValue
internal import NIOCore
internal import Primitives

/// `etcdserverpb.Watch`.
enum WatchService {
    static let methods: [Method] = [.stream("etcdserverpb.Watch/Watch", "/watch") { WatchCall($0) }]
}

/// One watch stream with any number of watches. What it is asked is done in order, one thing after the other, because
/// clients tell the answers apart by their order. Confined to the call's loop.
final class WatchCall: CallHandler, @unchecked Sendable {
    let rpc: RPC
    private var queue: CircularBuffer<Etcdserverpb_WatchRequest> = []
    private var isBusy = false
    private var watchers: [Int64: Watcher] = [:]
    private var nextID: Int64 = 0
    /// Whether the client reads so slowly that nothing more is written.
    private(set) var isPaused = false
    private var pauseTimer: Scheduled<Void>?
    private var progressTimer: RepeatedTask?
    /// Runs while this node knows no leader and the client wants one.
    private var leaderTimer: Scheduled<Void>?

    /// How long a stream whose client wants a leader goes on without one: three of the default election time-outs.
    private static let leaderPatience = TimeAmount.milliseconds(1_200)

    init(_ rpc: RPC) { self.rpc = rpc }

    // MARK: - Requests

    func received(_ request: Etcdserverpb_WatchRequest) {
        guard queue.count < Limits.etcdWatchRequests else { return rpc.end(.tooManyRequests) }
        queue.append(request)
        workOff()
    }

    private func workOff() {
        while rpc.isOpen, !isBusy, let request = queue.popFirst() { carryOut(request) }
    }

    /// The request is done; the next one may begin.
    func done() {
        isBusy = false
        workOff()
    }

    private func carryOut(_ request: Etcdserverpb_WatchRequest) {
        switch request.requestUnion {
        case .createRequest(let create):
            isBusy = true
            rpc.whenLed { [self] in open(create) }
        case .cancelRequest(let cancel): self.cancel(cancel.watchID)
        case .progressRequest: tellProgress()
        case nil: break
        }
    }

    private func open(_ create: Etcdserverpb_WatchCreateRequest) {
        do throws(RPCStatus) {
            let order = try WatchOrder(create)
            guard create.watchID == 0 || watchers[create.watchID] == nil else {
                throw RPCStatus(.unknown, "mvcc: duplicate watch ID provided on the WatchStream")
            }
            guard rpc.host.server.openWatch() else { throw .tooManyRequests }
            let watcher = Watcher(id: create.watchID == 0 ? drawID() : create.watchID, order, call: self)
            watchers[watcher.id] = watcher
            if order.wantsProgress { startProgress() }
            watcher.open()
        } catch {
            refuse(error)
        }
    }

    private func drawID() -> Int64 {
        while watchers[nextID] != nil { nextID += 1 }
        defer { nextID += 1 }
        return nextID
    }

    /// A watch that could not be created is told as created and cancelled in one, as etcd does.
    private func refuse(_ status: RPCStatus) {
        rpc.status { [self] node in
            var reply = WatchReply(header: rpc.header(node.position), watchID: -1)
            reply.isCreated = true
            reply.isCancelled = true
            reply.reason = status.message
            rpc.send(reply)
            done()
        }
    }

    private func cancel(_ id: Int64) {
        guard let watcher = watchers[id] else { return }
        isBusy = true
        rpc.status { [self] node in
            if watchers[id] === watcher {
                remove(watcher)
                var reply = WatchReply(header: rpc.header(node.position), watchID: id)
                reply.isCancelled = true
                rpc.send(reply)
            }
            done()
        }
    }

    /// Lets go of a watch that is over.
    func remove(_ watcher: Watcher) {
        guard watchers.removeValue(forKey: watcher.id) != nil else { return }
        watcher.close()
        rpc.host.server.closeWatch()
    }

    // MARK: - Progress

    /// Tells how far all watches together have come.
    private func tellProgress() {
        isBusy = true
        rpc.status { [self] node in
            let round = ProgressRound(waiting: watchers.count, reached: node.replica.revision) { [self] revision in
                var position = node.position
                position.revision = revision
                rpc.send(WatchReply(header: rpc.header(position), watchID: -1))
                done()
            }
            for watcher in watchers.values { watcher.tellProgress(to: round) }
        }
    }

    private func startProgress() {
        guard progressTimer == nil else { return }
        let interval = TimeAmount.nanoseconds(Limits.etcdProgress.nanoseconds)
        progressTimer = rpc.loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [self] _ in
            guard !isPaused else { return }
            for watcher in watchers.values { watcher.tellProgressIfQuiet() }
        }
    }

    // MARK: - A slow reader, and a lost leader

    func writabilityChanged(_ writable: Bool) {
        guard writable == isPaused else { return }
        isPaused = !writable
        pauseTimer?.cancel()
        pauseTimer = nil
        for watcher in watchers.values { watcher.pauseOrResume() }
        guard isPaused else { return }
        pauseTimer = rpc.loop.scheduleTask(in: .nanoseconds(Limits.idleConnection.nanoseconds)) { [self] in
            rpc.end(.watchCancelled)
        }
    }

    func leaderKnown(_ known: Bool) {
        guard rpc.requiresLeader else { return }
        if known {
            leaderTimer?.cancel()
            leaderTimer = nil
        } else if leaderTimer == nil {
            leaderTimer = rpc.loop.scheduleTask(in: Self.leaderPatience) { [self] in rpc.end(.noLeader) }
        }
    }

    // MARK: - The end

    /// A client that sends no more still watches.
    func requestsEnded() {}

    func cancelled() {
        for watcher in Array(watchers.values) { remove(watcher) }
        queue.removeAll()
        pauseTimer?.cancel()
        progressTimer?.cancel()
        leaderTimer?.cancel()
    }

    func finish() { rpc.end(.stopped) }
}

/// What a client wants to watch.
struct WatchOrder {
    var selection: KeySelection
    /// The first revision whose events are wanted; `nil` for the next one.
    var start: Revision?
    var wantsProgress: Bool
    var wantsPrevious: Bool
    var takesFragments: Bool
    var events: EventSelection

    init(_ create: Etcdserverpb_WatchCreateRequest) throws(RPCStatus) {
        // No key is the first there can be.
        let key = create.key.isEmpty ? .init([0]) : create.key
        selection = KeySelection(key: key, rangeEnd: create.rangeEnd)
        if case .range(let from, let to?) = selection, !from.lexicographicallyPrecedes(to) {
            throw RPCStatus(.unknown, "mvcc: watcher range is empty")
        }
        // A negative revision is before all history.
        start = create.startRevision == 0 ? nil : Revision(UInt64(max(0, create.startRevision)))
        wantsProgress = create.progressNotify
        wantsPrevious = create.prevKv
        takesFragments = create.fragment
        events = EventSelection(
            puts: !create.filters.contains(.noput), deletes: !create.filters.contains(.nodelete),
            previous: create.prevKv)
    }
}

/// Gathers how far the watches of a stream have come.
final class ProgressRound {
    private var waiting: Int
    private var reached: Revision
    private let completion: (Revision) -> Void

    init(waiting: Int, reached: Revision, completion: @escaping (Revision) -> Void) {
        self.waiting = waiting
        self.reached = reached
        self.completion = completion
        if waiting == 0 { completion(reached) }
    }

    /// One more has told; `nil` of a watch that is over.
    func told(_ revision: Revision?) {
        if let revision { reached = min(reached, revision) }
        waiting -= 1
        if waiting == 0 { completion(reached) }
    }
}
