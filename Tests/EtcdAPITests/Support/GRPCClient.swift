import Foundation
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import SwiftProtobuf
import Synchronization

@testable import EtcdAPI

/// A client that says exactly what a test tells it to.
final class GRPCClient: Sendable {
    private let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer

    private init(_ channel: any Channel, _ multiplexer: NIOHTTP2Handler.StreamMultiplexer) {
        self.channel = channel
        self.multiplexer = multiplexer
    }

    static func connect(port: Int, window: Int = 65_535) async throws -> GRPCClient {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer {
            channel in
            channel.eventLoop.makeCompletedFuture {
                var configuration = NIOHTTP2Handler.ConnectionConfiguration()
                configuration.initialSettings = [
                    HTTP2Setting(parameter: .initialWindowSize, value: window),
                    HTTP2Setting(parameter: .maxConcurrentStreams, value: 100_000),
                ]
                try channel.pipeline.syncOperations.addHandler(
                    NIOHTTP2Handler(
                        mode: .client, eventLoop: channel.eventLoop, connectionConfiguration: configuration,
                        inboundStreamInitializer: { $0.eventLoop.makeSucceededVoidFuture() }))
            }
        }.connect(host: "127.0.0.1", port: port).get()
        let multiplexer = try await channel.pipeline.handler(type: NIOHTTP2Handler.self).flatMap { $0.multiplexer }
            .get()
        return GRPCClient(channel, multiplexer)
    }

    func close() async throws { try await channel.close() }

    static func headers(_ path: String, _ extra: [(String, String)] = []) -> HPACKHeaders {
        HPACKHeaders(
            [
                (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"), ("te", "trailers"),
                ("content-type", "application/grpc"),
            ] + extra)
    }

    /// Begins a call; nothing but its headers is sent.
    func begin(_ headers: HPACKHeaders, autoRead: Bool = true) async throws -> GRPCCall {
        let call = GRPCCall()
        let stream = try await multiplexer.createStreamChannel { channel in
            channel.setOption(.autoRead, value: autoRead).flatMap {
                channel.pipeline.addHandler(Receiver(call))
            }
        }.get()
        call.stream.withLock { $0 = stream }
        let payload = HTTP2Frame.FramePayload.headers(.init(headers: headers))
        stream.writeAndFlush(payload, promise: nil)
        return call
    }

    /// Begins many calls on a connection of their own, whose answers come as bytes; its requests go as bytes too, since a library's
    /// client takes the longer for each stream the more there are.
    static func flood(port: Int, _ path: String, streams: Int) async throws -> (channel: any Channel, heard: Heard) {
        try await begin(port: port, Array(repeating: headers(path), count: streams))
    }

    /// Begins calls with any headers, right or wrong.
    static func begin(port: Int, _ calls: [HPACKHeaders]) async throws -> (channel: any Channel, heard: Heard) {
        let heard = Heard()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Listener(heard))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        var encoder = HPACKEncoder(allocator: channel.allocator)
        var bytes = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        let (settings, headers, endHeaders): (UInt8, UInt8, UInt8) = (4, 1, 4)
        bytes.writeFrame(settings, flags: 0, stream: 0, ByteBuffer())
        for (number, call) in calls.enumerated() {
            var block = ByteBuffer()
            try encoder.encode(headers: call, to: &block)
            bytes.writeFrame(headers, flags: endHeaders, stream: UInt32(2 * number + 1), block)
        }
        channel.writeAndFlush(bytes, promise: nil)
        return (channel, heard)
    }

    /// Frames of HTTP/2 that came.
    final class Heard: Sendable {
        fileprivate let bytes = Mutex(ByteBuffer())

