/// How a call ended. The texts are part of the interface: clients compare them.
struct RPCStatus: Error, Hashable, Sendable {
    var code: RPCCode
    var message: String

    init(_ code: RPCCode, _ message: String) {
        self.code = code
        self.message = message
    }

    static let ok = RPCStatus(.ok, "")
}

/// The codes of gRPC, with their numbers on the wire.
enum RPCCode: Int, Sendable, CaseIterable {
    case ok, cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
    case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, internalError, unavailable
    case dataLoss, unauthenticated

    /// The status that the gateway answers with.
    var httpStatus: Int {
        switch self {
        case .ok: 200
        case .cancelled: 499
        case .unknown, .internalError, .dataLoss: 500
        case .invalidArgument, .failedPrecondition, .outOfRange: 400
        case .deadlineExceeded: 504
        case .notFound: 404
        case .alreadyExists, .aborted: 409
        case .permissionDenied: 403
        case .unauthenticated: 401
        case .resourceExhausted: 429
        case .unimplemented: 501
        case .unavailable: 503
        }
    }

    /// The reason phrase of ``httpStatus``, as errors in streams carry it.
    var httpReason: String {
        switch httpStatus {
        case 200: "OK"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 409: "Conflict"
        case 429: "Too Many Requests"
        case 499: "Client Closed Request"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        default: "Internal Server Error"
        }
    }
}
