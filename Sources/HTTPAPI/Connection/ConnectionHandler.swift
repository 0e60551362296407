internal import NIOCore
import NIOHTTP1
internal import Node
internal import Primitives
import ReplicaCore

/// One client's connection: takes the parsed parts of requests, answers one request after the other, and becomes an
/// event stream when asked to. Confined to its channel's event loop.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler, ServedConnection, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the connection is doing.
    enum State {
        /// Nothing: the next request may come.
        case idle
        /// A request's body arrives.
        case receiving(Exchange)
        /// The request is with the node.
        case answering(Exchange)
        /// Events are sent until either side ends it; nothing is read any more.
        case streaming(any ConnectionStream)
        /// The last answer is sent; what still arrives is thrown away so that the client can read the answer.
        case lingering
        case closed
    }

    let shared: LoopContext
    private(set) var channel: (any Channel)?
    private var context: ChannelHandlerContext?
    var state = State.idle
    /// What came while an earlier request was with the node.
    private var backlog: CircularBuffer<HTTPServerRequestPart>?
    private var isWorkingOff = false
    private var isReading = false
    private var owesFlush = false
    /// A read that was held back because of the backlog.
    private var owesRead = false
    private var requests: UInt64 = 0
    /// When an idle, slow or lingering client is given up.
    private var deadline = NIODeadline.distantFuture
    /// The watch that the current request opens or waits for, if it does.
    var pending: (any PendingWatch)?

    init(shared: LoopContext) { self.shared = shared }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        channel = context.channel
        shared.opened(self)
        deadline = .now() + TimeAmount(Limits.idleConnection)
        shared.wheel.schedule(self, at: deadline)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
        channel = nil
    }

    /// Lets go of everything that waits for this connection.
    private func end() {
        switch state {
        case .closed: return
        case .receiving(let exchange): shared.doors.release(bytes: exchange.body.count)
        case .streaming(let stream): stream.abandon()
        case .idle, .answering, .lingering: break
        }
        pending?.abandon()
        pending = nil
        backlog = nil
        state = .closed
        shared.closed(self)
    }

    func closeNow() { context?.close(promise: nil) }

    /// The server stops: ends after the current answer, or the next. A request that is not all here yet was not begun
    /// with; its client learns that. An idle client may be sending one at this moment (RFC 9112 §9.6): ``hangUp()``.
    func finishSoon() {
        switch state {
        case .streaming(let stream): stream.finish()
        case .answering: pending?.finish()
        case .receiving: refuse(.notReady("this node is stopping, and the request had not arrived whole"))
        case .idle, .lingering, .closed: break
        }
    }

    /// The server stops, and clients had time to send what they were about to send, and to read their last answer.
    func hangUp() {
        switch state {
        case .idle, .lingering: closeNow()
        case .receiving, .answering, .streaming, .closed: break
        }
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .streaming, .lingering, .closed: return
        case .idle, .receiving, .answering: break
        }
        isReading = true
        let part = unwrapInboundIn(data)
        if backlog != nil || !takesNextPart {
            backlog = backlog ?? CircularBuffer(initialCapacity: 8)
            backlog?.append(part)
        } else {
            take(part)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes came, but no part of a request: a head has begun, and may not take for ever.
        if !isReading, case .idle = state { deadline = min(deadline, .now() + TimeAmount(Limits.slowRequest)) }
        isReading = false
        flushIfOwed()
        context.fireChannelReadComplete()
    }

    /// Holds back reading while requests wait, so that a client that only sends fills its own buffers and not ours.
    func read(context: ChannelHandlerContext) {
        if backlog == nil { context.read() } else { owesRead = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .streaming(let stream) = state { stream.writabilityChanged(context.channel.isWritable) }
        workOffBacklog()
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .idle, .receiving:
            guard let problem = Problem(parsing: error) else { return closeNow() }
            refuse(problem)
        // An answer is on its way; it is the last one, because nothing after the error can be trusted.
        case .answering(let exchange) where Problem(parsing: error) != nil:
            exchange.persistence = .closes
        case .answering, .streaming: closeNow()
        case .lingering, .closed: break
        }
    }

    /// Whether the state allows for the next part of a request, and the client reads its answers.
    private var takesNextPart: Bool {
        switch state {
        case .idle: channel?.isWritable == true
        case .receiving: true
        case .answering, .streaming, .lingering, .closed: false
        }
    }

    /// Goes on with what came in the meantime. Answers that come at once do not nest: this loop takes the next part.
    func workOffBacklog() {
        guard !isWorkingOff, backlog != nil else { return }
        isWorkingOff = true
        while takesNextPart, let part = backlog?.popFirst() { take(part) }
        isWorkingOff = false
        if backlog?.isEmpty == true { backlog = nil }
        if backlog == nil, owesRead {
            owesRead = false
            context?.read()
        }
    }

    private func take(_ part: HTTPServerRequestPart) {
        switch (part, state) {
        case (.head(let head), .idle): begin(head)
        case (.body(let bytes), .receiving(let exchange)): receive(bytes, exchange)
        case (.end, .receiving(let exchange)): dispatch(exchange)
        // The rest of a request that was answered before it was complete.
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        requests += 1
        let now = NIODeadline.now()
        let exchange = Exchange(head, number: requests, now: now, guest: shared.guest)
        deadline = now + TimeAmount(Limits.slowRequest)
        state = .receiving(exchange)
        if let refusal = exchange.announcedLength.flatMap(exchange.refusal(ofBodyBytes:)) { return refuse(refusal) }
        if exchange.headers.expect != nil { expect(exchange) }
    }

    private func expect(_ exchange: Exchange) {
        guard exchange.awaitsContinue else {
            // HTTP/1.0 has no expectations (RFC 9110 §10.1.1).
            guard exchange.speaksChunks else { return }
            return refuse(
                .badRequest("Expect is \(quoted((exchange.headers.expect ?? "").utf8)); it must be 100-continue"))
        }
        if case .failure(let problem) = exchange.destination { return refuse(problem) }
        var interim = ByteBuffer()
        interim.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        write(interim)
        flushIfOwed()
    }

    private func receive(_ bytes: ByteBuffer, _ exchange: Exchange) {
        let count = bytes.readableBytes
        if let refusal = exchange.refusal(ofBodyBytes: exchange.body.count + count) { return refuse(refusal) }
        guard shared.doors.hold(bytes: count) else {
            return refuse(.overloaded("the bodies that are arriving have \(Limits.arrivingBodyBytes) bytes together"))
        }
        exchange.append(bytes)
    }

    private func dispatch(_ exchange: Exchange) {
        state = .answering(exchange)
        if !exchange.body.isEmpty {
            shared.doors.release(bytes: exchange.body.count)
            shared.metrics.received.increment(by: exchange.body.count)
        }
        if let guest = shared.guest, let request = exchange.guestRequest() {
            return guest.answer(request, GuestExchange(connection: self, exchange))
        }
        do throws(Problem) {
            perform(try exchange.call(), exchange)
        } catch {
            answer(exchange.number) { $0.problem(error) }
        }
    }

    /// Answers a request that is not complete, and ends the connection: what follows cannot be told apart from it.
    private func refuse(_ problem: Problem) {
        let (number, exchange): (UInt64, Exchange?) =
            if case .receiving(let exchange) = state { (exchange.number, exchange) } else { (requests, nil) }
        if let exchange { shared.doors.release(bytes: exchange.body.count) }
        sendLast(number: number, exchange, problem)
    }

    // MARK: - Writing

    /// Sends the answer to request `number`; does nothing when that was answered already, or the client is gone.
    func answer(_ number: UInt64, _ render: (Renderer) -> Reply) {
        guard case .answering(let exchange) = state, exchange.number == number else { return }
        let persistence: Persistence = shared.doors.isClosing ? .closes : exchange.persistence
        let (status, bytes) = shared.encode(persistence, withBody: exchange.method != .HEAD, render)
        let now = NIODeadline.now()
        shared.metrics.answered(exchange.route, status, nanoseconds: (now - exchange.started).nanoseconds)
        pending?.abandon()
        pending = nil
        if case .closes = persistence { return writeLast(bytes) }
        write(bytes)
        deadline = now + TimeAmount(Limits.idleConnection)
        state = .idle
        workOffBacklog()
        flushIfOwed()
    }

    private func sendLast(number: UInt64, _ exchange: Exchange?, _ problem: Problem) {
        let (status, bytes) = shared.encode(.closes, withBody: exchange?.method != .HEAD) { $0.problem(problem) }
        let now = NIODeadline.now()
        shared.metrics.answered(
            exchange?.route, status, nanoseconds: exchange.map { (now - $0.started).nanoseconds })
        writeLast(bytes)
    }

    func write(_ bytes: ByteBuffer) {
        shared.metrics.sent.increment(by: bytes.readableBytes)
        owesFlush = true
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    func flushIfOwed() {
        guard owesFlush, !isReading, !isWorkingOff else { return }
        owesFlush = false
        context?.flush()
    }

    /// Events of a stream go out together at the end of the loop's turn.
    func flushEvents() {
        guard owesFlush else { return }
        owesFlush = false
        context?.flush()
    }

    /// Sends the last bytes of a connection and ends it so that the client can still read them: closing while the
    /// client sends would reset the connection, and with it what is under way.
    func writeLast(_ bytes: ByteBuffer) {
        guard let context else { return }
        state = .lingering
        backlog = nil
        owesFlush = false
        deadline = .now() + TimeAmount(Limits.idleConnection)
        shared.metrics.sent.increment(by: bytes.readableBytes)
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenComplete { [self] _ in linger() }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: sent)
        if owesRead {
            owesRead = false
            context.read()
        }
    }

    /// All is sent: the client may read it and hang up.
    private func linger() {
        guard case .lingering = state, let context else { return }
        deadline = .now() + TimeAmount(Limits.lingering)
        // The wheel may not look here for seconds; this deadline gets an entry of its own.
        shared.wheel.schedule(self, at: deadline)
        context.close(mode: .output, promise: nil)
    }

    /// Gives up the parser and what it holds: a stream reads nothing more.
    func dropParser() {
        guard
            let parser = try? context?.pipeline.syncOperations.context(
                handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
        else { return }
        context?.pipeline.syncOperations.removeHandler(context: parser, promise: nil)
    }
}

// MARK: - Deadlines

extension ConnectionHandler: Timed {
    func timePassed(_ now: NIODeadline) -> NIODeadline? {
        switch state {
        // A stream looks after itself.
        case .closed, .streaming:
            return nil
        case .answering(let exchange):
            if now < exchange.answerDue { return exchange.answerDue }
            answer(exchange.number) { $0.problem(Problem(Refusal.timeout)) }
            return now + TimeAmount(Limits.lingering)
        case .idle, .lingering:
            return now < deadline ? deadline : giveUp()
        case .receiving:
            if now < deadline { return deadline }
            refuse(
                Problem(
                    code: .badRequest,
                    detail: "the request did not arrive within \(describe(Limits.slowRequest))"))
            return deadline
        }
    }

    private func giveUp() -> NIODeadline? {
        closeNow()
        return nil
    }
}

// MARK: - Streams

extension ConnectionHandler {
    /// The current request is answered by a stream from here on.
    func becomeStream(_ stream: any ConnectionStream, _ head: ByteBuffer) {
        guard case .answering(let exchange) = state else { return stream.abandon() }
        shared.metrics.answered(exchange.route, .ok, nanoseconds: nil)
        pending = nil
        state = .streaming(stream)
        write(head)
        dropParser()
        shared.flushSoon(self)
        if shared.doors.isClosing { stream.finish() }
    }
}
