internal import NIOCore
import NIOHTTP1
internal import Node
internal import Primitives
import ReplicaCore

/// The contexts of all event loops of a server. Each is touched on its own loop only.
struct LoopContexts: Sendable {
    private let byLoop: [ObjectIdentifier: NIOLoopBound<LoopContext>]
    private let loops: [any EventLoop]

    init(
        _ group: any EventLoopGroup, _ make: @escaping @Sendable (any EventLoop) -> LoopContext
    ) async throws {
        loops = Array(group.makeIterator())
        var byLoop: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        for loop in loops {
            byLoop[ObjectIdentifier(loop)] = try await loop.submit {
                NIOLoopBound(make(loop), eventLoop: loop)
            }.get()
        }
        self.byLoop = byLoop
    }

    /// Lets every context know the node's revision and term, so that the very first answer carries them.
    func learnPosition() async throws {
        try await onEachLoop { context, done in
            let bound = NIOLoopBound(context, eventLoop: context.loop)
            context.service.status(on: context.loop) { status in
                bound.value.note(ReplyPosition(revision: status.replica.revision, term: status.replica.term))
                done.succeed()
            }
        }
    }

    func endConnections() async {
        try? await onEachLoop { context, done in
            context.endConnections()
            done.succeed()
        }
    }

    func hangUp() async {
        try? await onEachLoop { context, done in
            context.hangUp()
            done.succeed()
        }
    }

    func closeConnections() async {
        try? await onEachLoop { context, done in
            context.closeConnections()
            done.succeed()
        }
    }

    private func onEachLoop(
        _ act: @escaping @Sendable (LoopContext, EventLoopPromise<Void>) -> Void
    ) async throws {
        for loop in loops {
            guard let bound = byLoop[ObjectIdentifier(loop)] else { continue }
            let done = loop.makePromise(of: Void.self)
            loop.execute { act(bound.value, done) }
            try await done.futureResult.get()
        }
    }

    /// Sets up a new connection, on its own loop.
    func accept(_ channel: any Channel, admitted: Bool, _ metrics: RequestMetrics) throws {
        guard let context = byLoop[ObjectIdentifier(channel.eventLoop)]?.value else {
            preconditionFailure("a connection came on a loop that is not the server's")
        }
        guard admitted else {
            metrics.rejected.increment()
            return try channel.pipeline.syncOperations.addHandler(TurningAwayHandler(shared: context))
        }
        metrics.accepted.increment()
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = Limits.headBytes
        limits.maxHeaderListSize = Limits.headBytes
        limits.maxHeaderFieldCount = Limits.headerFields
        let makeParser = {
            ByteToMessageHandler(
                HTTPRequestDecoder(limitConfiguration: limits), maximumBufferSize: 2 * Limits.headBytes)
        }
        let connection = ConnectionHandler(shared: context)
        let first: any ChannelHandler =
            if let guest = context.guest {
                PrefaceHandler(
                    guest: guest, host: GuestHost(shared: context), connection: connection, makeParser: makeParser)
            } else {
                makeParser()
            }
        try channel.pipeline.syncOperations.addHandlers([first, connection])
    }
}
