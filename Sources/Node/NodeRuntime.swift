package import KeyValue
package import Logging
package import NIOCore
internal import NIOPosix
package import Primitives
package import ReplicaCore
package import SQLiteStorage
internal import Synchronization

/// A running node: the core loop, its two writer threads and its connections to the other nodes.
package final class NodeRuntime: NodeService {
    package let identity: NodeIdentity
    private let core: NodeCore
    /// The host at which the other members reach this one.
    private let ownHost: String
    private let logger: Logger
    private let nextWatch = Atomic<UInt64>(1)
    private let latch: FailureLatch

    /// Opens the node's files; nothing is listened on until ``start()``. Throws ``SQLiteStorage/StorageError``, which
    /// reads as a sentence that says what to do.
    ///
    /// - Parameters:
    ///   - directories: where the files are; in the data directory of the options when `nil`.
    ///   - loop: runs the core; may run client connections, too.
    package init(
        options: NodeOptions, directories: StoreDirectories? = nil, loop: any EventLoop, logger: Logger
    ) throws {
        Limits.check()
        identity = options.identity
        ownHost = options.members.first { $0.name == options.name }?.host ?? options.peerListenHost
        self.logger = logger
        let opened = try OpenedNode.open(
            options, in: try directories ?? .system(options.dataDirectory), seed: UInt64.random(in: .min ... .max),
            now: monotonicNow(), logger: logger)
        let latch = FailureLatch(promise: loop.makePromise(), logger: logger)
        self.latch = latch
        core = NodeCore(opened, options: options, loop: loop, logger: logger) { latch.close($0.description) }
    }

    /// Listens for peers and begins to take part. Throws `PeerTransportError` when the port cannot be had.
    package func start() async throws { try await core.start() }

    /// Fails when the node cannot go on (a disk error) and the process should end.
    package var failed: EventLoopFuture<Void> { latch.promise.futureResult }

    // MARK: - NodeService

    package func submit(
        _ request: ClientRequest, timeout: TimeSpan, on loop: any EventLoop,
        completion: @escaping @Sendable (ClientReply) -> Void
    ) {
        core.post(.submit(request, timeout: timeout, answer: PendingAnswer(loop: loop, completion: completion)))
    }

    package func openWatch(
        _ request: WatchRequest, timeout: TimeSpan, sink: any WatchSink,
        completion: @escaping @Sendable (ClientReply) -> Void
    ) -> WatchID {
        open(sink, timeout, completion) { .watch($0, request) }
    }

    package func observe(
        _ election: ElectionID, after fence: Fence?, timeout: TimeSpan, sink: any WatchSink,
        completion: @escaping @Sendable (ClientReply) -> Void
    ) -> WatchID {
        open(sink, timeout, completion) { .observe($0, election, after: fence) }
    }

    private func open(
        _ sink: any WatchSink, _ timeout: TimeSpan, _ completion: @escaping @Sendable (ClientReply) -> Void,
        _ request: (WatchID) -> ClientRequest
    ) -> WatchID {
        let id = WatchID(nextWatch.wrappingAdd(1, ordering: .relaxed).oldValue)
        let answer = PendingAnswer(loop: sink.eventLoop, completion: completion)
        core.post(.openWatch(id, request(id), timeout: timeout, sink: sink, answer: answer))
        return id
    }

    package func closeWatch(_ id: WatchID) { core.post(.closeWatch(id)) }
    package func pauseWatch(_ id: WatchID) { core.post(.input(.pauseWatch(id))) }
    package func resumeWatch(_ id: WatchID) { core.post(.input(.resumeWatch(id))) }

    package func progress(
        of watch: WatchID, sink: any WatchSink, completion: @escaping @Sendable (Revision) -> Void
    ) {
        core.post(
            .ask { core in
                guard let revision = core.replica.progress(of: watch) else { return }
                sink.eventLoop.execute { completion(revision) }
            })
    }

    package func serves(clientsAt address: String) {
        core.post(.ask { [ownHost] in $0.serves(clientsAt: address.reachable(at: ownHost)) })
    }

    package func status(on loop: any EventLoop, completion: @escaping @Sendable (NodeStatus) -> Void) {
        core.post(
            .ask { [latch] core in
                let status = core.status(failure: latch.reason)
                if loop.inEventLoop { completion(status) } else { loop.execute { completion(status) } }
            })
    }

    package func state(on loop: any EventLoop, completion: @escaping @Sendable (Store) -> Void) {
        core.post(
            .ask { core in
                let state = core.replica.store
                loop.execute { completion(state) }
            })
    }

    package func handOver(to target: NodeID) { core.post(.input(.handOver(to: target))) }

    // MARK: - Leaving

    /// Gives the leadership away, if held and somebody can take it, and waits until another leads or `patience` is over.
    package func handOver(patience: TimeSpan) async {
        let deadline = monotonicNow() + patience
        core.post(.input(.handOver(to: nil)))
        while monotonicNow() < deadline {
            let (leads, othersExist) = await ask {
                ($0.replica.raft.isLeader, $0.replica.raft.configuration.members.count > 1)
            }
            guard leads, othersExist else { break }
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    /// Ends the node: what is in flight to the disk is finished, the state is saved.
    package func stop() async {
        let last = await onLoop { $0.finish() }
        await core.stopTransport()
        await core.stopLog()
        await core.stopState(writing: last)
        latch.open()
    }

    private func ask<Value: Sendable>(_ question: @escaping @Sendable (NodeCore) -> Value) async -> Value {
        await withCheckedContinuation { continuation in core.post(.ask { continuation.resume(returning: question($0)) })
        }
    }

    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (NodeCore) -> Value) async -> Value {
        let core = core
        return await withCheckedContinuation { continuation in
            core.loop.execute { continuation.resume(returning: body(core)) }
        }
    }
}

extension String {
    /// This address, with `host` in place of one that stands for all addresses of a machine.
    fileprivate func reachable(at host: String) -> String {
        for any in ["0.0.0.0:", "[::]:"] where hasPrefix(any) {
            return (host.contains(":") ? "[\(host)]:" : "\(host):") + dropFirst(any.count)
        }
        return self
    }
}

/// Ends the node at its first disk error, once (`invariants.md` 16).
private final class FailureLatch: Sendable {
    let promise: EventLoopPromise<Void>
    private let logger: Logger
    private let state = Mutex<(isClosed: Bool, reason: String?)>((false, nil))

    init(promise: EventLoopPromise<Void>, logger: Logger) {
        self.promise = promise
        self.logger = logger
    }

    /// What failed; `nil` while all is well.
    var reason: String? { state.withLock { $0.reason } }

    func close(_ reason: String) {
        guard settle(reason) else { return }
        logger.critical("this node stops: its disk failed", metadata: ["reason": "\(reason)"])
        promise.fail(NodeFailure(description: reason))
    }

    /// The node ended without a failure.
    func open() {
        if settle(nil) { promise.succeed(()) }
    }

    /// - Returns: whether this was the first to decide.
    private func settle(_ reason: String?) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state = (true, reason)
            return true
        }
    }
}

/// Why a node could not go on.
package struct NodeFailure: Error, CustomStringConvertible {
    package let description: String
}
