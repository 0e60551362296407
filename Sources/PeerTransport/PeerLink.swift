import NIOPosix
internal import Logging
internal import NIOCore
internal import Primitives

/// The connection this node dials to one other, which carries its frames there; dialled again whenever it ends.
///
/// Unchecked because all of it happens on one event loop.
final class PeerLink: @unchecked Sendable {
    private enum State {
        case stopped
        case dialling
        case handshaking(any Channel)
        case up(any Channel)
        case waiting(Scheduled<Void>)
    }

    let id: NodeID
    let address: PeerAddress
    /// Held until the transport stops and lets its links go.
    private let transport: PeerTransport
    private let loop: any EventLoop
    private var state = State.stopped
    /// Where the last connection stood, for the quick look whether its process still listens.
    private var lastAddress: SocketAddress?
    /// Attempts since the link was last up.
    private var failures = 0
    /// A connection that stood is lost and the receiver does not know yet: the next attempt tells what to report.
    private var lossIsPending = false
    private var jitter: SeededGenerator
    /// Frames sent since the last flush.
    private var batch: ByteBuffer?
    /// Bytes handed to the channel and not yet taken by the kernel.
    private var unsentBytes = 0
    /// The incarnation of the newest life heard of, in either direction.
    private(set) var newestIncarnation = Incarnation(0)

    /// Attempts that follow a loss without a wait: a dying process may still accept one.
    private static let quickAttempts = 3

    init(id: NodeID, address: PeerAddress, transport: PeerTransport) {
        self.id = id
        self.address = address
        self.transport = transport
        loop = transport.eventLoop
        jitter = SeededGenerator(seed: transport.configuration.jitterSeed ^ id.rawValue)
    }

    func start() {
        guard case .stopped = state else { return }
        dial(to: nil)
    }

    func stop() {
        let before = state
        state = .stopped
        batch = nil
        switch before {
        case .stopped, .dialling: break
        case .handshaking(let channel), .up(let channel): channel.close(promise: nil)
        case .waiting(let timer): timer.cancel()
        }
    }

    /// Whether a frame of `incarnation` may be taken; newer ones are remembered.
    func admits(_ incarnation: Incarnation) -> Bool {
        guard incarnation >= newestIncarnation else { return false }
        newestIncarnation = incarnation
        return true
    }
}

// MARK: - Sending

extension PeerLink {
    /// Takes a frame along with the next flush; whether there was a connection and room for it.
    func send(_ body: Bytes) -> Bool {
        guard case .up(let channel) = state else { return false }
        let bytes = PeerFrame.headerBytes + body.count
        guard unsentBytes + (batch?.readableBytes ?? 0) + bytes <= transport.configuration.bufferBytes else {
            transport.report("frames to a peer are dropped: it does not read", about: self)
            return false
        }
        var pending = batch.take() ?? channel.allocator.buffer(capacity: bytes)
        pending.writeFrame(body, from: transport.origin)
        batch = pending
        return true
    }

    func flush() {
        guard let batch = batch.take(), case .up(let channel) = state else { return }
        let bytes = batch.readableBytes
        unsentBytes += bytes
        channel.writeAndFlush(batch).assumeIsolated().whenComplete { [self] _ in unsentBytes -= bytes }
    }
}

// MARK: - Dialling

