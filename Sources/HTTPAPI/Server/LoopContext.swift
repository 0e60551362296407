internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// What the connections of one event loop share. Confined to that loop.
final class LoopContext {
    let loop: any EventLoop
    let service: any NodeService
    let doors: Doors
    let metrics: RequestMetrics
    let registry: PrometheusRegistry
    /// The other API on this port, if there is one.
    let guest: (any GuestAPI)?
    let wheel: TimingWheel
    /// Encodes each batch of events once for all streams of this loop.
    let encoder = BatchEncoder()
    /// Fields that every head has.
    private var common: CommonFields
    /// The newest state any answer of this node reflected; what answers without a state of their own carry.
    private(set) var latest = ReplyPosition(revision: .zero, term: .zero)
    /// Memory for the body of the next answer.
    private let scratch = Scratch()
    private var open: [ObjectIdentifier: any ServedConnection] = [:]
    /// Connections with unflushed events of this turn of the loop.
    private var unflushed: [ConnectionHandler] = []

    init(
        loop: any EventLoop, service: any NodeService, doors: Doors, metrics: RequestMetrics,
        registry: PrometheusRegistry, guest: (any GuestAPI)? = nil
    ) {
        self.loop = loop
        self.service = service
        self.doors = doors
        self.metrics = metrics
        self.registry = registry
        self.guest = guest
        wheel = TimingWheel(loop: loop)
        common = CommonFields(nodeName: service.identity.name)
    }

    // MARK: - Connections

    func opened(_ connection: any ServedConnection) { open[ObjectIdentifier(connection)] = connection }
    func closed(_ connection: any ServedConnection) { open[ObjectIdentifier(connection)] = nil }

    /// Asks every connection to end after what it is doing.
    func endConnections() {
        for connection in Array(open.values) { connection.finishSoon() }
    }

    /// Ends the connections on which nothing is asked.
    func hangUp() {
        for connection in Array(open.values) { connection.hangUp() }
    }

    func closeConnections() {
        for connection in Array(open.values) { connection.closeNow() }
        wheel.stop()
    }

    // MARK: - Answers

    func note(_ position: ReplyPosition) {
        latest.revision = max(latest.revision, position.revision)
        latest.term = max(latest.term, position.term)
    }

    /// Lets `render` write a body into this loop's own memory, and turns the reply into bytes of HTTP.
    func encode(
        _ persistence: Persistence, withBody: Bool, _ render: (Renderer) -> Reply
    ) -> (status: Status, bytes: ByteBuffer) {
        var reply = render(Renderer(scratch: scratch))
        if let position = reply.position { note(position) }
        let hasBody = reply.status != .notModified
        var out = ByteBufferAllocator().buffer(capacity: 768 + (withBody ? reply.body.readableBytes : 0))
        common.write(
            reply.status, hasBody ? reply.type : nil, at: reply.position ?? latest, persistence, into: &out)
        for field in reply.fields { out.write(field) }
        let length = reply.body.readableBytes
        out.writeText(atMost: 64) { text in
            if hasBody {
                text.write("Content-Length: ")
                text.write(decimal: UInt64(length))
                text.write("\r\n")
            }
            text.write("\r\n")
        }
        if hasBody && withBody { out.writeImmutableBuffer(reply.body) }
        let status = reply.status
        scratch.give(back: &reply.body)
        return (status, out)
    }

    /// The head of an event stream, whose body follows in chunks or, for HTTP/1.0, up to the connection's end: it is the last
    /// answer there, as nothing more is read.
    func encodeStreamHead(at position: ReplyPosition, chunked: Bool) -> ByteBuffer {
        note(position)
        var out = ByteBufferAllocator().buffer(capacity: 384)
        common.write(.ok, .events, at: position, .closes, into: &out)
        if chunked { out.writeStaticString("Transfer-Encoding: chunked\r\n") }
        out.writeStaticString("X-Accel-Buffering: no\r\n\r\n")
        return out
    }

    /// The head of a guest's stream of JSON.
    func encodeGuestHead(chunked: Bool) -> ByteBuffer {
        var out = ByteBufferAllocator().buffer(capacity: 512)
        common.write(.ok, .json, at: latest, .closes, into: &out)
        if chunked { out.writeStaticString("Transfer-Encoding: chunked\r\n") }
        out.write(.guest)
        out.writeStaticString("\r\n")
        return out
    }

    // MARK: - Streams

    /// Flushes the connection's events at the end of this turn, together with everybody else's.
    func flushSoon(_ connection: ConnectionHandler) {
        unflushed.append(connection)
        guard unflushed.count == 1 else { return }
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.execute { bound.value.flushAll() }
    }

    private func flushAll() {
        let due = unflushed
        unflushed.removeAll(keepingCapacity: due.count <= 4096)
        encoder.forget()
        for connection in due { connection.flushEvents() }
    }
}
