internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import Primitives

/// One call over one stream of HTTP/2. Confined to its connection's event loop.
final class GRPCStream: ChannelDuplexHandler, RPCOutlet, @unchecked Sendable {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private enum State {
        /// The headers have not come.
        case idle
        case open(any RunningCall)
        /// The status is sent, or there is nobody to send it to.
        case ended
    }

    private let connection: GRPCConnection
    private let host: EtcdHost
    private let methods: MethodTable
    private var state = State.idle
    private var context: ChannelHandlerContext?
    private var rpc: RPC?
    private var method: Method?
    private var deframer = MessageDeframer()
    /// Bytes counted against what may arrive on all connections.
    private var heldBytes = 0
    private var sentHeaders = false
    private var requestsEnded = false
    /// A read held back because the client does not read its answers.
    private var owesRead = false
    /// Messages of this turn of the loop, as they go into a frame together.
    private var unsent = ByteBuffer()
    private var writeIsDue = false
    private var deadlineTimer: Scheduled<Void>?

    init(connection: GRPCConnection, host: EtcdHost, methods: MethodTable) {
        self.connection = connection
        self.host = host
        self.methods = methods
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        connection.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        guard context != nil else { return }
        cancelCall()
        connection.remove(self)
        context = nil
    }

    /// Lets go of the call without a word.
    private func cancelCall() {
        if case .open(let call) = state {
            rpc?.drop()
            call.cancelled()
            host.metrics.ended(method, .cancelled)
        }
        close()
    }

    private func close() {
        state = .ended
        rpc = nil
        deadlineTimer?.cancel()
        deadlineTimer = nil
        hold(0)
    }

    /// The server stops.
    func finish() {
        guard case .open(let call) = state else { return }
        call.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        cancelCall()
        context.close(promise: nil)
    }

    // MARK: - What the client sends

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let headers):
            if case .idle = state { begin(headers.headers) }
            if headers.endStream { endRequests() }
        case .data(let data):
            if case .byteBuffer(var bytes) = data.data { receive(&bytes) }
            if data.endStream { endRequests() }
        default: break
        }
    }

    private func begin(_ headers: HPACKHeaders) {
        do throws(CallHead.Fault) {
            let head = try CallHead(headers)
            guard let method = methods.byPath[head.path] else {
                throw .status(RPCStatus(.unimplemented, "unknown method \(head.path.prefix(200))"))
            }
            let deadline = head.timeout.map { NIODeadline.now() + .nanoseconds($0.nanoseconds) }
            let rpc = RPC(host: host, outlet: self, deadline: deadline, requiresLeader: head.requiresLeader)
            self.rpc = rpc
            self.method = method
            host.metrics.started(method)
            state = .open(method.begin(rpc))
            if let deadline, method.takesLong { watch(deadline) }
        } catch {
            switch error {
            case .http(let status): refuse(HPACKHeaders([(":status", String(status))]))
            case .status(let status): refuse(status.trailers(alone: true))
            }
        }
    }

    /// Ends a call that could take longer than its client waits. Others end when the node answers.
    private func watch(_ deadline: NIODeadline) {
        deadlineTimer = host.loop.scheduleTask(deadline: deadline) { [self] in
            rpc?.end(RPCStatus(.deadlineExceeded, "context deadline exceeded"))
        }
    }

    private func receive(_ bytes: inout ByteBuffer) {
        guard case .open(let call) = state else { return }
        deframer.append(&bytes)
        do throws(RPCStatus) {
            while case .open = state, let message = try deframer.next() { try call.received(protobuf: message) }
            guard hold(deframer.pendingBytes) else { throw .tooManyRequests }
        } catch {
            rpc?.end(error)
        }
    }

    /// Counts the bytes of a message that is not complete.
    @discardableResult
    private func hold(_ bytes: Int) -> Bool {
        if bytes < heldBytes { host.server.release(bytes: heldBytes - bytes) }
        if bytes > heldBytes, !host.server.hold(bytes: bytes - heldBytes) { return false }
        heldBytes = bytes
        return true
    }

    private func endRequests() {
        requestsEnded = true
        guard case .open(let call) = state else { return }
        guard deframer.pendingBytes == 0 else {
            rpc?.end(RPCStatus(.internalError, "grpc: the stream ended within a message"))
            return
        }
        call.requestsEnded()
    }

    /// Holds back reading while the client does not read its answers, so that they do not pile up.
    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable { context.read() } else { owesRead = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        if case .open(let call) = state { call.writabilityChanged(isWritable) }
        if isWritable, owesRead {
            owesRead = false
            context.read()
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: - RPCOutlet

    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// More than this is not gathered, so that the client's windows and ``isWritable`` know of it.
    private static let gatheredBytes = 16 * 1024

    func send(_ message: any RPCMessage) {
        guard case .open = state, let context else { return }
        let before = unsent.writerIndex
        do {
            try message.writeFramed(into: &unsent)
        } catch {
            unsent.moveWriterIndex(to: before)
            return end(RPCStatus(.internalError, "conclave: an answer cannot be encoded: \(error)"))
        }
        // The one answer of a call goes out with its status.
        if method?.kind == .unary { return }
        if unsent.readableBytes >= Self.gatheredBytes { write(context) }
        writeSoon()
    }

    private func write(_ context: ChannelHandlerContext) {
        writeHeaders(context)
        guard unsent.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(.data(.init(data: .byteBuffer(unsent)))), promise: nil)
        unsent = ByteBuffer()
    }

    /// The headers are sent with the first message; a stream's go out at once, since its first message may be far off.
    func sendHeaders() {
        guard case .open = state, let context else { return }
        writeHeaders(context)
        writeSoon()
    }

    private static let responseHeaders = HPACKHeaders([(":status", "200"), ("content-type", "application/grpc")])

    private func writeHeaders(_ context: ChannelHandlerContext) {
        guard !sentHeaders else { return }
        sentHeaders = true
        context.write(wrapOutboundOut(.headers(.init(headers: Self.responseHeaders))), promise: nil)
    }

    func end(_ status: RPCStatus) {
        guard case .open(let call) = state else { return }
        host.metrics.ended(method, status.code)
        if let context, unsent.readableBytes > 0 { write(context) }
        close()
        call.cancelled()
        writeLast(status.code == .ok && sentHeaders ? Self.successTrailers : status.trailers(alone: !sentHeaders))
    }

    private func refuse(_ headers: HPACKHeaders) {
        close()
        writeLast(headers)
    }

    private func writeLast(_ headers: HPACKHeaders) {
        guard let context else { return }
        sentHeaders = true
        context.write(wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
        // What the client would still send is not wanted (RFC 9113 §8.1).
        if !requestsEnded { context.write(wrapOutboundOut(.rstStream(.noError)), promise: nil) }
        context.flush()
    }

    private static let successTrailers = RPCStatus.ok.trailers(alone: false)

    /// Everything written in this turn of the loop goes out together.
    private func writeSoon() {
        guard !writeIsDue else { return }
        writeIsDue = true
        connection.gatherer.writeSoon(self)
    }

    func writeUnsent() {
        writeIsDue = false
        guard case .open = state, let context else { return }
        write(context)
        context.flush()
    }
}