extension PeerLink {
    private func dial(to known: SocketAddress?) {
        state = .dialling
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(transport.configuration.connectTimeout.nanoseconds))
            .peerOptions(transport.configuration)
        let literal = try? SocketAddress(ipAddress: address.host, port: address.port)
        let attempt =
            (known ?? literal).map { bootstrap.connect(to: $0) }
            ?? bootstrap.connect(host: address.host, port: address.port)
        attempt.hop(to: loop).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let channel): reached(channel)
            case .failure(let error): failed(error.dialOutcome, reason: "\(error)")
            }
        }
    }

    /// The other end accepted: introduce this node, and wait for the answer.
    private func reached(_ channel: any Channel) {
        guard case .dialling = state else { return channel.close(promise: nil) }
        state = .handshaking(channel)
        lastAddress = channel.remoteAddress
        let deadline = loop.assumeIsolated().scheduleTask(
            in: .nanoseconds(transport.configuration.handshakeTimeout.nanoseconds)
        ) { [self] in handshakeTimedOut(channel) }
        channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
            deadline.cancel()
            ended(channel)
        }
        do {
            try channel.pipeline.syncOperations.addHandlers(
                ByteToMessageHandler(PeerFrameDecoder()), DialledHandler(self))
        } catch {
            // The channel was closed in the meantime, which is seen above.
            return channel.close(promise: nil)
        }
        var hello = channel.allocator.buffer(capacity: Limits.helloBytes)
        hello.writeFrame(
            PeerHello(recipient: id, name: transport.configuration.name).encoded(), from: transport.origin)
        channel.writeAndFlush(hello, promise: nil)
    }

    private func handshakeTimedOut(_ channel: any Channel) {
        guard case .handshaking(let current) = state, current === channel else { return }
        transport.report("a peer does not answer the introduction", about: self)
        reportLoss(processIsGone: false)
        channel.close(promise: nil)
    }

    /// The other end answered.
    fileprivate func received(_ frame: PeerFrame, on channel: any Channel) throws {
        guard case .handshaking(let current) = state, current === channel else { throw PeerRefusal.unexpectedFrame }
        _ = try transport.checkHello(frame, expecting: id)
        state = .up(channel)
        failures = 0
        reportLoss(processIsGone: false)
        transport.logger.info("connected to a peer", metadata: transport.metadata(self))
        transport.receiver?.connected(to: id)
    }

    private func ended(_ channel: any Channel) {
        switch state {
        case .up(let current) where current === channel:
            batch = nil
            connectionLost()
        case .handshaking(let current) where current === channel:
            failed(.brokenOff, reason: "the peer closed the connection before it answered")
        default: break
        }
    }

    /// An established connection, in either direction, ended: look at once whether the process still listens.
    func connectionLost() {
        transport.logger.info("a connection to a peer ended", metadata: transport.metadata(self))
        lossIsPending = true
        dial(to: lastAddress)
    }

    /// The connection the peer dialled ended. If ours stands, its own end would tell the same.
    func acceptedConnectionEnded() {
        switch state {
        case .waiting(let timer):
            timer.cancel()
            connectionLost()
        case .dialling, .handshaking: lossIsPending = true
        case .stopped, .up: break
        }
    }

    /// The peer dialled this node, so it is there: no need to wait for the next attempt.
    func peerIsThere() {
        guard case .waiting(let timer) = state else { return }
        timer.cancel()
        dial(to: nil)
    }

    private func failed(_ outcome: DialOutcome, reason: String) {
        if case .stopped = state { return }
        failures += 1
        if lossIsPending && outcome == .brokenOff && failures < Self.quickAttempts { return dial(to: lastAddress) }
        transport.logger.debug(
            "cannot connect to a peer", metadata: transport.metadata(self, ["reason": "\(reason)"]))
        reportLoss(processIsGone: outcome == .refused)
        let timer = loop.assumeIsolated().scheduleTask(in: nextDelay()) { [self] in
            if case .waiting = state { dial(to: nil) }
        }
        state = .waiting(timer)
    }

    private func reportLoss(processIsGone: Bool) {
        guard lossIsPending else { return }
        lossIsPending = false
        transport.logger.notice(
            "lost a peer", metadata: transport.metadata(self, ["process_is_gone": "\(processIsGone)"]))
        transport.receiver?.disconnected(from: id, processIsGone: processIsGone)
    }

    /// Doubles with each failure; between half of it and all of it, so that nodes do not dial in step.
    private func nextDelay() -> TimeAmount {
        let configuration = transport.configuration
        let doubled = configuration.firstReconnectDelay * Int64(1 << min(failures - 1, 16))
        let longest = min(doubled, configuration.longestReconnectDelay)
        return .nanoseconds(jitter.span(from: longest / 2, below: longest).nanoseconds)
    }
}

/// Reads the one frame that comes on a dialled connection: the answer to the introduction.
private final class DialledHandler: ChannelInboundHandler {
    typealias InboundIn = PeerFrame
    private let link: PeerLink
    private let refuse: (any Error) -> Void

    init(_ link: PeerLink) {
        self.link = link
        refuse = link.refuse
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do { try link.received(unwrapInboundIn(data), on: context.channel) } catch {
            refuse(error)
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is IOError) { refuse(error) }
        context.close(promise: nil)
    }
}

extension PeerLink {
    fileprivate func refuse(_ error: any Error) {
        transport.report("a connection to a peer is given up", about: self, reason: error)
    }
}
