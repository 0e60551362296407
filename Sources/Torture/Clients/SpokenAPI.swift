import FoundationEssentials
internal import HistoryChecker
import LoadGenerator

/// The API that a client speaks.
enum SpokenAPI: Sendable {
    case native
    /// etcd's JSON gateway.
    case etcd

    /// The request that comes nearest: etcd has no conditions on single writes, no long polls, and no guards.
    func invocation(for wish: Invocation) -> Invocation {
        guard self == .etcd else { return wish }
        switch wish {
        case .put(let put) where put.condition != .none:
            return .transaction(
                Transaction(
                    if: [put.condition.comparison(of: put.key)], then: [.put(put.key, put.value, lease: 0)],
                    else: [.get(put.key)]))
        case .delete(let key, let condition) where condition != .none:
            return .transaction(
                Transaction(if: [condition.comparison(of: key)], then: [.delete(key)], else: [.get(key)]))
        case .wait(let key, _, _): return .get(key, .newest)
        case .under(_, let bare): return invocation(for: bare)
        default: return wish
        }
    }

    func request(_ invocation: Invocation, idempotencyKey: String?, time: Duration, plain: Bool) -> LoadRequest {
        switch self {
        case .native:
            WireRequest(invocation, idempotencyKey: idempotencyKey, time: time, plain: plain).loadRequest
        case .etcd: EtcdRequest(invocation).loadRequest
        }
    }

    func attempt(_ answer: Answer, to invocation: Invocation) -> Attempt {
        switch self {
        case .native: WireAnswer(answer, to: invocation).attempt
        case .etcd: EtcdAnswer(answer, to: invocation).attempt
        }
    }
}

extension Invocation.Condition {
    /// As etcd's clients compare; of a key that is to be there its version.
    fileprivate func comparison(of key: String) -> Transaction.Comparison {
        switch self {
        case .none, .present: Transaction.Comparison(key, .version, .greater, "0")
        case .absent: Transaction.Comparison(key, .created, .equal, "0")
        case .unchanged(let revision): Transaction.Comparison(key, .revision, .equal, String(revision))
        }
    }
}
