internal import HTTPAPI
internal import NIOCore
internal import NIOHTTP2
internal import Primitives

/// The end of an HTTP/2 connection's own pipeline, behind which each stream has one of its own.
final class GRPCConnection: ChannelInboundHandler, ServedConnection, @unchecked Sendable {
    typealias InboundIn = HTTP2Frame

    private let server: GuestHost
    let gatherer = OutboundGatherer()
    private var context: ChannelHandlerContext?
    private var streams: [ObjectIdentifier: GRPCStream] = [:]

    private init(server: GuestHost) { self.server = server }

    /// Makes a connection that begins with HTTP/2's preface one of gRPC.
    static func install(on channel: any Channel, host: EtcdHost, methods: MethodTable) throws {
        let loop = channel.eventLoop
        let connection = GRPCConnection(server: host.server)
        let management = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: loop,
            configuration: .init(
                maxIdleTime: .nanoseconds(Limits.idleHTTP2.nanoseconds), maxAge: nil,
                maxGraceTime: .nanoseconds(Limits.shutdown.nanoseconds),
                keepalive: .init(
                    pingInterval: .nanoseconds(Limits.idleConnection.nanoseconds),
                    ackTimeout: .nanoseconds(Limits.slowRequest.nanoseconds))))
        let http2 = NIOHTTP2Handler(
            mode: .server, eventLoop: loop, connectionConfiguration: connectionConfiguration,
            streamConfiguration: streamConfiguration, streamDelegate: management.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandler(
                    GRPCStream(connection: connection, host: host, methods: methods))
            }
        }
        try channel.pipeline.syncOperations.addHandlers([connection.gatherer, http2, management, connection])
        // The connection was open before the handler was there.
        management.channelActive(context: try channel.pipeline.syncOperations.context(handler: management))
    }

    private static var connectionConfiguration: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: Limits.streamsPerConnection),
            HTTP2Setting(parameter: .maxHeaderListSize, value: Limits.headBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: Limits.streamWindowBytes),
        ]
        configuration.targetWindowSize = Limits.connectionWindowBytes
        configuration.maximumBufferedControlFrames = 1_000
        // Clients ping; a few hundred in half a minute are patience, not malice.
        configuration.controlFrameRateLimit.maximumCount = 2_000
        return configuration
    }

    private static var streamConfiguration: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        configuration.targetWindowSize = Limits.streamWindowBytes
        configuration.outboundBufferSizeHighWatermark = Limits.streamBufferBytes
        configuration.outboundBufferSizeLowWatermark = Limits.streamBufferBytes / 4
        // A client whose calls run into their deadlines resets them, all at once when a leader is lost.
        configuration.streamResetFrameRateLimit.maximumCount = 2 * Limits.streamsPerConnection
        return configuration
    }

    func add(_ stream: GRPCStream) { streams[ObjectIdentifier(stream)] = stream }
    func remove(_ stream: GRPCStream) { streams[ObjectIdentifier(stream)] = nil }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        server.opened(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        guard context != nil else { return }
        context = nil
        server.closed(self)
    }

    /// Frames of the connection itself; what they ask for is done by the handlers before.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // One stream's fault is no other's.
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }

    /// The server stops: no further calls; those under way may finish.
    func finishSoon() {
        context?.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        for stream in Array(streams.values) { stream.finish() }
    }

    func hangUp() { if streams.isEmpty { closeNow() } }
    func closeNow() { context?.close(promise: nil) }
}
