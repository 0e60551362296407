import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import Synchronization
import Testing

@testable import LoadGenerator

/// The generator's own HTTP/2 against the library's.
@Suite("Load over gRPC")
struct GRPCTests {
    @Test("Each request in flight has a stream, and all share a connection")
    func unary() async throws {
        let server = try await GRPCServer { _ in .answer(status: 0, message: Self.header) }
        let requests = [GRPCDialect().put(key: "a", value: Value(size: 300, seed: 1))]
        let result = try await LoadRunner.run(
            LoadPlan(
                endpoints: [server.endpoint], connections: 16, transport: .streams, bound: .requests(5_000))
        ) { RandomSource(requests: requests, seed: UInt64($0)) }
        #expect(result.completed == 5_000)
        #expect(result.errors.total == 0)
        #expect(server.memory.connections.withLock { $0 } == 1)
        let seen = try #require(server.memory.calls.withLock { $0 }.first)
        #expect(seen.headers.first(name: ":path") == "/etcdserverpb.KV/Put")
        #expect(seen.headers.first(name: "te") == "trailers")
        #expect(seen.headers.first(name: "content-type") == "application/grpc")
        #expect(server.memory.calls.withLock { $0 }.allSatisfy { $0 == seen })
        try await server.stop()
    }

    @Test("A wrong status, an answer without a revision and a stream without trailers are errors")
    func wrongAnswers() async throws {
        let answers: [GRPCServer.Answer] = [
            .answer(status: 14, message: []), .answer(status: 0, message: [0x0A, 0]), .reset,
            .answer(status: 0, message: Self.header),
        ]
        let server = try await GRPCServer { answers[$0 % 4] }
        let requests = [GRPCDialect().put(key: "a", value: Value("b"))]
        let result = try await LoadRunner.run(
            LoadPlan(endpoints: [server.endpoint], connections: 1, transport: .streams, bound: .requests(8))
        ) { _ in RandomSource(requests: requests, seed: 0) }
        #expect(result.completed == 2)
        #expect(result.errors.counts["status 14"] == 2)
        #expect(result.errors.counts["status 0 with an answer that says something else"] == 2)
        #expect(result.errors.total == 6)
        try await server.stop()
    }

    @Test("Requests of a shared stream are answered in their order, also when windows are full")
    func sharedStream() async throws {
        let server = try await GRPCServer { _ in .echo }
        let leases = (0..<40).map { String(1_000_000 + $0) }
        // The script answers with a renewal's own fields after a header.
        let requests = leases.map { GRPCDialect().renew(lease: $0, seconds: 600) }
        let result = try await LoadRunner.run(
            LoadPlan(
                endpoints: [server.endpoint], connections: 40, transport: .sharedStream, bound: .requests(20_000))
        ) { RandomSource(requests: [requests[$0]], seed: 0) }
        #expect(result.completed == 20_000)
        #expect(result.errors.total == 0)
        #expect(server.memory.calls.withLock { $0 }.count == 1)
        try await server.stop()
    }

    @Test(
        "Each request in flight has a connection of its own where that is asked for",
        arguments: [Transport.streams, .sharedStream])
    func ownConnections(transport: Transport) async throws {
        let server = try await GRPCServer { _ in
            transport == .streams ? .answer(status: 0, message: Self.header) : .echo
        }
        let dialect = GRPCDialect()
        let request =
            transport == .streams ? dialect.put(key: "a", value: Value("b")) : dialect.renew(lease: "7", seconds: 600)
        let result = try await LoadRunner.run(
            LoadPlan(
                endpoints: [server.endpoint], connections: 12, transport: transport, ownConnections: true,
                bound: .requests(600))
        ) { RandomSource(requests: [request], seed: UInt64($0)) }
        #expect(result.completed == 600)
        #expect(result.errors.total == 0)
        #expect(server.memory.connections.withLock { $0 } == 12)
        try await server.stop()
    }

    @Test("More requests than a server takes streams wait for their turn")
    func manyRequests() async throws {
        let server = try await GRPCServer { _ in .answer(status: 0, message: Self.header) }
        let requests = [GRPCDialect().put(key: "a", value: Value("b"))]
        let result = try await LoadRunner.run(
            LoadPlan(endpoints: [server.endpoint], connections: 333, transport: .streams, bound: .requests(5_000))
        ) { RandomSource(requests: requests, seed: UInt64($0)) }
        #expect(result.completed == 5_000)
        #expect(result.errors.total == 0)
        #expect(server.memory.connections.withLock { $0 } == 1)
        try await server.stop()
    }

