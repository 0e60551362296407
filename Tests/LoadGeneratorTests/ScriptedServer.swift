import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

@testable import LoadGenerator

/// A request as a server saw it.
struct SeenRequest: Sendable, Equatable {
    var method: HTTPMethod
    var path: String
    var headers: [String: String]
    var body: String
}

/// What the script does with a request.
enum Reply: Sendable {
    case answer(status: HTTPResponseStatus, body: String, delay: TimeAmount = .zero)
    /// And closes the connection some time later, of which the answer says nothing.
    case lastAnswer(status: HTTPResponseStatus, body: String, closingAfter: TimeAmount)
    case hangUp
    case silence
    /// The head and these pieces, one write each; the stream stays open.
    case stream([String])
}

/// An HTTP/1.1 server on loopback that answers by a script and remembers what it was asked.
final class ScriptedServer: Sendable {
    let endpoint: Endpoint
    private let channel: any Channel
    private let memory = Memory()

    final class Memory: Sendable {
        let requests = Mutex<[SeenRequest]>([])
        let streams = Mutex<[any Channel]>([])
    }

    var requests: [SeenRequest] { memory.requests.withLock { $0 } }

    init(_ script: @escaping @Sendable (SeenRequest, Int) -> Reply) async throws {
        let memory = memory
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 512)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(ScriptHandler(memory: memory, script: script))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        endpoint = Endpoint(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
    }

    /// Sends `text` to every open stream.
    func tellStreams(_ text: String) {
        for channel in memory.streams.withLock({ $0 }) {
            channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: text))), promise: nil)
        }
    }

    func stop() async throws { try await channel.close() }
}

private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let memory: ScriptedServer.Memory
    private let script: @Sendable (SeenRequest, Int) -> Reply
    private var head: HTTPRequestHead?
    private var body = ""

    init(memory: ScriptedServer.Memory, script: @escaping @Sendable (SeenRequest, Int) -> Reply) {
        self.memory = memory
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = ""
        case .body(let part): body += String(buffer: part)
        case .end: answer(context)
        }
    }

    private func answer(_ context: ChannelHandlerContext) {
        guard let head else { return }
        let fields = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
        let seen = SeenRequest(method: head.method, path: head.uri, headers: fields, body: body)
        let count = memory.requests.withLock { requests in
            requests.append(seen)
            return requests.count
        }
        switch script(seen, count) {
        case .answer(let status, let body, let delay):
            let channel = context.channel
            channel.eventLoop.scheduleTask(in: delay) { Self.write(status, body, to: channel) }
        case .lastAnswer(let status, let body, let pause):
            let channel = context.channel
            Self.write(status, body, to: channel)
            channel.eventLoop.scheduleTask(in: pause) { channel.close(promise: nil) }
        case .hangUp: context.close(promise: nil)
        case .silence: break
        case .stream(let pieces):
            let head = HTTPResponseHead(version: .http1_1, status: .ok)
            context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
            for piece in pieces {
                context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: piece)))), promise: nil)
            }
            memory.streams.withLock { $0.append(context.channel) }
        }
    }

    private static func write(_ status: HTTPResponseStatus, _ body: String, to channel: any Channel) {
        let headers: HTTPHeaders = ["Content-Length": String(body.utf8.count)]
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
    }
}
