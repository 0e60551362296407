internal import NIOCore

/// One connection that watches: sends its request, then hands on every piece of the endless answer, on its loop.
final class WatchStream: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let request: LoadRequest
    private let host: String
    private let onPiece: (ByteBuffer) -> Void
    private let onEnd: (String) -> Void
    private var context: ChannelHandlerContext?
    private var ended = false
    private var unread = ByteBuffer()
    private var parser = AnswerParser()

    /// `onPiece` is called for every piece of the body, `onEnd` at most once with what ended the stream.
    init(
        _ request: LoadRequest, host: String, onPiece: @escaping (ByteBuffer) -> Void,
        onEnd: @escaping (String) -> Void
    ) {
        self.request = request
        self.host = host
        self.onPiece = onPiece
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Leaves; ``onEnd`` is not told.
    func stop() {
        ended = true
        context?.close(promise: nil)
    }

    func channelActive(context: ChannelHandlerContext) {
        var outgoing = ByteBuffer()
        outgoing.write(request, to: host)
        context.writeAndFlush(wrapOutboundOut(outgoing), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unread.take(unwrapInboundIn(data))
        do throws(LoadFailure) {
            while !ended, let part = try parser.next(in: &unread) { take(part, context) }
            unread.letGoIfEmpty()
        } catch {
            end("\(error)", context)
        }
    }

    private func take(_ part: AnswerParser.Part, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let status, _, _):
            if !request.expected.status.contains(status) { end("status \(status)", context) }
        case .body(let piece): onPiece(piece)
        case .end: end("the server ended the stream", context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { end("connection closed", context) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { end("\(error)", context) }

    private func end(_ reason: String, _ context: ChannelHandlerContext) {
        guard !ended else { return }
        ended = true
        onEnd(reason)
        context.close(promise: nil)
    }
}
