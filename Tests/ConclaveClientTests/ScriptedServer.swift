import ConclaveClient
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server that answers as a test says, and remembers what it was asked.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        var method: HTTPMethod
        var uri: String
        var headers: HTTPHeaders
        var body: String
    }

    indirect enum Reply: Sendable {
        case answer(Int, headers: HTTPHeaders = [:], body: String = "")
        /// The connection ends without an answer: the request may have been carried out.
        case hangUp
        /// Nothing comes.
        case silence
        /// The same, held for so long.
        case held(Duration, Reply)
        /// An event stream, in these pieces.
        case stream([String], then: StreamEnd)

        /// A problem document.
        static func problem(_ status: Int, _ code: String, outcome: String = "not_applied", more: String = "") -> Reply
        {
            .answer(
                status, headers: ["Content-Type": "application/problem+json"],
                body: """
                    {"type":"urn:conclave:error:\(code)","title":"T","status":\(status),"detail":"what came",\
                    "outcome":"\(outcome)"\(more)}
                    """)
        }

        /// The answer to a write.
        static let written = answer(
            201, body: #"{"key":"k","revision":7,"create_revision":7,"version":1,"created":true}"#)
    }

    enum StreamEnd: Sendable {
        case breakOff, stayOpen
    }

    /// Answers the request with this number, from 0.
    typealias Script = @Sendable (Request, Int) -> Reply

    /// What came so far.
    final class Record: Sendable {
        private let seen = Mutex<[Request]>([])
        var requests: [Request] { seen.withLock { $0 } }

        /// Returns the number of the request.
        func add(_ request: Request) -> Int {
            seen.withLock {
                $0.append(request)
                return $0.count - 1
            }
        }
    }

    let endpoint: Endpoint
    private let record = Record()
    private let channel: any Channel

    var requests: [Request] { record.requests }

    init(_ script: @escaping Script) async throws {
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [record] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(ScriptHandler(script, record))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        endpoint = Endpoint("127.0.0.1:\(channel.localAddress?.port ?? 0)")!
    }

    func stop() async { try? await channel.close() }

    /// An address where nothing listens.
    static func deadEndpoint() async throws -> Endpoint {
        let server = try await ScriptedServer { _, _ in .silence }
        await server.stop()
        return server.endpoint
    }
}

/// One connection of a ``ScriptedServer``.
private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let script: ScriptedServer.Script
    private let record: ScriptedServer.Record
    private var head: HTTPRequestHead?
    private var body = ""

    init(_ script: @escaping ScriptedServer.Script, _ record: ScriptedServer.Record) {
        self.script = script
        self.record = record
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let received):
            head = received
            body = ""
        case .body(let bytes): body += String(buffer: bytes)
        case .end:
            guard let head else { return }
            let request = ScriptedServer.Request(
                method: head.method, uri: head.uri, headers: head.headers, body: body)
            reply(script(request, record.add(request)), context: context)
        }
    }

    private func reply(_ reply: ScriptedServer.Reply, context: ChannelHandlerContext) {
        switch reply {
        case .silence: break
        case .hangUp: context.close(promise: nil)
        case .held(let time, let reply):
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: TimeAmount(time)) {
                let (handler, context) = bound.value
                if context.channel.isActive { handler.reply(reply, context: context) }
            }
        case .answer(let status, var headers, let body):
            if status != 304 { headers.replaceOrAdd(name: "Content-Length", value: String(body.utf8.count)) }
            send(status, headers, [body], context: context)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .stream(let pieces, let end):
            send(200, ["Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"], pieces, context: context)
            if end == .breakOff { context.close(promise: nil) }
        }
    }

    private func send(_ status: Int, _ headers: HTTPHeaders, _ pieces: [String], context: ChannelHandlerContext) {
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        for piece in pieces where !piece.isEmpty {
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: piece)))), promise: nil)
        }
    }
}
