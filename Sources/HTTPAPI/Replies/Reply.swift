import KeyValue
internal import NIOCore
internal import Primitives
import ReplicaCore

/// A status code with its reason phrase.
enum Status: UInt16 {
    case ok = 200
    case created = 201
    case notModified = 304
    case badRequest = 400
    case unauthorized = 401
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case conflict = 409
    case gone = 410
    case preconditionFailed = 412
    case contentTooLarge = 413
    case expectationFailed = 417
    case tooManyRequests = 429
    case clientClosedRequest = 499
    case internalServerError = 500
    case notImplemented = 501
    case serviceUnavailable = 503
    case gatewayTimeout = 504
    case insufficientStorage = 507

    /// The first line of an answer, with its end.
    var line: StaticString {
        switch self {
        case .ok: "HTTP/1.1 200 OK\r\n"
        case .created: "HTTP/1.1 201 Created\r\n"
        case .notModified: "HTTP/1.1 304 Not Modified\r\n"
        case .badRequest: "HTTP/1.1 400 Bad Request\r\n"
        case .unauthorized: "HTTP/1.1 401 Unauthorized\r\n"
        case .forbidden: "HTTP/1.1 403 Forbidden\r\n"
        case .notFound: "HTTP/1.1 404 Not Found\r\n"
        case .methodNotAllowed: "HTTP/1.1 405 Method Not Allowed\r\n"
        case .conflict: "HTTP/1.1 409 Conflict\r\n"
        case .gone: "HTTP/1.1 410 Gone\r\n"
        case .preconditionFailed: "HTTP/1.1 412 Precondition Failed\r\n"
        case .contentTooLarge: "HTTP/1.1 413 Content Too Large\r\n"
        case .expectationFailed: "HTTP/1.1 417 Expectation Failed\r\n"
        case .tooManyRequests: "HTTP/1.1 429 Too Many Requests\r\n"
        case .clientClosedRequest: "HTTP/1.1 499 Client Closed Request\r\n"
        case .internalServerError: "HTTP/1.1 500 Internal Server Error\r\n"
        case .notImplemented: "HTTP/1.1 501 Not Implemented\r\n"
        case .serviceUnavailable: "HTTP/1.1 503 Service Unavailable\r\n"
        case .gatewayTimeout: "HTTP/1.1 504 Gateway Timeout\r\n"
        case .insufficientStorage: "HTTP/1.1 507 Insufficient Storage\r\n"
        }
    }
}

/// What a body is, as `Content-Type` says it.
enum ContentType {
    case json, problem, bytes, text, html, yaml, prometheus, events

    var name: StaticString {
        switch self {
        case .json: "application/json"
        case .problem: "application/problem+json"
        case .bytes: "application/octet-stream"
        case .text: "text/plain; charset=utf-8"
        case .html: "text/html; charset=utf-8"
        case .yaml: "application/yaml"
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .events: "text/event-stream"
        }
    }
}

/// One whole answer, not yet in bytes of HTTP.
struct Reply {
    var status: Status
    var type: ContentType
    /// The state it reflects; `nil` for the newest this node has spoken of.
    var position: ReplyPosition?
    var fields: [Field] = []
    var body: ByteBuffer

    /// A header field beyond those that every answer has.
    enum Field {
        case etag(Revision)
        case createRevision(Revision)
        case version(UInt64)
        case lease(LeaseID)
        case allow(AllowedMethods)
        case retryAfter(seconds: Int64)
        /// Those of every answer of the guest.
        case guest
    }
}
