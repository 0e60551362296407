import Foundation
internal import KeyValue
internal import Primitives

/// A transaction as etcd's clients ask for it: what the store is asked, and what its results are told as.
struct TxnPlan: Sendable {
    /// What was asked for by one operation; one that wants to know what was there is two of the store's.
    private enum Step: Sendable {
        case range(RangePlan)
        case put(tellsPrevious: Bool)
        case delete(tellsPrevious: Bool)
        case transaction(TxnPlan)
    }

    private(set) var transaction: Transaction
    private var then: [Step] = []
    private var otherwise: [Step] = []

    /// Checks a whole transaction, those inside included.
    init(_ request: Etcdserverpb_TxnRequest) throws(RPCStatus) {
        self = try TxnPlan(request, operations: Limits.transactionOperations, depth: 0)
        if transaction.keyWrittenTwice != nil { throw .duplicateKey }
    }

    /// A put by itself.
    init(put request: PutRequest) throws(RPCStatus) {
        transaction = Transaction(comparisons: [], then: [], otherwise: [])
        then = [try Self.step(request, &transaction.then)]
    }

    private init(_ request: Etcdserverpb_TxnRequest, operations limit: Int, depth: Int) throws(RPCStatus) {
        let count = max(request.compare.count, request.success.count, request.failure.count)
        guard count <= limit, depth <= Limits.transactionDepth else { throw .tooManyOperations }
        transaction = Transaction(comparisons: [], then: [], otherwise: [])
        for compare in request.compare {
            guard !compare.key.isEmpty else { throw .emptyKey }
            transaction.comparisons.append(try Transaction.Comparison(compare))
        }
        for operation in request.success {
            then.append(try Self.step(operation, limit - count, depth, &transaction.then))
        }
        for operation in request.failure {
            otherwise.append(try Self.step(operation, limit - count, depth, &transaction.otherwise))
        }
    }

    private static func step(
        _ operation: Etcdserverpb_RequestOp, _ limit: Int, _ depth: Int, _ operations: inout [Transaction.Operation]
    ) throws(RPCStatus) -> Step {
        switch operation.request {
        case .requestRange(let request):
            let plan = try RangePlan(RangeRequest(request))
            operations.append(.get(plan.query))
            return .range(plan)
        case .requestPut(let request): return try step(PutRequest(request), &operations)
        case .requestDeleteRange(let request):
            guard !request.key.isEmpty else { throw .emptyKey }
            let selection = KeySelection(key: request.key, rangeEnd: request.rangeEnd)
            if request.prevKv { operations.append(.get(RangeQuery(selection: selection))) }
            operations.append(.delete(selection))
            return .delete(tellsPrevious: request.prevKv)
        case .requestTxn(let request):
            let plan = try TxnPlan(request, operations: limit, depth: depth + 1)
            operations.append(.transaction(plan.transaction))
            return .transaction(plan)
        case nil: throw .keyNotFound
        }
    }

    private static func step(
        _ request: PutRequest, _ operations: inout [Transaction.Operation]
    ) throws(RPCStatus) -> Step {
        let put = try Put(request)
        if request.wantsPrevious { operations.append(.get(RangeQuery(selection: .key(put.key)))) }
        operations.append(.put(put))
        return .put(tellsPrevious: request.wantsPrevious)
    }

    /// Bytes of all keys and values that the transaction writes or compares.
    var bytes: Int { transaction.bytes }

    // MARK: - The answer

    /// The answer without its header; `nil` when the results are not of this transaction.
    func response(_ result: TransactionResult) -> Etcdserverpb_TxnResponse? {
        // The revision before the first write: every read before it is of that one.
        var revision = result.hasWritten ? Revision(result.revision.rawValue - 1) : result.revision
        return response(result, &revision, reached: result.revision)
    }

    private func response(
        _ result: TransactionResult, _ revision: inout Revision, reached: Revision
    ) -> Etcdserverpb_TxnResponse? {
        var response = Etcdserverpb_TxnResponse()
        response.succeeded = result.succeeded
        var results = result.results[...]
        for step in result.succeeded ? then : otherwise {
            guard let answer = Self.answer(step, &results, &revision, reached) else { return nil }
            response.responses.append(answer)
        }
        return response
    }

