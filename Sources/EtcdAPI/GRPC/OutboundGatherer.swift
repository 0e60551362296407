internal import NIOCore

/// Between HTTP/2 and the socket: what the streams of a connection write in one turn of the loop goes out in one piece, as the
/// answers to a batch come together. Each would be a call to the kernel otherwise.
final class OutboundGatherer: ChannelOutboundHandler, @unchecked Sendable {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// Larger buffers are handed on as they are, and this many bytes at the latest, so that the channel knows what waits.
    private static let pieceBytes = 16 * 1024

    private var context: ChannelHandlerContext?
    private var gathered = ByteBuffer()
    private var flushIsDue = false
    /// Streams that have something to write at the end of the turn.
    private var due: [GRPCStream] = []

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        due = []
    }

    /// The stream writes what it has when the turn ends.
    func writeSoon(_ stream: GRPCStream) {
        due.append(stream)
        flushSoon()
    }

    private func flushSoon() {
        guard !flushIsDue, let context else { return }
        flushIsDue = true
        context.eventLoop.execute { [self] in endTurn() }
    }

    private func endTurn() {
        let streams = due
        due.removeAll(keepingCapacity: streams.count <= 256)
        for stream in streams { stream.writeUnsent() }
        flushIsDue = false
        guard let context else { return }
        passOn(context)
        context.flush()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard promise == nil, case .byteBuffer(let bytes) = unwrapOutboundIn(data),
            bytes.readableBytes < Self.pieceBytes
        else {
            passOn(context)
            return context.write(data, promise: promise)
        }
        if gathered.capacity == 0 { gathered = context.channel.allocator.buffer(capacity: Self.pieceBytes) }
        gathered.writeImmutableBuffer(bytes)
        if gathered.readableBytes >= Self.pieceBytes { passOn(context) }
    }

    private func passOn(_ context: ChannelHandlerContext) {
        guard gathered.readableBytes > 0 else { return }
        let piece = gathered
        gathered = ByteBuffer()
        context.write(wrapOutboundOut(.byteBuffer(piece)), promise: nil)
    }

    func flush(context: ChannelHandlerContext) { flushSoon() }

    /// What is written before the end is sent before it.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        passOn(context)
        context.flush()
        context.close(mode: mode, promise: promise)
    }
}
