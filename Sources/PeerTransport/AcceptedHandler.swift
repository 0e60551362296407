internal import NIOCore
internal import Primitives

/// One accepted connection: an introduction, the answer to it, then that peer's frames.
final class AcceptedHandler: ChannelInboundHandler {
    typealias InboundIn = PeerFrame

    private let transport: PeerTransport
    /// Who introduced itself, and in which life.
    private var origin: PeerFrame.Origin?
    private var deadline: Scheduled<Void>?

    init(_ transport: PeerTransport) { self.transport = transport }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        let timeout = transport.configuration.handshakeTimeout
        deadline = context.eventLoop.scheduleTask(in: .nanoseconds(timeout.nanoseconds)) { channel.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        transport.acceptedEnded(context.channel, of: origin?.node)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        do {
            if let origin {
                try transport.received(frame, on: context.channel, from: origin)
            } else {
                try introduce(frame, context)
            }
        } catch {
            refuse(error, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is IOError { return context.close(promise: nil) }
        refuse(error, context)
    }

    private func introduce(_ frame: PeerFrame, _ context: ChannelHandlerContext) throws {
        let hello = try transport.checkHello(frame, expecting: nil)
        origin = frame.origin
        deadline?.cancel()
        var answer = context.channel.allocator.buffer(capacity: Limits.helloBytes)
        let introduction = PeerHello(recipient: frame.origin.node, name: transport.configuration.name)
        answer.writeFrame(introduction.encoded(), from: transport.origin)
        context.channel.writeAndFlush(answer, promise: nil)
        transport.accepted(context.channel, from: frame.origin.node, name: hello.name)
    }

    private func refuse(_ error: any Error, _ context: ChannelHandlerContext) {
        transport.refused(context.channel, reason: error)
        context.close(promise: nil)
    }
}