    @Test("Connections that a server ends are errors, and the load goes on over new ones")
    func endedConnections() async throws {
        let server = try await GRPCServer { $0 % 100 == 99 ? .end : .answer(status: 0, message: Self.header) }
        let requests = [GRPCDialect().put(key: "a", value: Value("b"))]
        let result = try await LoadRunner.run(
            LoadPlan(
                endpoints: [server.endpoint, server.endpoint], connections: 8, transport: .streams,
                bound: .requests(500))
        ) { RandomSource(requests: requests, seed: UInt64($0)) }
        #expect(result.errors.total > 0)
        #expect(result.completed + result.errors.total == 500)
        try await server.stop()
    }

    @Test("A server that silently keeps a request is an error after the time-out")
    func silence() async throws {
        let server = try await GRPCServer { $0 == 0 ? .silence : .answer(status: 0, message: Self.header) }
        let requests = [GRPCDialect().put(key: "a", value: Value("b"))]
        let result = try await LoadRunner.run(
            LoadPlan(
                endpoints: [server.endpoint], connections: 2, transport: .streams, bound: .requests(10),
                timeout: .milliseconds(200))
        ) { _ in RandomSource(requests: requests, seed: 0) }
        #expect(result.errors.counts["no answer in time"] == 1)
        #expect(result.completed == 9)
        try await server.stop()
    }

    /// A header with a revision of 7.
    static let header: [UInt8] = [0x0A, 2, 0x18, 7]
}

/// A server of gRPC made of the library's HTTP/2, that answers by a script.
private final class GRPCServer: Sendable {
    enum Answer: Sendable {
        case answer(status: Int, message: [UInt8])
        /// Each message comes back behind a header, as that of a renewal.
        case echo
        case reset
        case silence
        /// The connection ends.
        case end
    }

    struct Call: Equatable, Sendable { var headers: HPACKHeaders }

    final class Memory: Sendable {
        let calls = Mutex<[Call]>([])
        let connections = Mutex(0)
    }

    let endpoint: Endpoint
    let memory = Memory()
    private let channel: any Channel

    init(_ script: @escaping @Sendable (Int) -> Answer) async throws {
        let memory = memory
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                memory.connections.withLock { $0 += 1 }
                return channel.configureHTTP2Pipeline(mode: .server) { stream in
                    stream.eventLoop.makeCompletedFuture {
                        try stream.pipeline.syncOperations.addHandler(GRPCScript(memory, script))
                    }
                }.map { _ in }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        endpoint = Endpoint(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
    }

    func stop() async throws { try await channel.close() }
}

private final class GRPCScript: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload
    private let memory: GRPCServer.Memory
    private let script: @Sendable (Int) -> GRPCServer.Answer
    private var answer = GRPCServer.Answer.silence
    private var received = ByteBuffer()

    init(_ memory: GRPCServer.Memory, _ script: @escaping @Sendable (Int) -> GRPCServer.Answer) {
        self.memory = memory
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let headers):
            let number = memory.calls.withLock { calls in
                calls.append(GRPCServer.Call(headers: headers.headers))
                return calls.count - 1
            }
            answer = script(number)
        case .data(let data):
            guard case .byteBuffer(var bytes) = data.data else { return }
            received.writeBuffer(&bytes)
            if case .echo = answer { return echo(context) }
            if data.endStream { end(context) }
        default: break
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        switch answer {
        case .silence, .echo: break
        case .end: context.channel.parent?.close(promise: nil)
        case .reset: context.writeAndFlush(wrapOutboundOut(.rstStream(.refusedStream)), promise: nil)
        case .answer(let status, let message):
            begin(context)
            write(message, context)
            context.writeAndFlush(
                wrapOutboundOut(
                    .headers(.init(headers: HPACKHeaders([("grpc-status", String(status))]), endStream: true))),
                promise: nil)
        }
    }

    private var hasBegun = false

    private func begin(_ context: ChannelHandlerContext) {
        guard !hasBegun else { return }
        hasBegun = true
        let headers = HPACKHeaders([(":status", "200"), ("content-type", "application/grpc")])
        context.write(wrapOutboundOut(.headers(.init(headers: headers))), promise: nil)
    }

    private func write(_ message: [UInt8], _ context: ChannelHandlerContext) {
        var framed = ByteBuffer()
        framed.writeInteger(UInt8(0))
        framed.writeInteger(UInt32(message.count))
        framed.writeBytes(message)
        context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(framed)))), promise: nil)
    }

    /// A renewal has its id in field 1, and its answer in field 2, before 600 s in field 3.
    private func echo(_ context: ChannelHandlerContext) {
        begin(context)
        while received.readableBytes >= 5,
            let length = received.getInteger(at: received.readerIndex + 1, as: UInt32.self),
            received.readableBytes >= 5 + Int(length)
        {
            received.moveReaderIndex(forwardBy: 6)
            let id = received.readBytes(length: Int(length) - 1) ?? []
            write(GRPCTests.header + [0x10] + id + [0x18, 0xD8, 0x04], context)
        }
        context.flush()
    }
}
