/// Why a request failed, and whether it was applied all the same.
public struct ConclaveError: Error, Hashable, Sendable {
    /// What went wrong.
    public var code: Code
    /// Whether a write that failed so may nevertheless have been applied.
    public var outcome: Outcome
    /// A sentence for people.
    public var detail: String
    /// The HTTP status, when a node answered.
    public var status: Int?
    /// The key as it stands, with ``Code/preconditionFailed``: who got there first.
    public var holder: KeyRecord?
    /// Who leads the election or holds the lock, where the answer told it: with ``Code/conflict`` and
    /// ``Code/preconditionFailed`` of a candidate.
    public var incumbent: Leader?
    /// The number of the election's or lock's last change, with ``Code/fenced`` and of a candidate.
    public var fence: UInt64?
    /// The store's revision, where the answer told it.
    public var revision: UInt64?
    /// The name of the leader, where the answer told it.
    public var leader: String?
    /// The oldest revision still in the history, with ``Code/compacted``.
    public var oldestRevision: UInt64?
    /// When a repetition makes sense, where the answer told it.
    public var retryAfter: Duration?

    /// A failure found on this side of the wire, before any answer.
    public init(_ code: Code, _ detail: String, outcome: Outcome = .notApplied) {
        self.code = code
        self.detail = detail
        self.outcome = outcome
    }

    /// The kinds of failure; each but the last three is one `urn:conclave:error:<code>` of the API.
    public enum Code: Hashable, Sendable {
        /// The condition of a write does not hold; see ``ConclaveError/holder``.
        case preconditionFailed
        /// The leadership in whose name it was asked no longer stands.
        case fenced
        /// There is no such key.
        case notFound
        /// The lease is gone.
        case leaseNotFound
        /// The request is malformed; ``ConclaveError/detail`` names the parameter.
        case badRequest
        /// A revision that the store has not reached was asked for.
        case futureRevision
        /// The resource does not know this method.
        case methodNotAllowed
        /// The id is taken; of a candidate: another process uses it.
        case conflict
        /// The history asked for is gone; see ``ConclaveError/oldestRevision``.
        case compacted
        /// A key, a value or an answer is larger than allowed.
        case tooLarge
        /// The node has too much to do.
        case overloaded
        /// The store is full.
        case quotaExceeded
        /// The cluster has no leader at the moment.
        case noLeader
        /// The node is starting, repairing itself or going away.
        case notReady
        /// The cluster did not answer in time.
        case timeout
        /// No endpoint could be reached.
        case unreachable
        /// A node answered with something that is not this API.
        case malformedAnswer
        /// A code that this version of the library does not know.
        case other(String)
    }

    /// Whether a failed request changed anything.
    public enum Outcome: String, Hashable, Sendable {
        /// Nothing was changed; the request may be made again.
        case notApplied = "not_applied"
        /// The request may or may not have been applied: read before repeating.
        case unknown
    }
}

extension ConclaveError: CustomStringConvertible {
    /// The sentence, with a warning where the outcome is unknown.
    public var description: String {
        outcome == .unknown ? "\(detail) (it is unknown whether the request was applied)" : detail
    }
}

extension ConclaveError.Code {
    /// The word of the API for it.
    public var name: String {
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
        case .unreachable: "unreachable"
        case .malformedAnswer: "malformed-answer"
        case .other(let name): name
        }
    }

    private static let known: [String: Self] = Dictionary(
        uniqueKeysWithValues: [
            .preconditionFailed, .fenced, .notFound, .leaseNotFound, .badRequest, .futureRevision, .methodNotAllowed,
            .conflict, .compacted, .tooLarge, .overloaded, .quotaExceeded, .noLeader, .notReady, .timeout,
        ].map { ($0.name, $0) })

    init(name: String) { self = Self.known[name] ?? .other(name) }
}
