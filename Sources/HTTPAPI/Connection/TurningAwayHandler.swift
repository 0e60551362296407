internal import NIOCore
internal import Primitives

/// Tells a client for whom there is no room that this is so, and hangs up.
final class TurningAwayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: LoopContext

    init(shared: LoopContext) { self.shared = shared }

    func channelActive(context: ChannelHandlerContext) {
        var problem = Problem.notReady("this node has all the connections it may; try another one")
        problem.help = .retry(after: Limits.lingering)
        let (status, bytes) = shared.encode(.closes, withBody: true) { $0.problem(problem) }
        shared.metrics.answered(nil, status, nanoseconds: nil)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        context.close(mode: .output, promise: nil)
        // Whatever the client sends is read and thrown away for a moment, so that it can read the answer.
        let channel = context.channel
        context.eventLoop.scheduleTask(in: TimeAmount(Limits.lingering)) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
