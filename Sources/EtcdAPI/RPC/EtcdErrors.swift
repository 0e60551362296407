internal import KeyValue
internal import ReplicaCore

/// etcd's errors, by the names that their texts give them.
extension RPCStatus {
    private static func etcd(_ code: RPCCode, _ text: String) -> RPCStatus { RPCStatus(code, "etcdserver: " + text) }

    static let emptyKey = etcd(.invalidArgument, "key is not provided")
    static let keyNotFound = etcd(.invalidArgument, "key not found")
    static let valueProvided = etcd(.invalidArgument, "value is provided")
    static let leaseProvided = etcd(.invalidArgument, "lease is provided")
    static let tooManyOperations = etcd(.invalidArgument, "too many operations in txn request")
    static let duplicateKey = etcd(.invalidArgument, "duplicate key given in txn request")
    static let invalidSort = etcd(.invalidArgument, "invalid sort option")
    static let tooLarge = etcd(.invalidArgument, "request is too large")
    static let compacted = etcd(.outOfRange, "mvcc: required revision has been compacted")
    static let futureRevision = etcd(.outOfRange, "mvcc: required revision is a future revision")
    static let noSpace = etcd(.resourceExhausted, "mvcc: database space exceeded")
    static let leaseNotFound = etcd(.notFound, "requested lease not found")
    static let leaseExists = etcd(.failedPrecondition, "lease already exists")
    static let leaseTooLong = etcd(.outOfRange, "too large lease TTL")
    static let tooManyRequests = etcd(.resourceExhausted, "too many requests")
    static let noLeader = etcd(.unavailable, "no leader")
    static let timeout = etcd(.unavailable, "request timed out")
    static let stopped = etcd(.unavailable, "server stopped")
    static let unhealthy = etcd(.unavailable, "unhealthy cluster")
    static let notLeader = etcd(.failedPrecondition, "not leader")
    static let badTransferee = etcd(.failedPrecondition, "bad leader transferee")
    static let memberNotFound = etcd(.notFound, "member not found")
    static let authNotEnabled = etcd(.failedPrecondition, "authentication is not enabled")
    static let rootUserMissing = etcd(.failedPrecondition, "root user does not exist")
    static let userNotFound = etcd(.failedPrecondition, "user name not found")
    static let roleNotFound = etcd(.failedPrecondition, "role name not found")
    static let watchCancelled = etcd(.cancelled, "watch canceled")
    static let noElectionLeader = RPCStatus(.unknown, "election: no leader")
    static let notElectionLeader = RPCStatus(.unknown, "election: not leader")
    static let leaderFieldMissing = RPCStatus(.unknown, "\"leader\" field must be provided")

    static func unsupported(_ what: String) -> RPCStatus { RPCStatus(.unimplemented, "conclave: " + what) }
    static func invalid(_ what: String) -> RPCStatus { RPCStatus(.invalidArgument, what) }
    static let wrongAnswer = RPCStatus(.internalError, "conclave: this node gave an answer of the wrong kind")

    init(_ failure: CommandFailure) {
        switch failure {
        case .leaseNotFound: self = .leaseNotFound
        case .leaseExists: self = .leaseExists
        case .compacted: self = .compacted
        case .futureRevision: self = .futureRevision
        case .duplicateKey: self = .duplicateKey
        case .keyNotFound: self = .keyNotFound
        case .tooManyLeases(let limit):
            self = RPCStatus(.resourceExhausted, "conclave: there are \(limit) leases, the most that may exist")
        case .quotaExceeded: self = .noSpace
        // No command of this API has conditions of these kinds.
        case .preconditionFailed, .fenced, .candidacyNotFound, .candidacyTaken, .candidacyCondition, .tooManyCandidates,
            .tooManyElections:
            self = .wrongAnswer
        }
    }

    /// What a node that could not answer says. Clients may repeat by themselves only what certainly went nowhere; etcd's
    /// clients repeat writes for none of these.
    init(_ refusal: Refusal) {
        switch refusal {
        case .noLeader: self = .noLeader
        case .timeout: self = .timeout
        case .overloaded: self = .tooManyRequests
        case .outOfSpace: self = .noSpace
        case .notReady: self = .unhealthy
        case .compacted: self = .compacted
        case .stateTooLarge: self = .wrongAnswer
        }
    }
}
