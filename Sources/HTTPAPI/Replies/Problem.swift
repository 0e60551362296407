import KeyValue
internal import Primitives

/// Why a request is not answered as asked, in the form that becomes an `application/problem+json` document.
struct Problem: Error, Equatable {
    var code: Code
    /// A sentence for a person: what came, and what is allowed.
    var detail: String
    var outcome: Outcome = .notApplied
    var help: Help = .none

    enum Code: Equatable, CaseIterable {
        case preconditionFailed, fenced, notFound, leaseNotFound, badRequest, futureRevision, methodNotAllowed, conflict
        case compacted, tooLarge, overloaded, quotaExceeded, noLeader, notReady, timeout
    }

    /// Whether the request took effect.
    enum Outcome: Equatable {
        case notApplied, unknown
    }

    /// What the problem carries beyond words.
    enum Help: Equatable {
        case none
        case holder(KeyRecord?)
        case oldest(Revision)
        case revision(Revision)
        case retry(after: TimeSpan)
        case election(ElectionSummary)
        case fence(Fence)
        case allow(AllowedMethods)
    }

    static func badRequest(_ detail: String) -> Problem { Problem(code: .badRequest, detail: detail) }
    static func notFound(_ detail: String) -> Problem { Problem(code: .notFound, detail: detail) }
    static func tooLarge(_ detail: String) -> Problem { Problem(code: .tooLarge, detail: detail) }
    static func leaseNotFound(_ id: LeaseID) -> Problem {
        Problem(code: .leaseNotFound, detail: "there is no lease \(hexadecimal(id)); it ended or never was")
    }
}

/// The methods a resource has, as `Allow` lists them.
enum AllowedMethods: String, Equatable {
    case get = "GET, HEAD"
    case post = "POST"
    case getPost = "GET, HEAD, POST"
    case getDelete = "GET, HEAD, DELETE"
    case putDelete = "PUT, DELETE"
    case getPutDelete = "GET, HEAD, PUT, DELETE"
}

extension Problem.Code {
    /// The last part of `urn:conclave:error:<code>`.
    var name: StaticString {
        switch self {
        case .preconditionFailed: "precondition-failed"
        case .fenced: "fenced"
        case .notFound: "not-found"
        case .leaseNotFound: "lease-not-found"
        case .badRequest: "bad-request"
        case .futureRevision: "future-revision"
        case .methodNotAllowed: "method-not-allowed"
        case .conflict: "conflict"
        case .compacted: "compacted"
        case .tooLarge: "too-large"
        case .overloaded: "overloaded"
        case .quotaExceeded: "quota-exceeded"
        case .noLeader: "no-leader"
        case .notReady: "not-ready"
        case .timeout: "timeout"
        }
    }

    var title: StaticString {
        switch self {
        case .preconditionFailed: "The precondition does not hold"
        case .fenced: "The leadership does not stand any more"
        case .notFound: "There is nothing here"
        case .leaseNotFound: "There is no such lease"
        case .badRequest: "The request is not valid"
        case .futureRevision: "The revision is not reached yet"
        case .methodNotAllowed: "The resource does not have this method"
        case .conflict: "The id is taken"
        case .compacted: "The history asked for is gone"
        case .tooLarge: "The request is too large"
        case .overloaded: "Too much is waiting already"
        case .quotaExceeded: "The store is full"
        case .noLeader: "The cluster has no leader now"
        case .notReady: "This node does not serve now"
        case .timeout: "The time was over before an answer came"
        }
    }

    var status: Status {
        switch self {
        case .preconditionFailed, .fenced: .preconditionFailed
        case .notFound, .leaseNotFound: .notFound
        case .badRequest, .futureRevision: .badRequest
        case .methodNotAllowed: .methodNotAllowed
        case .conflict: .conflict
        case .compacted: .gone
        case .tooLarge: .contentTooLarge
        case .overloaded: .tooManyRequests
        case .quotaExceeded: .insufficientStorage
        case .noLeader, .notReady: .serviceUnavailable
        case .timeout: .gatewayTimeout
        }
    }

}

/// A lease's id as clients write it.
func hexadecimal(_ lease: LeaseID) -> String {
    let digits = String(lease.rawValue, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
