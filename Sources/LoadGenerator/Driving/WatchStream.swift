internal import NIOCore
internal import NIOHTTP1

/// One connection that watches: sends its request, then hands on every piece of the endless answer, on its loop.
final class WatchStream: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: LoadRequest
    private let host: String
    private let onPiece: (ByteBuffer) -> Void
    private let onEnd: (String) -> Void
    private var context: ChannelHandlerContext?
    private var ended = false

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
        var headers = request.headers
        headers.add(name: "Host", value: host)
        if request.method != .GET { headers.add(name: "Content-Length", value: String(request.body.readableBytes)) }
        let head = HTTPRequestHead(version: .http1_1, method: request.method, uri: request.path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(request.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard !request.expected.status.contains(head.status.code) else { return }
            end("status \(head.status.code)", context)
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
