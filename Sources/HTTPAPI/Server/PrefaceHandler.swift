internal import NIOCore

/// Looks at the first bytes of a connection: HTTP/2 by prior knowledge begins with a preface that no request of HTTP/1.1
/// begins with (RFC 9113 §3.4). Gives the connection to the guest then, and otherwise only steps aside.
final class PrefaceHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let guest: any GuestAPI
    private let host: GuestHost
    /// Answers requests of HTTP/1.1, and looks after the connection until it is known what is spoken.
    private let connection: ConnectionHandler
    /// Makes the parser that such requests need.
    private let makeParser: () -> any ChannelHandler
    /// What came and is a beginning of the preface.
    private var held: ByteBuffer?

    init(
        guest: any GuestAPI, host: GuestHost, connection: ConnectionHandler,
        makeParser: @escaping () -> any ChannelHandler
    ) {
        self.guest = guest
        self.host = host
        self.connection = connection
        self.makeParser = makeParser
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if var before = held {
            before.writeBuffer(&bytes)
            bytes = before
        }
        held = bytes
        let view = bytes.readableBytesView
        let compared = min(view.count, Self.preface.count)
        guard view.prefix(compared).elementsEqual(Self.preface.prefix(compared)) else {
            return decide(context) { pipeline in
                try pipeline.addHandler(makeParser(), position: .before(connection))
            }
        }
        guard compared == Self.preface.count else { return }
        decide(context) { pipeline in
            pipeline.removeHandler(connection, promise: nil)
            try guest.serveHTTP2(context.channel, host)
        }
    }

    private func decide(
        _ context: ChannelHandlerContext, _ change: (ChannelPipeline.SynchronousOperations) throws -> Void
    ) {
        do {
            try change(context.pipeline.syncOperations)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }

    /// What was held goes to whoever is next now.
    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        if let held {
            self.held = nil
            context.fireChannelRead(wrapInboundOut(held))
            context.fireChannelReadComplete()
        }
        context.leavePipeline(removalToken: removalToken)
    }
}
