import NIOCore
import NIOHTTP1

/// Puts the path and query of a request on the wire exactly as they were written.
///
/// AsyncHTTPClient takes them out of a Foundation URL, whose path is empty when its escapes are not UTF-8; keys are any
/// bytes. So the target travels in a header up to the last handler before the encoder, which puts it in its place.
final class RequestTarget: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    /// Never leaves this process.
    static let header = "Conclave-Request-Target"

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data), let target = head.headers.first(name: Self.header) else {
            return context.write(data, promise: promise)
        }
        head.uri = target
        head.headers.remove(name: Self.header)
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }

    /// Takes its place in the pipeline of a new connection.
    static func install(on channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.submit {
            let pipeline = channel.pipeline.syncOperations
            let encoder = try pipeline.context(handlerType: HTTPRequestEncoder.self).handler
            try pipeline.addHandler(RequestTarget(), position: .after(encoder))
        }
    }
}
