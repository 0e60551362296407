internal import HTTPAPI
internal import NIOCore
internal import NIOHTTP2
internal import Primitives

/// The end of an HTTP/2 connection's pipeline, where frames become calls. The streams have no channels of their own, which
/// would cost more than all else that a short call needs.
final class GRPCConnection: ChannelInboundHandler, ServedConnection, @unchecked Sendable {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let host: EtcdHost
    private let methods: MethodTable
    /// Ends the connection when it stands idle, does not answer pings, or the server stops. It is told of streams, and that
    /// the client is heard, and stands behind this handler so that it need not look at every frame and event.
    private let management: NIOHTTP2ServerConnectionManagementHandler
    private var context: ChannelHandlerContext?
    private var streams: [HTTP2StreamID: GRPCStream] = [:]
    /// The stream whose headers came last: what follows is most often its message.
    private var newest: GRPCStream?
    /// What was called last; most often it is called again.
    private var lastCalled: CalledMethod?
    /// Streams of many requests that were handed some in this turn.
    private var heard: [GRPCStream] = []
    /// Streams that have something to write when this turn of the loop ends.
    private var due: [GRPCStream] = []
    private var flushIsDue = false
    /// Whether the frame that comes next is shown to `management`, so that it knows that the client lives. Each would have it
    /// set its timers anew.
    private var tellsManagement = true
    private var toldManagement = false
    private var tellsManagementAgain = NIODeadline.now()
    private static let managementPause = TimeAmount.seconds(1)
    /// Room for so many streams is kept for the next turn.
    private static let usualStreams = 256

    private init(
        host: EtcdHost, methods: MethodTable, management: NIOHTTP2ServerConnectionManagementHandler
    ) {
        self.host = host
        self.methods = methods
        self.management = management
    }