        /// How many of a type (RFC 9113 §6).
        func count(of type: UInt8) -> Int {
            var rest = bytes.withLock { $0 }
            var count = 0
            while let head = rest.getInteger(at: rest.readerIndex, as: UInt32.self),
                rest.readSlice(length: 9 + Int(head >> 8)) != nil
            {
                if UInt8(truncatingIfNeeded: head) == type { count += 1 }
            }
            return count
        }
    }

    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let heard: Heard
        init(_ heard: Heard) { self.heard = heard }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            _ = heard.bytes.withLock { $0.writeImmutableBuffer(unwrapInboundIn(data)) }
        }
    }

    func begin(_ path: String, _ extra: [(String, String)] = []) async throws -> GRPCCall {
        try await begin(Self.headers(path, extra))
    }

    /// One request, one answer.
    func call<Answer: SwiftProtobuf.Message>(
        _ path: String, _ request: some SwiftProtobuf.Message, _ extra: [(String, String)] = []
    ) async throws -> Answer {
        let call = try await begin(path, extra)
        try call.send(request)
        call.endRequests()
        let status = try await call.status()
        guard status.code == .ok else { throw status }
        return try Answer(serializedBytes: call.state.withLock { $0.messages.first ?? [] })
    }

    /// The status of a call that is to fail.
    func failure(_ path: String, _ request: some SwiftProtobuf.Message) async throws -> RPCStatus {
        let call = try await begin(path)
        try call.send(request)
        call.endRequests()
        return try await call.status()
    }
}

/// A call and what came back.
final class GRPCCall: Sendable {
    struct State {
        var headers: HPACKHeaders?
        var trailers: HPACKHeaders?
        var messages: [[UInt8]] = []
        var pending = ByteBuffer()
        var isClosed = false
    }

    let state = Mutex(State())
    let stream = Mutex<(any Channel)?>(nil)

    func send(raw bytes: [UInt8], endStream: Bool = false) {
        let payload = HTTP2Frame.FramePayload.data(
            .init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: endStream))
        stream.withLock { $0 }?.writeAndFlush(payload, promise: nil)
    }

    func send(_ message: some SwiftProtobuf.Message) throws {
        var buffer = ByteBuffer()
        try message.reply.writeFramed(into: &buffer)
        send(raw: Array(buffer.readableBytesView))
    }

    func endRequests() { send(raw: [], endStream: true) }
    func reset() { stream.withLock { $0 }?.close(promise: nil) }

    func status() async throws -> RPCStatus {
        try await eventually("the call's end") { self.state.withLock { $0.trailers != nil || $0.isClosed } }
        let trailers = state.withLock { $0.trailers ?? [:] }
        if let text = trailers.first(name: "grpc-status"), let code = Int(text).flatMap(RPCCode.init) {
            return RPCStatus(code, trailers.first(name: "grpc-message")?.removingPercentEncoding ?? "")
        }
        return RPCStatus(.unknown, "no grpc-status; :status \(trailers.first(name: ":status") ?? "none")")
    }

    /// The message at a place, once it is there.
    func message<Answer: SwiftProtobuf.Message>(_ place: Int) async throws -> Answer {
        try await eventually("message \(place)") { self.state.withLock { $0.messages.count > place || $0.isClosed } }
        let bytes = state.withLock { $0.messages.count > place ? $0.messages[place] : nil }
        guard let bytes else { throw try await status() }
        return try Answer(serializedBytes: bytes)
    }

    var messageCount: Int { state.withLock { $0.messages.count } }
}

private final class Receiver: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTP2Frame.FramePayload
    private let call: GRPCCall
    init(_ call: GRPCCall) { self.call = call }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        call.state.withLock { state in
            switch unwrapInboundIn(data) {
            case .headers(let headers):
                if headers.endStream { state.trailers = headers.headers } else { state.headers = headers.headers }
            case .data(let data):
                guard case .byteBuffer(var bytes) = data.data else { return }
                state.pending.writeBuffer(&bytes)
                while let length = state.pending.getInteger(at: state.pending.readerIndex + 1, as: UInt32.self),
                    state.pending.readableBytes >= Int(length) + 5
                {
                    state.pending.moveReaderIndex(forwardBy: 5)
                    state.messages.append(state.pending.readBytes(length: Int(length)) ?? [])
                }
            default: break
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) { call.state.withLock { $0.isClosed = true } }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

struct Late: Error { var waitingFor: String }

/// Waits for a condition, with a deadline.
func eventually(_ what: String, _ condition: () async -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while await !condition() {
        guard ContinuousClock.now < deadline else { throw Late(waitingFor: what) }
        try await Task.sleep(for: .milliseconds(2))
    }
}

extension ByteBuffer {
    /// RFC 9113 §4.1.
    fileprivate mutating func writeFrame(_ type: UInt8, flags: UInt8, stream: UInt32, _ payload: ByteBuffer) {
        writeInteger(UInt32(payload.readableBytes) << 8 | UInt32(type))
        writeInteger(flags)
        writeInteger(stream)
        writeImmutableBuffer(payload)
    }
}
