package import NIOCore
internal import Primitives

/// A guest's side of one request of HTTP/1.1. Confined to its connection's event loop.
package final class GuestExchange: @unchecked Sendable {
    private let connection: ConnectionHandler
    /// Which of the connection's requests it is, so that an answer that comes too late is not taken for another's.
    private let number: UInt64
    private let chunked: Bool
    private var isStreaming = false

    init(connection: ConnectionHandler, _ exchange: Exchange) {
        self.connection = connection
        number = exchange.number
        chunked = exchange.speaksChunks
    }

    package var host: GuestHost { GuestHost(shared: connection.shared) }
    package var loop: any EventLoop { connection.shared.loop }

    /// The answer may take this long before the connection gives up on it.
    package func extend(nanoseconds: Int64) { connection.extend(TimeSpan(nanoseconds: nanoseconds)) }

    /// What is to be told when the client goes before it was answered.
    package func awaits(_ pending: any GuestStream) { connection.pending = GuestPending(guest: pending) }

    private static let fields = [Reply.Field.guest]

    /// The one whole answer, as JSON.
    package func answer(status: Int, body: ByteBuffer) {
        connection.answer(number) { _ in
            Reply(
                status: Status(rawValue: UInt16(clamping: status)) ?? .internalServerError, type: .json, position: nil,
                fields: Self.fields, body: body)
        }
    }

    /// Begins an answer that is a stream of JSON.
    package func begin(_ stream: any GuestStream) {
        isStreaming = true
        let head = connection.shared.encodeGuestHead(chunked: chunked)
        connection.becomeStream(GuestPending(guest: stream), head)
    }

    /// A piece of the stream, sent at the end of the loop's turn.
    package func write(_ bytes: ByteBuffer) {
        guard isStreaming else { return }
        if chunked {
            connection.write(StreamPiece(capacity: bytes.readableBytes + 16) { $0.writeImmutableBuffer(bytes) }.chunk)
        } else {
            connection.write(bytes)
        }
        connection.shared.flushSoon(connection)
    }

    /// The stream is over.
    package func end() {
        guard isStreaming else { return }
        isStreaming = false
        var last = ByteBuffer()
        if chunked { last.writeStaticString("0\r\n\r\n") }
        connection.writeLast(last)
    }
}

/// A guest's stream in the place of one of the server's own.
private final class GuestPending: ConnectionStream {
    private let guest: any GuestStream
    init(guest: any GuestStream) { self.guest = guest }
    func abandon() { guest.abandon() }
    func finish() { guest.finish() }
    func writabilityChanged(_ writable: Bool) { guest.writabilityChanged(writable) }
}
