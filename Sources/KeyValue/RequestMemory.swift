import DequeModule
internal import Primitives

/// The commands that carried an idempotency key, and what they were answered; the oldest are forgotten first.
struct RequestMemory: Sendable {
    private let limit: Int
    private let byteLimit: Int
    /// In the order of their log indexes.
    private(set) var requests = Deque<Remembered>()
    private var byKey: [IdempotencyKey: Remembered] = [:]
    private var bytes = 0
    /// The log index up to which `state.db` was told.
    private var taken: UInt64 = 0
    private var removed: [UInt64] = []

    /// One object for the queue and the index.
    final class Remembered: Sendable {
        let request: StoredRequest
        /// Bytes of keys and values in the result.
        let bytes: Int
        init(_ request: StoredRequest) {
            self.request = request
            bytes = request.result.contentBytes
        }
    }

    init(limit: Int, byteLimit: Int) {
        self.limit = limit
        self.byteLimit = byteLimit
    }

    func result(for key: IdempotencyKey) -> CommandResult? { byKey[key]?.request.result }

    /// Keeps the answer to a key that is not remembered, and forgets what is too much then.
    mutating func remember(_ key: IdempotencyKey, _ result: CommandResult, at index: LogIndex) {
        append(Remembered(StoredRequest(order: index.rawValue, key: key, result: result.withoutLargeWrittenValues)))
        while requests.count > limit || bytes > byteLimit, let oldest = requests.popFirst() {
            bytes -= oldest.bytes
            byKey[oldest.request.key] = nil
            if oldest.request.order <= taken { removed.append(oldest.request.order) }
        }
    }

    private mutating func append(_ remembered: Remembered) {
        requests.append(remembered)
        byKey[remembered.request.key] = remembered
        bytes += remembered.bytes
    }

    // MARK: Keeping

    /// What changed since the last call, in order.
    mutating func takeChanges(at index: LogIndex) -> (upserts: [StoredRequest], removed: [UInt64]) {
        var fresh: [StoredRequest] = []
        for remembered in requests.reversed() {
            if remembered.request.order <= taken { break }
            fresh.append(remembered.request)
        }
        let gone = removed
        removed = []
        taken = index.rawValue
        return (fresh.reversed(), gone)
    }

    /// Takes in requests as they were kept, in any order.
    mutating func restore(_ stored: [StoredRequest], at index: LogIndex) throws(RestoreFailure) {
        for request in stored.sorted(by: { $0.order < $1.order }) {
            let last = requests.last?.request.order ?? 0
            guard byKey[request.key] == nil, request.order > last, request.order <= index.rawValue else {
                throw .duplicateRequest(order: request.order)
            }
            append(Remembered(request))
        }
        taken = index.rawValue
    }
}

extension CommandResult {
    /// Whether a repetition must be answered alike. A store that was full may have room later, and nothing was applied.
    var isDefinite: Bool {
        switch self {
        case .failed(.quotaExceeded), .failed(.tooManyLeases), .failed(.tooManyCandidates),
            .failed(.tooManyElections):
            false
        default: true
        }
    }

    /// The same answer without values above ``Limits/rememberedValueBytes`` that the request itself wrote.
    var withoutLargeWrittenValues: CommandResult {
        switch self {
        case .put(let result): return .put(result.withoutLargeValue)
        case .transaction(let transaction): return .transaction(transaction.withoutLargeWrittenValues)
        default: return self
        }
    }

    /// Bytes of the keys and values in the answer, and a little for each.
    var contentBytes: Int {
        switch self {
        case .put(let result): result.record.contentBytes
        case .transaction(let transaction): transaction.contentBytes
        case .leasesRenewed(let leases): leases.count * MemoryLayout<LeaseGrant?>.stride
        case .failed(.preconditionFailed(let holder)): holder?.contentBytes ?? 0
        case .candidacy(let result): result.summary.contentBytes
        case .resigned(let result): result.summary.contentBytes
        case .failed(.candidacyNotFound(let summary)), .failed(.candidacyTaken(let summary)),
            .failed(.candidacyCondition(let summary)):
            summary.contentBytes
        default: 0
        }
    }
}

extension OperationResult {
    fileprivate var contentBytes: Int {
        switch self {
        case .put(let result): result.record.contentBytes
        case .get(let range): range.records.reduce(0) { $0 + $1.contentBytes }
        case .deleted: 0
        case .transaction(let inner): inner.contentBytes
        }
    }
}

extension TransactionResult {
    fileprivate var contentBytes: Int { results.reduce(0) { $0 + $1.contentBytes } }

    fileprivate var withoutLargeWrittenValues: TransactionResult {
        var copy = self
        for index in copy.results.indices {
            switch copy.results[index] {
            case .put(let result): copy.results[index] = .put(result.withoutLargeValue)
            case .transaction(let inner): copy.results[index] = .transaction(inner.withoutLargeWrittenValues)
            case .get, .deleted: break
            }
        }
        return copy
    }
}

extension PutResult {
    fileprivate var withoutLargeValue: PutResult {
        guard record.value.count > Limits.rememberedValueBytes else { return self }
        var result = self
        result.record = record.withoutValue
        return result
    }
}

extension ElectionSummary {
    fileprivate var contentBytes: Int { election.name.count + (leader?.bytes ?? 0) }
}

extension KeyRecord {
    fileprivate var contentBytes: Int { Version.bytes(key: key, value: value) }
}