    private static func answer(
        _ step: Step, _ results: inout ArraySlice<OperationResult>, _ revision: inout Revision, _ reached: Revision
    ) -> Etcdserverpb_ResponseOp? {
        var answer = Etcdserverpb_ResponseOp()
        switch step {
        case .range(let plan):
            guard case .get(let page)? = results.popFirst() else { return nil }
            var reply = plan.reply(page.records, count: page.count)
            // A transaction reads a page at most.
            if page.more, plan.wanted == 0 || page.records.count < plan.wanted { reply.more = true }
            var response = reply.message
            response.header = .inner(revision)
            answer.responseRange = response
        case .put(let tellsPrevious):
            var response = Etcdserverpb_PutResponse()
            if tellsPrevious {
                guard case .get(let page)? = results.popFirst() else { return nil }
                if let previous = page.records.first { response.prevKv = previous.message }
            }
            guard case .put? = results.popFirst() else { return nil }
            revision = reached
            response.header = .inner(revision)
            answer.responsePut = response
        case .delete(let tellsPrevious):
            var response = Etcdserverpb_DeleteRangeResponse()
            if tellsPrevious {
                guard case .get(let page)? = results.popFirst() else { return nil }
                response.prevKvs = page.records.map(\.message)
            }
            guard case .deleted(let count)? = results.popFirst() else { return nil }
            if count > 0 { revision = reached }
            response.deleted = Int64(count)
            response.header = .inner(revision)
            answer.responseDeleteRange = response
        case .transaction(let plan):
            guard case .transaction(let inner)? = results.popFirst(),
                var response = plan.response(inner, &revision, reached: reached)
            else { return nil }
            response.header = Etcdserverpb_ResponseHeader()
            answer.responseTxn = response
        }
        return answer
    }
}

extension TransactionResult {
    /// Whether any operation, of those inside too, made an event.
    fileprivate var hasWritten: Bool {
        results.contains { result in
            switch result {
            case .put: true
            case .deleted(let count): count > 0
            case .transaction(let inner): inner.hasWritten
            case .get: false
            }
        }
    }
}

extension Transaction {
    fileprivate var bytes: Int {
        comparisons.reduce(0) { $0 + $1.bytes } + (then + otherwise).reduce(0) { $0 + $1.bytes }
    }
}

extension Transaction.Comparison {
    fileprivate var bytes: Int {
        if case .value(let value) = target { selection.bytes + value.count } else { selection.bytes }
    }

    init(_ compare: Etcdserverpb_Compare) throws(RPCStatus) {
        let selection = KeySelection(key: compare.key, rangeEnd: compare.rangeEnd)
        let relation: Transaction.Relation
        switch compare.result {
        case .equal: relation = .equal
        case .notEqual: relation = .notEqual
        case .greater: relation = .greater
        case .less: relation = .less
        case .UNRECOGNIZED(let number): throw .invalid("compare.result is \(number); 0 to 3 are allowed")
        }
        // What is given for another target counts as nothing given, as etcd takes it.
        switch compare.target {
        case .version: self.init(selection, relation, compare.version) { .version($0) }
        case .create: self.init(selection, relation, compare.createRevision) { .createRevision($0) }
        case .mod: self.init(selection, relation, compare.modRevision) { .modRevision($0) }
        case .lease: self.init(selection, relation, compare.lease) { .lease($0) }
        case .value: self.init(selection: selection, target: .value(Bytes(compare.value)), relation: relation)
        case .UNRECOGNIZED(let number): throw .invalid("compare.target is \(number); 0 to 4 are allowed")
        }
    }

    private init(
        _ selection: KeySelection, _ relation: Transaction.Relation, _ number: Int64,
        _ target: (UInt64) -> Transaction.Target
    ) {
        if number >= 0 {
            self.init(selection: selection, target: target(UInt64(number)), relation: relation)
        } else {
            // Nothing in the store is below zero: all of it is greater.
            let holds = relation == .greater || relation == .notEqual
            self.init(selection: selection, target: .version(.max), relation: holds ? .notEqual : .equal)
        }
    }
}

extension Transaction.Operation {
    fileprivate var bytes: Int {
        switch self {
        case .put(let put): put.key.count + put.value.count
        case .get(let query): query.selection.bytes
        case .delete(let selection): selection.bytes
        case .transaction(let inner): inner.bytes
        }
    }
}

extension KeySelection {
    fileprivate var bytes: Int {
        switch self {
        case .key(let key): key.count
        case .range(let from, let to): from.count + (to?.count ?? 0)
        }
    }
}

extension Put {
    /// A put as etcd's clients ask for it, checked.
    init(_ request: PutRequest) throws(RPCStatus) {
        guard !request.key.isEmpty else { throw .emptyKey }
        if request.ignoresValue, !request.value.isEmpty { throw .valueProvided }
        if request.ignoresLease, request.lease != 0 { throw .leaseProvided }
        guard request.key.count <= Limits.keyBytes else { throw .tooLarge }
        let lease: LeaseAttachment =
            if request.ignoresLease { .kept } else if request.lease == 0 { .none } else {
                .existing(LeaseID(UInt64(bitPattern: request.lease)))
            }
        self.init(
            key: request.key, value: request.value, lease: lease, keepsValue: request.ignoresValue)
    }
}
