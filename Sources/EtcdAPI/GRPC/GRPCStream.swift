internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2
internal import Primitives

/// One call over one stream of HTTP/2. Confined to its connection's event loop.
final class GRPCStream: RPCOutlet, @unchecked Sendable {
    private enum State {
        /// The headers have not come.
        case idle
        case open(any RunningCall)
        /// The status is sent, or there is nobody to send it to.
        case ended
    }

    let id: HTTP2StreamID
    private let connection: GRPCConnection
    private let host: EtcdHost
    private var state = State.idle
    private var rpc: RPC?
    private var called: CalledMethod?
    private var deframer = MessageDeframer()
    /// Bytes counted against what may arrive on all connections.
    private var heldBytes = 0
    private var sentHeaders = false
    private var requestsEnded = false
    /// What the client may still send; held back while it does not read its answers.
    private var owedWindow: Int?
    /// Messages of this turn of the loop, as they go into a frame together.
    private var unsent = ByteBuffer()
    private var writeIsDue = false
    /// Bytes of a call with many answers that the socket has not taken.
    private var waitingBytes = 0
    private var isFull = false
    /// What the call was told last.
    private var wasWritable = true
    private var deadlineTimer: Scheduled<Void>?

    init(_ id: HTTP2StreamID, connection: GRPCConnection, host: EtcdHost) {
        self.id = id
        self.connection = connection
        self.host = host
    }

    // MARK: - Life

    /// The stream is over on both sides: by its end, the client's reset, or that of the connection.
    func closed() {
        if case .open(let call) = state {
            rpc?.drop()
            call.cancelled()
            called?.series.ended(.cancelled)
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

    // MARK: - What the client sends

    func take(_ headers: HTTP2Frame.FramePayload.Headers) {
        if case .idle = state { begin(headers.headers) } else { checkTrailers(headers.headers) }
        if headers.endStream { endRequests() }
    }

    func take(_ data: HTTP2Frame.FramePayload.Data) {
        if case .byteBuffer(var bytes) = data.data { receive(&bytes) }
        if data.endStream { endRequests() }
    }

    private func begin(_ headers: HPACKHeaders) {
        do throws(CallHead.Fault) {
            let head = try CallHead(headers)
            guard let called = connection.method(head.path) else {
                throw .status(RPCStatus(.unimplemented, "unknown method \(head.path.prefix(200))"))
            }
            let deadline = head.timeout.map { NIODeadline.now() + .nanoseconds($0.nanoseconds) }
            let rpc = RPC(host: host, outlet: self, deadline: deadline, requiresLeader: head.requiresLeader)
            self.rpc = rpc
            self.called = called
            called.series.started()
            state = .open(called.method.begin(rpc))
            if let deadline, called.method.takesLong { watch(deadline) }
        } catch {
            switch error {
            case .http(let status): refuse(HPACKHeaders([(":status", String(status))]))
            case .status(let status): refuse(status.trailers(alone: true))
            case .malformed: reset()
            }
        }
    }

    private func checkTrailers(_ headers: HPACKHeaders) {
        do { try RequestFields.check(trailers: headers) } catch { reset() }
    }

    /// The client breaks the rules of HTTP/2 (RFC 9113 §8.1.1). The call ends with the stream.
    private func reset() {
        connection.write(.rstStream(.protocolError), to: id)
        connection.flushSoon()
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
            if called?.method.kind == .bidirectional { connection.tellWhenRead(self) }
        } catch {
            rpc?.end(error)
        }
    }

    /// The connection has nothing more to hand over now.
    func readEnded() {
        if case .open(let call) = state { call.readEnded() }
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

    /// The client's window is not widened while it does not read its answers, so that they do not pile up.
    func windowChanged(to window: Int) {
        guard !requestsEnded, case .open = state else { return }
        if isWritable { connection.widen(id, from: window, to: Limits.streamWindowBytes) } else { owedWindow = window }
    }

    // MARK: - RPCOutlet

    var isWritable: Bool { !isFull && connection.isWritable }

    func writabilityMayHaveChanged() {
        let isWritable = isWritable
        guard isWritable != wasWritable, case .open(let call) = state else { return }
        wasWritable = isWritable
        if isWritable, let window = owedWindow {
            owedWindow = nil
            windowChanged(to: window)
        }
        call.writabilityChanged(isWritable)
    }

    private func sent(_ bytes: Int) {
        waitingBytes -= bytes
        if isFull, waitingBytes <= Limits.streamBufferBytes / 4 { isFull = false }
        writabilityMayHaveChanged()
    }

    /// Room for most answers, so that their buffers need not grow piece by piece.
    private static let usualBytes = 128
    /// More than this is not gathered, so that the client's windows and ``isWritable`` know of it.
    private static let gatheredBytes = 16 * 1024

    func send(_ message: any RPCMessage) {
        guard case .open = state else { return }
        if unsent.capacity == 0 { unsent.reserveCapacity(Self.usualBytes) }
        let before = unsent.writerIndex
        do {
            try message.writeFramed(into: &unsent)
        } catch {
            unsent.moveWriterIndex(to: before)
            return end(RPCStatus(.internalError, "conclave: an answer cannot be encoded: \(error)"))
        }
        // The one answer of a call goes out with its status.
        if called?.method.kind == .unary { return }
        if unsent.readableBytes >= Self.gatheredBytes { write() }
        writeSoon()
    }

    private func write() {
        writeHeaders()
        let bytes = unsent.readableBytes
        guard bytes > 0 else { return }
        var taken: EventLoopPromise<Void>?
        // The one answer of a call is not held back.
        if called?.method.kind != .unary {
            let promise = host.loop.makePromise(of: Void.self)
            promise.futureResult.whenComplete { [self] _ in sent(bytes) }
            taken = promise
            waitingBytes += bytes
            if waitingBytes >= Limits.streamBufferBytes { isFull = true }
        }
        connection.write(.data(.init(data: .byteBuffer(unsent))), to: id, promise: taken)
        unsent = ByteBuffer()
        writabilityMayHaveChanged()
    }

    private static let responseHeaders = HPACKHeaders([(":status", "200"), ("content-type", "application/grpc")])
    private static let successTrailers = RPCStatus.ok.trailers(alone: false)

    private func writeHeaders() {
        guard !sentHeaders else { return }
        sentHeaders = true
        connection.write(.headers(.init(headers: Self.responseHeaders)), to: id)
    }

    func end(_ status: RPCStatus) {
        guard case .open(let call) = state else { return }
        called?.series.ended(status.code)
        if unsent.readableBytes > 0 { write() }
        close()
        call.cancelled()
        writeLast(status.code == .ok && sentHeaders ? Self.successTrailers : status.trailers(alone: !sentHeaders))
    }

    private func refuse(_ headers: HPACKHeaders) {
        close()
        writeLast(headers)
    }

    private func writeLast(_ headers: HPACKHeaders) {
        sentHeaders = true
        connection.write(.headers(.init(headers: headers, endStream: true)), to: id)
        // What the client would still send is not wanted (RFC 9113 §8.1).
        if !requestsEnded { connection.write(.rstStream(.noError), to: id) }
        connection.flushSoon()
    }

    /// Everything written in this turn of the loop goes into one frame.
    private func writeSoon() {
        guard !writeIsDue else { return }
        writeIsDue = true
        connection.writeSoon(self)
    }

    func writeUnsent() {
        writeIsDue = false
        guard case .open = state else { return }
        write()
    }
}
