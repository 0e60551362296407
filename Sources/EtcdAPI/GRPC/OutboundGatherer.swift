internal import NIOCore

/// Between HTTP/2 and the socket: the many small pieces that frames are written in become few buffers.
final class OutboundGatherer: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// Larger buffers are handed on as they are, and this many bytes at the latest, so that the channel knows what waits.
    private static let pieceBytes = 16 * 1024

    private var gathered = ByteBuffer()

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard promise == nil, case .byteBuffer(let bytes) = unwrapOutboundIn(data),
            bytes.readableBytes < Self.pieceBytes
        else {
            passOn(context)
            return context.write(data, promise: promise)
        }
        if gathered.readableBytes == 0 { gathered = context.channel.allocator.buffer(capacity: 1_024) }
        gathered.writeImmutableBuffer(bytes)
        if gathered.readableBytes >= Self.pieceBytes { passOn(context) }
    }

    private func passOn(_ context: ChannelHandlerContext) {
        guard gathered.readableBytes > 0 else { return }
        let piece = gathered
        gathered = ByteBuffer()
        context.write(wrapOutboundOut(.byteBuffer(piece)), promise: nil)
    }

    func flush(context: ChannelHandlerContext) {
        passOn(context)
        context.flush()
    }

    /// What is written before the end is sent before it.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        flush(context: context)
        context.close(mode: mode, promise: promise)
    }
}
