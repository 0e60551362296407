internal import NIOCore
import NIOHTTP1
internal import Primitives

/// One request and what is needed to answer it. Confined to its connection's event loop.
final class Exchange {
    /// Counts the requests of a connection, so that an answer that comes too late is not taken for another's.
    let number: UInt64
    let method: HTTPMethod
    let headers: RequestHeaders
    /// Where the request goes, or why it goes nowhere; answered when the body is there.
    let destination: Result<Destination, Problem>
    let query: ArraySlice<UInt8>
    let started: NIODeadline
    var persistence: Persistence
    /// Whether the client understands chunks (HTTP/1.1).
    let speaksChunks: Bool
    private(set) var body: Bytes = []
    /// Whether the client waits for `100 Continue` before it sends the body.
    let awaitsContinue: Bool

    /// The node must have answered by then; it keeps its own, earlier time-outs.
    var answerDue: NIODeadline

    init(_ head: HTTPRequestHead, number: UInt64, now: NIODeadline, guest: (any GuestAPI)? = nil) {
        self.number = number
        method = head.method
        headers = RequestHeaders(head.headers)
        started = now
        answerDue = now + TimeAmount(Limits.slowRequest)
        let isCurrent = head.version == .http1_1
        speaksChunks = isCurrent
        persistence =
            if !head.isKeepAlive || headers.offersUpgrade { .closes } else {
                isCurrent ? .keptByDefault : .keptByRequest
            }
        awaitsContinue = speaksChunks && headers.expect.map { $0.lowercased() == "100-continue" } == true
        (destination, query) = Self.resolve(head, headers, guest)
    }

    private static func resolve(
        _ head: HTTPRequestHead, _ headers: RequestHeaders, _ guest: (any GuestAPI)?
    ) -> (Result<Destination, Problem>, ArraySlice<UInt8>) {
        do throws(Problem) {
            if head.version == .http1_1 && !headers.hasHost {
                throw .badRequest("Host is missing; HTTP/1.1 wants it in every request")
            }
            if head.uri.utf8.count > Limits.headBytes {
                throw .tooLarge(
                    "the request's target has \(head.uri.utf8.count) bytes; at most \(Limits.headBytes) are allowed")
            }
            let target = try RequestTarget(uri: head.uri)
            if let guest, guest.owns(path: target.path) {
                return (.success(Destination(route: .guest, name: target.path)), target.query)
            }
            return (.success(try Destination(head.method, target.path)), target.query)
        } catch {
            return (.failure(error), [])
        }
    }

    var route: Route? {
        if case .success(let destination) = destination { destination.route } else { nil }
    }

    var bodyLimit: Int { route?.bodyLimit ?? Limits.bodyBytes }

    /// The length the client announced; `nil` when it did not, or not as a number.
    var announcedLength: Int? {
        headers.contentLength.flatMap { parseDecimal($0.utf8) }.map { Int($0) }
    }

    /// What is wrong with a body of this length, if anything.
    func refusal(ofBodyBytes count: Int) -> Problem? {
        guard count > bodyLimit else { return nil }
        return .tooLarge("the body has \(count) bytes or more; at most \(bodyLimit) are allowed")
    }

    func append(_ bytes: ByteBuffer) { bytes.withUnsafeReadableBytes { body.append(contentsOf: $0) } }

    /// The guest's request, once the body is complete; `nil` when it is none of the guest's.
    func guestRequest() -> GuestRequest? {
        guard case .success(let destination) = destination, destination.route == .guest else { return nil }
        defer { body = [] }
        return GuestRequest(method: method.rawValue, path: destination.name, query: query, body: body)
    }

    /// The call, once the body is complete; the body is its own from then on.
    func call() throws(Problem) -> Call {
        let complete = body
        body = []
        return try Call(try destination.get(), headers, query: query, body: complete)
    }
}
