internal import NIOCore

/// A client's connection of gRPC over HTTP/2 without TLS, with as many requests in flight as it has lanes. It does what the
/// load needs and no more, because it shares the machine with the servers: messages fit into one frame, and headers are
/// made once. All calls on its channel's loop.
final class GRPCConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What both sides may send before anything is said about it (RFC 9113 §6.9.2).
    static let standardWindow = 65_535
    /// A frame's payload at most, where nothing else is agreed.
    static let frameBytes = 16_384
    private static let ownWindow = 1 << 24

    private let sharesStream: Bool
    private var headers: RequestHeaders
    private var answers = AnswerHeaders()
    private var context: ChannelHandlerContext?
    private var received = ByteBuffer()
    private var outgoing = ByteBuffer()
    private var isReading = false
    private var flushIsDue = false
    private var nextStream: UInt32 = 1
    /// Whose answer a stream brings; with a shared stream, whose answers come, in the order of the requests.
    private var calls: [UInt32: GRPCLane] = [:]
    private var line = CircularBuffer<GRPCLane>()
    private var lanes: [ObjectIdentifier: GRPCLane] = [:]
    /// Requests that the server's windows have no room for.
    private var waiting = CircularBuffer<(lane: GRPCLane, request: LoadRequest)>()
    private var connectionWindow = standardWindow
    private var streamWindow = standardWindow
    /// How many streams the server takes at once; what it surely takes until it has said so (RFC 9113 §6.5.2).
    private var streamsAllowed = 100
    /// Of the shared stream, once it is open.
    private var sharedWindow: Int?
    private var unreported = 0
    private(set) var closed = false
    /// Called once, before the lanes are told.
    var onEnd: (() -> Void)?

    init(host: String, sharesStream: Bool) {
        headers = RequestHeaders(authority: host)
        self.sharesStream = sharesStream
    }

    func lane() -> GRPCLane {
        let lane = GRPCLane(self)
        lanes[ObjectIdentifier(lane)] = lane
        if closed { lane.ended(.closed) }
        return lane
    }

    // MARK: - Sending

    fileprivate func send(_ request: LoadRequest, for lane: GRPCLane) {
        precondition(request.body.readableBytes <= Self.frameBytes, "a message of gRPC's load fits into one frame")
        if waiting.isEmpty, hasRoom(for: request) { write(request, for: lane) } else { waiting.append((lane, request)) }
    }

    private func hasRoom(for request: LoadRequest) -> Bool {
        guard sharesStream || calls.count < streamsAllowed else { return false }
        let stream = sharesStream ? sharedWindow ?? streamWindow : streamWindow
        return request.body.readableBytes <= min(connectionWindow, stream)
    }

    private func write(_ request: LoadRequest, for lane: GRPCLane) {
        let bytes = request.body.readableBytes
        let begins = !sharesStream || sharedWindow == nil
        let stream = sharesStream ? 1 : nextStream
        if begins {
            let start = outgoing.writerIndex
            outgoing.writeFrameHead(FrameKind.headers, flags: FrameFlags.endHeaders, stream: stream, length: 0)
            headers.write(request.path, into: &outgoing)
            let length = UInt32(outgoing.writerIndex - start - 9)
            outgoing.setInteger(length << 8 | UInt32(FrameKind.headers), at: start)
            nextStream += 2
        }
        let flags = sharesStream ? 0 : FrameFlags.endStream
        outgoing.writeFrameHead(FrameKind.data, flags: flags, stream: stream, length: bytes)
        outgoing.writeImmutableBuffer(request.body)
        connectionWindow -= bytes
        if sharesStream {
            sharedWindow = (sharedWindow ?? streamWindow) - bytes
            line.append(lane)
        } else {
            calls[stream] = lane
            lane.stream = stream
        }
        flushSoon()
    }

    private func sendWaiting() {
        while let next = waiting.first, hasRoom(for: next.request) {
            waiting.removeFirst()
            if next.lane.busy { write(next.request, for: next.lane) }
        }
    }

    /// What one turn of the loop writes goes out together.
    private func flushSoon() {
        guard !isReading, !flushIsDue, let context else { return }
        flushIsDue = true
        context.eventLoop.assumeIsolated().execute {
            self.flushIsDue = false
            self.flush()
        }
    }

    private func flush() {
        guard let context, outgoing.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
        outgoing = context.channel.allocator.buffer(capacity: outgoing.readableBytes)
    }

    /// A lane ends. An answer that is still to come is called off; over a shared stream that ends everything.
    fileprivate func leave(_ lane: GRPCLane, isAwaited: Bool) {
        lanes[ObjectIdentifier(lane)] = nil
        if isAwaited, sharesStream { return end(.closed) }
        if isAwaited, calls.removeValue(forKey: lane.stream) != nil {
            outgoing.writeFrameHead(FrameKind.reset, stream: lane.stream, length: 4)
            outgoing.writeInteger(UInt32(8))  // CANCEL
            flushSoon()
        }
        if lanes.isEmpty { end(.closed) }
    }

    // MARK: - Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        var bytes = unwrapInboundIn(data)
        if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
        while !closed, let frame = received.readFrame() { take(frame) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        received.discardReadBytes()
        flush()
    }

    private func take(_ frame: ReceivedFrame) {
        switch frame.kind {
        case FrameKind.data: takeData(frame)
        case FrameKind.headers: takeHeaders(frame)
        case FrameKind.reset:
            let code = frame.payload.getInteger(at: frame.payload.readerIndex, as: UInt32.self) ?? 0
            failed(frame.stream, "the stream was reset with \(code)")
        case FrameKind.settings where !frame.has(FrameFlags.acknowledgement): take(settings: frame.payload)
        case FrameKind.ping where !frame.has(FrameFlags.acknowledgement):
            outgoing.writeFrameHead(FrameKind.ping, flags: FrameFlags.acknowledgement, length: 8)
            outgoing.writeImmutableBuffer(frame.payload)
        case FrameKind.goAway:
            let code = frame.payload.getInteger(at: frame.payload.readerIndex + 4, as: UInt32.self) ?? 0
            end(code == 0 ? .closed : .malformed("the server ended the connection with \(code)"))
        case FrameKind.continuation: end(.malformed("a long list of headers"))
        case FrameKind.windowUpdate: takeWindow(frame)
        default: break
        }
    }

    private func takeData(_ frame: ReceivedFrame) {
        giveBack(frame.payload.readableBytes, of: frame.stream)
        guard var content = frame.content else { return end(.malformed("padding")) }
        if sharesStream {
            takeShared(&content)
        } else {
            calls[frame.stream]?.message.writeBuffer(&content)
            if frame.has(FrameFlags.endStream) { failed(frame.stream, "no trailers") }
        }
    }

    private var partial = ByteBuffer()

    /// Each message of the shared stream is an answer.
    private func takeShared(_ content: inout ByteBuffer) {
        if partial.readableBytes == 0 { partial = content } else { partial.writeBuffer(&content) }
        while let length = partial.getInteger(at: partial.readerIndex + 1, as: UInt32.self),
            partial.readableBytes >= 5 + Int(length)
        {
            partial.moveReaderIndex(forwardBy: 5)
            guard let message = partial.readSlice(length: Int(length)), let lane = line.popFirst() else {
                return end(.malformed("an answer that nobody asked for"))
            }
            lane.finish(.answered(Answer(status: 0, body: message)))
        }
        partial.discardReadBytes()
    }

    private func takeHeaders(_ frame: ReceivedFrame) {
        guard frame.has(FrameFlags.endHeaders), let block = frame.content else { return end(.malformed("headers")) }
        switch answers.read(block) {
        case .begun: break
        case .malformed(let reason): failed(frame.stream, reason)
        case .ended(let status):
            guard !sharesStream else { return end(.malformed("the stream ended with \(status)")) }
            guard let lane = calls.removeValue(forKey: frame.stream) else { return }
            var message = lane.message
            // The flag and the length; one message is all that a unary call brings.
            message.moveReaderIndex(forwardBy: min(5, message.readableBytes))
            lane.finish(.answered(Answer(status: status, body: message)))
            sendWaiting()
        }
    }

    private func failed(_ stream: UInt32, _ reason: String) {
        if sharesStream { return end(.malformed(reason)) }
        calls.removeValue(forKey: stream)?.finish(.failed(.malformed(reason)))
        sendWaiting()
    }

    /// Lets the server send as much again as came.
    private func giveBack(_ bytes: Int, of stream: UInt32) {
        unreported += bytes
        guard unreported >= Self.ownWindow / 4 else { return }
        outgoing.writeWindowUpdate(stream: 0, by: unreported)
        if sharesStream { outgoing.writeWindowUpdate(stream: stream, by: unreported) }
        unreported = 0
    }

    private func takeWindow(_ frame: ReceivedFrame) {
        guard let more = frame.payload.getInteger(at: frame.payload.readerIndex, as: UInt32.self) else { return }
        if frame.stream == 0 { connectionWindow += Int(more) } else if sharesStream { sharedWindow? += Int(more) }
        sendWaiting()
    }

    private func take(settings payload: ByteBuffer) {
        var payload = payload
        while let (name, value) = payload.readMultipleIntegers(as: (UInt16, UInt32).self) {
            switch name {
            case 3: streamsAllowed = Int(value)
            case 4:
                sharedWindow? += Int(value) - streamWindow
                streamWindow = Int(value)
            default: break
            }
        }
        outgoing.writeFrameHead(FrameKind.settings, flags: FrameFlags.acknowledgement, length: 0)
        sendWaiting()
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        outgoing.writeHTTP2Greeting(streamWindow: Self.ownWindow, connectionWindow: Self.ownWindow)
        flush()
    }

    func channelInactive(context: ChannelHandlerContext) { end(.closed) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.closed) }

    private func end(_ failure: LoadFailure) {
        guard !closed else { return }
        closed = true
        onEnd?()
        onEnd = nil
        let lanes = lanes.values
        self.lanes = [:]
        calls = [:]
        line.removeAll()
        waiting.removeAll()
        for lane in lanes { lane.ended(failure) }
        context?.close(promise: nil)
    }

    /// Opens a connection to `endpoint` on `loop`; the future brings it on that loop, and fails with ``LoadFailure``.
    static func open(
        to endpoint: Endpoint, sharingStream: Bool, on loop: any EventLoop, within limit: TimeAmount
    ) -> EventLoopFuture<NIOLoopBound<GRPCConnection>> {
        LoadConnection.connect(to: endpoint, on: loop, within: limit) {
            GRPCConnection(host: endpoint.description, sharesStream: sharingStream)
        }
    }
}

/// One request in flight over a ``GRPCConnection``.
final class GRPCLane: Lane {
    private let connection: GRPCConnection
    private(set) var busy = false
    private(set) var closed = false
    var onFinish: ((Outcome) -> Void)?
    var onClose: (() -> Void)?
    /// The stream of the request in flight, and what it has brought so far.
    fileprivate var stream: UInt32 = 0
    fileprivate var message = ByteBuffer()

    fileprivate init(_ connection: GRPCConnection) { self.connection = connection }

    func send(_ request: LoadRequest) {
        precondition(!busy && !closed, "one request at a time on an open lane")
        busy = true
        message = ByteBuffer()
        connection.send(request, for: self)
    }

    fileprivate func finish(_ outcome: Outcome) {
        guard busy else { return }
        busy = false
        onFinish?(outcome)
    }

    func abandon(_ reason: LoadFailure) {
        let isAwaited = busy
        ended(reason)
        connection.leave(self, isAwaited: isAwaited)
    }

    fileprivate func ended(_ failure: LoadFailure) {
        guard !closed else { return }
        closed = true
        let outstanding = busy
        busy = false
        onClose?()
        if outstanding { onFinish?(.failed(failure)) }
        onClose = nil
    }
}
