internal import NIOCore
internal import NIOHTTP2
internal import Primitives

/// Closes a connection whose client does not answer that the connection ends.
///
/// NIOHTTP2's handler, which stands behind this one, sends `GOAWAY` with a ping to a client that stood idle or answered no ping,
/// or when the server stops, and sets a time for the end once that ping is answered. A client that is gone answers none.
final class FarewellHandler: ChannelOutboundHandler {
    typealias OutboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private var closing: Scheduled<Void>?

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if closing == nil, case .goAway = unwrapOutboundIn(data).payload {
            closing = context.eventLoop.assumeIsolated().scheduleTask(
                in: .nanoseconds(Limits.farewell.nanoseconds)
            ) { context.close(promise: nil) }
        }
        context.write(data, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) { closing?.cancel() }
}
