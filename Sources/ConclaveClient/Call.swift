import NIOCore
import NIOHTTP1

/// One request as the library makes it, whichever node it goes to.
struct Call: Sendable {
    var method: HTTPMethod = .GET
    /// Begins with a slash; already escaped.
    var path: String
    /// Names and values; the values already escaped.
    var query: [(name: String, value: String)] = []
    var headers: HTTPHeaders = [:]
    var body: ByteBuffer?
    var repeatable: Repeatability = .always
    /// How long the node is asked to hold its answer.
    var wait: Duration = .zero
    /// The time it may take in all, when that is less than ``ClientOptions/requestTimeout``.
    var timeout: Duration?
    /// The time one node gets, when that is less than ``ClientOptions/attemptTimeout``.
    var attemptTimeout: Duration?

    /// Whether a second copy of the request does harm.
    enum Repeatability: Hashable, Sendable {
        /// A read, a renewal, or a write with an idempotency key.
        case always
        /// A write without one: repeated only when the first copy was certainly not applied.
        case ifNotApplied
    }

    var isRead: Bool { method == .GET }

    /// The same; with a fence it is carried out only while that leadership stands.
    func guarded(by fence: Fence?) -> Call {
        guard let fence else { return self }
        var call = self
        call.headers.replaceOrAdd(name: "If-Fence", value: fence.description)
        return call
    }

    /// The request line's target (RFC 9112 §3.2); with `timeout` the node is told when to stop trying.
    func target(timeout: Duration?) -> String {
        var parameters = query.map { "\($0.name)=\($0.value)" }
        if let timeout { parameters.append("timeout=\(timeout.parameter)") }
        return path + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
    }
}

/// A node's complete answer.
struct Answer: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
    /// Whether it answers a read, which changed nothing.
    var isRead: Bool
    /// When the attempt that was answered was sent.
    var sent: ContinuousClock.Instant
    /// When the first attempt was sent; the same, unless there were retries.
    var firstSent: ContinuousClock.Instant

    func header(_ name: String) -> UInt64? { headers.first(name: name).flatMap { UInt64($0) } }

    /// The body as JSON.
    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        do {
            return try JSON.decode(type, from: body)
        } catch {
            throw malformed("the node's answer is not what the API says: \(error)")
        }
    }

    /// A write whose answer cannot be read has probably been applied.
    func malformed(_ detail: String) -> ConclaveError {
        ConclaveError(.malformedAnswer, detail, outcome: isRead ? .notApplied : .unknown)
    }
}

/// No complete answer came.
struct TransportFailure: Error, Hashable, Sendable {
    /// Whether the request may have reached the node.
    var sent: Bool
    var timedOut: Bool
    var reason: String
}

extension HTTPHeaders {
    func first(name: String) -> String? { self[name].first }
}