    /// Makes a connection that begins with HTTP/2's preface one of gRPC.
    static func install(on channel: any Channel, host: EtcdHost, methods: MethodTable) throws {
        let management = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: channel.eventLoop,
            configuration: .init(
                maxIdleTime: .nanoseconds(Limits.idleHTTP2.nanoseconds), maxAge: nil,
                maxGraceTime: .nanoseconds(Limits.shutdown.nanoseconds),
                keepalive: .init(
                    pingInterval: .nanoseconds(Limits.idleConnection.nanoseconds),
                    ackTimeout: .nanoseconds(Limits.slowRequest.nanoseconds))))
        let http2 = NIOHTTP2Handler(
            mode: .server, connectionConfiguration: connectionConfiguration, streamConfiguration: streamConfiguration)
        try channel.pipeline.syncOperations.addHandlers([
            OutboundGatherer(), http2, GRPCConnection(host: host, methods: methods, management: management),
            FarewellHandler(), management,
        ])
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
        configuration.maximumBufferedControlFrames = 1_000
        // Clients ping; a few hundred in half a minute are patience, not malice.
        configuration.controlFrameRateLimit.maximumCount = 2_000
        // `CallHead` looks at them once, for all purposes.
        configuration.headerBlockValidation = .disabled
        return configuration
    }

    private static var streamConfiguration: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        // A client whose calls run into their deadlines resets them, all at once when a leader is lost.
        configuration.streamResetFrameRateLimit.maximumCount = 2 * Limits.streamsPerConnection
        return configuration
    }

    // MARK: - What the client sends

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let headers):
            stream(frame.streamID).take(headers)
        case .data(let data):
            known(frame.streamID)?.take(data)
        case .ping(_, ack: true):
            tellsManagement = true
        // What else there is the handlers before have done.
        default: break
        }
        if tellsManagement {
            toldManagement = true
            context.fireChannelRead(wrapInboundOut(frame))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        tellHeard()
        let now = NIODeadline.now()
        tellsManagement = now >= tellsManagementAgain
        guard toldManagement else { return }
        toldManagement = false
        tellsManagement = false
        tellsManagementAgain = now + Self.managementPause
        context.fireChannelReadComplete()
    }

    /// The stream is told when everything is handed over that the client has sent so far.
    func tellWhenRead(_ stream: GRPCStream) {
        if heard.last !== stream { heard.append(stream) }
    }

    private func tellHeard() {
        guard !heard.isEmpty else { return }
        let streams = heard
        heard.removeAll(keepingCapacity: streams.count <= Self.usualStreams)
        for stream in streams { stream.readEnded() }
    }

    private func stream(_ id: HTTP2StreamID) -> GRPCStream {
        if let known = known(id) { return known }
        let stream = GRPCStream(id, connection: self, host: host)
        streams[id] = stream
        newest = stream
        if let context { management.http2StreamDelegate.streamCreated(id, channel: context.channel) }
        return stream
    }

    private func known(_ id: HTTP2StreamID) -> GRPCStream? {
        if let newest, newest.id == id { return newest }
        return streams[id]
    }

    /// The method that a client calls by this path, if there is one.
    func method(_ path: String) -> CalledMethod? {
        if let lastCalled, lastCalled.method.path == path { return lastCalled }
        guard let method = methods.byPath[path] else { return nil }
        let called = CalledMethod(method: method, series: host.metrics.series(method))
        lastCalled = called
        return called
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Asked for their types first: several come with each call, and a cast that fails takes long.
        let kind = type(of: event)
        if kind == NIOHTTP2WindowUpdatedEvent.self, let event = event as? NIOHTTP2WindowUpdatedEvent {
            windowChanged(event)
        } else if kind == StreamClosedEvent.self, let event = event as? StreamClosedEvent {
            streamClosed(event.streamID)
        } else if kind != NIOHTTP2StreamCreatedEvent.self {
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func streamClosed(_ id: HTTP2StreamID) {
        if newest?.id == id { newest = nil }
        guard let stream = streams.removeValue(forKey: id) else { return }
        stream.closed()
        if let context { management.http2StreamDelegate.streamClosed(id, channel: context.channel) }
    }

    private func windowChanged(_ event: NIOHTTP2WindowUpdatedEvent) {
        guard let window = event.inboundWindowSize else { return }
        if event.streamID == .rootStream {
            widen(.rootStream, from: window, to: Limits.connectionWindowBytes)
        } else {
            streams[event.streamID]?.windowChanged(to: window)
        }
    }

    /// Lets the client send again once half a window is used up.
    func widen(_ id: HTTP2StreamID, from window: Int, to target: Int) {
        guard window <= target / 2 else { return }
        write(.windowUpdate(windowSizeIncrement: target - window), to: id)
        flushSoon()
    }

    // MARK: - What is sent

    var isWritable: Bool { context?.channel.isWritable ?? false }

    func write(_ payload: HTTP2Frame.FramePayload, to id: HTTP2StreamID, promise: EventLoopPromise<Void>? = nil) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: promise)
    }

    /// The stream writes what it has when this turn of the loop ends.
    func writeSoon(_ stream: GRPCStream) {
        due.append(stream)
        flushSoon()
    }

    /// Everything written in this turn of the loop goes out together, as the answers to a batch come together. Each would be
    /// a call to the kernel otherwise.
    func flushSoon() {
        guard !flushIsDue, let context else { return }
        flushIsDue = true
        context.eventLoop.execute { [self] in endTurn() }
    }

    private func endTurn() {
        let streams = due
        due.removeAll(keepingCapacity: streams.count <= Self.usualStreams)
        for stream in streams { stream.writeUnsent() }
        flushIsDue = false
        context?.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        for stream in Array(streams.values) { stream.writabilityMayHaveChanged() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        host.server.opened(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        guard context != nil else { return }
        context = nil
        host.server.closed(self)
        let left = streams.values
        streams = [:]
        newest = nil
        due = []
        heard = []
        for stream in left { stream.closed() }
    }

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
