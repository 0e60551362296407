internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One client connection with at most one request in flight; all calls on its channel's loop.
final class LoadConnection: ChannelInboundHandler, Lane {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let host: String
    private var context: ChannelHandlerContext?
    private var status: UInt = 0
    private var headers: HTTPHeaders = [:]
    private var keepAlive = true
    private var body = ByteBuffer()
    private var failure: LoadFailure?
    private(set) var busy = false
    private(set) var closed = false
    var onFinish: ((Outcome) -> Void)?
    var onClose: (() -> Void)?

    init(host: String) { self.host = host }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func send(_ request: LoadRequest) {
        precondition(!busy && !closed, "one request at a time on an open connection")
        guard let context else { preconditionFailure("a connection sends only while it is in its pipeline") }
        busy = true
        body.clear()
        context.write(wrapOutboundOut(.head(head(of: request))), promise: nil)
        if request.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(request.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func head(of request: LoadRequest) -> HTTPRequestHead {
        var headers = request.headers
        headers.add(name: "Host", value: host)
        if request.method != .GET { headers.add(name: "Content-Length", value: String(request.body.readableBytes)) }
        return HTTPRequestHead(version: .http1_1, method: request.method, uri: request.path, headers: headers)
    }

    /// Ends the connection; an outstanding request fails with `reason`.
    func abandon(_ reason: LoadFailure) {
        failure = failure ?? reason
        let context = context
        ended()
        context?.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = head.status.code
            headers = head.headers
            keepAlive = head.isKeepAlive
        case .body(var part):
            if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
        case .end:
            finish(.answered(Answer(status: status, headers: headers, body: body)))
        }
    }

    private func finish(_ outcome: Outcome) {
        guard busy else { return }
        busy = false
        if !keepAlive {
            ended()
            context?.close(promise: nil)
        }
        onFinish?(outcome)
    }

    func channelInactive(context: ChannelHandlerContext) { ended() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? (error is HTTPParserError ? .malformed("\(error)") : .closed)
        context.close(promise: nil)
    }

    private func ended() {
        guard !closed else { return }
        closed = true
        let outstanding = busy
        busy = false
        onClose?()
        if outstanding { onFinish?(.failed(failure ?? .closed)) }
        onClose = nil
    }
}

extension LoadConnection {
    /// Opens a connection to `endpoint` on `loop`; the future brings it on that loop, and fails with ``LoadFailure``.
    static func open(
        to endpoint: Endpoint, on loop: any EventLoop, within limit: TimeAmount
    ) -> EventLoopFuture<NIOLoopBound<LoadConnection>> {
        connect(to: endpoint, on: loop, within: limit) { LoadConnection(host: endpoint.description) }
    }

    enum Language: Sendable {
        /// Framed by the library.
        case http1
        /// Framed by the handler itself.
        case http2
    }

    /// Opens a channel with one handler of ours.
    static func connect<Handler: ChannelInboundHandler & SendableMetatype>(
        to endpoint: Endpoint, on loop: any EventLoop, within limit: TimeAmount, speaking language: Language = .http1,
        handler: @escaping @Sendable () -> Handler
    ) -> EventLoopFuture<NIOLoopBound<Handler>> {
        ClientBootstrap(group: loop)
            .connectTimeout(limit)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if language == .http1 {
                        try pipeline.addHTTPClientHandlers(enableOutboundHeaderValidation: false)
                    }
                    try pipeline.addHandler(handler())
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .flatMapThrowing { channel in
                NIOLoopBound(try channel.pipeline.syncOperations.handler(type: Handler.self), eventLoop: loop)
            }
            .flatMapErrorThrowing { error in throw LoadFailure.connect(Self.reason(error)) }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "no address"
        case let error as IOError: IOError.reason(errnoCode: error.errnoCode)
        case ChannelError.connectTimeout: "timed out"
        default: "\(error)"
        }
    }
}

extension IOError {
    /// The system's words for an error number.
    fileprivate static func reason(errnoCode: CInt) -> String {
        switch errnoCode {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET: "connection reset"
        case EMFILE: "too many open files"
        case EADDRNOTAVAIL: "no local port left"
        default: "error number \(errnoCode)"
        }
    }
}
