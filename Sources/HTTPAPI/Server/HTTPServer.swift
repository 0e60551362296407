package import Logging
package import NIOCore
import NIOHTTP1
import NIOPosix
package import Node
internal import Primitives
import ReplicaCore
import Synchronization

/// The native HTTP API of one node: listens, and answers from a ``NodeService``.
package final class HTTPServer: Sendable {
    private let service: any NodeService
    private let options: HTTPServerOptions
    private let logger: Logger
    private let registry: PrometheusRegistry
    private let guest: (any GuestAPI)?
    private let doors: Doors
    private let metrics: RequestMetrics
    private let running = Mutex<Running?>(nil)

    /// What exists between start and stop.
    private struct Running: Sendable {
        var group: any EventLoopGroup
        /// Whether the loops are this server's own and end with it.
        var ownsGroup: Bool
        var listener: any Channel
        var contexts: LoopContexts
    }

    package init(
        service: any NodeService, options: HTTPServerOptions, logger: Logger,
        extras: HTTPServerExtras = HTTPServerExtras()
    ) {
        self.service = service
        self.options = options
        self.logger = logger
        registry = extras.metrics
        guest = extras.guest
        metrics = RequestMetrics(factory: extras.metrics)
        doors = Doors(connectionLimit: options.connectionLimit)
    }

    /// The address the server listens on; `nil` before it started. Tells the port when any was asked for.
    package var address: SocketAddress? { running.withLock { $0?.listener.localAddress } }

    /// Listens. When it returns, clients are served.
    package func start() async throws(HTTPServerFailure) {
        let (group, ownsGroup): (any EventLoopGroup, Bool) =
            switch options.eventLoops {
            case .own(let count): (MultiThreadedEventLoopGroup(numberOfThreads: count), true)
            case .shared(let group): (group, false)
            }
        do {
            let contexts = try await LoopContexts(group) { [self] loop in makeContext(loop) }
            try await contexts.learnPosition()
            let listener = try await bind(group, contexts)
            service.serves(clientsAt: Self.text(listener.localAddress) ?? "\(options.host):\(options.port)")
            running.withLock {
                $0 = Running(group: group, ownsGroup: ownsGroup, listener: listener, contexts: contexts)
            }
        } catch {
            if ownsGroup { try? await group.shutdownGracefully() }
            throw HTTPServerFailure(error, host: options.host, port: options.port)
        }
        logger.info("serving clients", metadata: ["http.address": "\(Self.text(address) ?? "")"])
    }

    /// Stops accepting, lets requests in flight finish for a bounded time, ends streams, closes everything.
    package func stop() async {
        guard let running = running.withLock({ $0.take() }) else { return }
        doors.close()
        try? await running.listener.close()
        await running.contexts.endConnections()
        let start = ContinuousClock.now
        while doors.connections > 0, ContinuousClock.now - start < .nanoseconds(Limits.shutdown.nanoseconds) {
            try? await Task.sleep(for: .milliseconds(5))
            if ContinuousClock.now - start > .nanoseconds(options.lastCall.nanoseconds) {
                await running.contexts.hangUp()
            }
        }
        await running.contexts.closeConnections()
        if running.ownsGroup { try? await running.group.shutdownGracefully() }
        logger.info("stopped serving clients")
    }

    private func makeContext(_ loop: any EventLoop) -> LoopContext {
        LoopContext(
            loop: loop, service: service, doors: doors, metrics: metrics, registry: registry, guest: guest)
    }

    private func bind(_ group: any EventLoopGroup, _ contexts: LoopContexts) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // NIO's default of 4 makes a storm of reconnecting clients wait.
            .serverChannelOption(.maxMessagesPerRead, value: 256)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 1024, maximum: Limits.readBytes)
            )
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: Limits.streamBufferBytes / 4, high: Limits.streamBufferBytes)
            )
            .childChannelInitializer { [doors, metrics] channel in
                channel.eventLoop.makeCompletedFuture {
                    channel.closeFuture.whenComplete { _ in doors.leave() }
                    try contexts.accept(channel, admitted: doors.enter(), metrics)
                }
            }
            .bind(host: options.host, port: options.port).get()
    }

    private static func text(_ address: SocketAddress?) -> String? {
        guard let address, let port = address.port else { return nil }
        let host = address.ipAddress ?? "localhost"
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
