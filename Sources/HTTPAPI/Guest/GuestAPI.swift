package import NIOCore
package import Node
package import Primitives

/// Another API on the same port: all of HTTP/2, and the paths of HTTP/1.1 that it says are its own.
package protocol GuestAPI: AnyObject, Sendable {
    /// Whether a request to this path, as it came and without the query, is the guest's.
    func owns(path: ArraySlice<UInt8>) -> Bool

    /// Answers a request to a path of its own, on the exchange's loop: at once, later, or by a stream.
    func answer(_ request: GuestRequest, _ exchange: GuestExchange)

    /// Takes over a connection that begins with HTTP/2's preface; all its bytes, that one first, follow.
    func serveHTTP2(_ channel: any Channel, _ host: GuestHost) throws

    /// Adds the guest's series to what `GET /metrics` shows.
    func writeMetrics(_ status: NodeStatus, into buffer: inout ByteBuffer)
}

/// A request of HTTP/1.1 that is the guest's, all of it.
package struct GuestRequest {
    package var method: String
    package var path: ArraySlice<UInt8>
    /// Without the question mark.
    package var query: ArraySlice<UInt8>
    package var body: Bytes
}

/// What a guest does for one request over a longer time. All methods are called on the connection's loop.
package protocol GuestStream: AnyObject {
    /// The client is gone, or was answered.
    func abandon()
    /// The server stops: what can be said now is to be said, and the end.
    func finish()
    /// The client reads (`true`), or so slowly that nothing more should be written (`false`).
    func writabilityChanged(_ writable: Bool)
}

/// A connection that ends when the server does.
package protocol ServedConnection: AnyObject {
    /// The server stops: ends after what is under way.
    func finishSoon()
    /// Clients had time to notice: ends when nothing is under way.
    func hangUp()
    func closeNow()
}

/// What a guest's connections share with the server's own. Confined to one event loop.
package struct GuestHost {
    let shared: LoopContext

    package var loop: any EventLoop { shared.loop }
    package var isClosing: Bool { shared.doors.isClosing }

    package func opened(_ connection: any ServedConnection) { shared.opened(connection) }
    package func closed(_ connection: any ServedConnection) { shared.closed(connection) }

    /// Counts a watch; false, and not counted, when there are too many.
    package func openWatch() -> Bool { shared.doors.openStream() }
    package func closeWatch() { shared.doors.closeStream() }

    /// Counts bytes of a request that arrives; false, and not counted, when all together are too many.
    package func hold(bytes: Int) -> Bool { shared.doors.hold(bytes: bytes) }
    package func release(bytes: Int) { shared.doors.release(bytes: bytes) }
}
