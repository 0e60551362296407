internal import NIOCore
internal import NIOPosix
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One client connection with at most one request in flight; all calls on its channel's loop.
final class LoadConnection: ChannelInboundHandler, Lane {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let host: String
    private var context: ChannelHandlerContext?
    private var outgoing = ByteBuffer()
    /// What came and is not read yet.
    private var unread = ByteBuffer()
    private var parser = AnswerParser()
    private var answer = Answer(status: 0, body: ByteBuffer())
    private var staysOpen = true
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
        outgoing.clear()
        outgoing.write(request, to: host)
        context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
    }

    /// Ends the connection; an outstanding request fails with `reason`.
    func abandon(_ reason: LoadFailure) {
        failure = failure ?? reason
        let context = context
        ended()
        context?.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unread.take(unwrapInboundIn(data))
        do throws(LoadFailure) {
            while !closed, let part = try parser.next(in: &unread) { take(part) }
            unread.letGoIfEmpty()
        } catch {
            abandon(error)
        }
    }

    private func take(_ part: AnswerParser.Part) {
        switch part {
        case .head(let status, let fields, let staysOpen):
            answer = Answer(status: status, fields: fields, body: ByteBuffer())
            self.staysOpen = staysOpen
        case .body(let piece): answer.body.take(piece)
        case .end: finish(.answered(takeAnswer()))
        }
    }

    /// The answer; the connection keeps nothing of it.
    private func takeAnswer() -> Answer {
        defer { answer = Answer(status: 0, body: ByteBuffer()) }
        return answer
    }

    private func finish(_ outcome: Outcome) {
        guard busy else { return }
        busy = false
        if !staysOpen {
            ended()
            context?.close(promise: nil)
        }
        onFinish?(outcome)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if parser.endsWithConnection {
            staysOpen = false
            finish(.answered(takeAnswer()))
        }
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? .closed
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

    /// Opens a channel with one handler of ours.
    static func connect<Handler: ChannelInboundHandler & SendableMetatype>(
        to endpoint: Endpoint, on loop: any EventLoop, within limit: TimeAmount,
        handler: @escaping @Sendable () -> Handler
    ) -> EventLoopFuture<NIOLoopBound<Handler>> {
        ClientBootstrap(group: loop)
            .connectTimeout(limit)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler()) }
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
