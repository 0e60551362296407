import KeyValue
import Primitives
import Testing

/// Feeds a store with entries as a log would: indexes follow each other, time stands unless moved.
struct Driver {
    var store: Store
    var term = Term(1)
    var time = ClusterTime.zero

    init(bounds: StoreBounds = StoreBounds()) { store = Store(bounds: bounds) }

    var nextPosition: ApplyPosition { ApplyPosition(index: store.appliedIndex.next, term: term, time: time) }

    @discardableResult
    mutating func apply(_ command: Command, key: IdempotencyKey? = nil) -> Applied {
        store.apply(Proposal(idempotencyKey: key, command: command), at: nextPosition)
    }

    @discardableResult
    mutating func apply(_ command: Command, fence: FenceCondition) -> Applied {
        store.apply(Proposal(fence: fence, command: command), at: nextPosition)
    }

    @discardableResult
    mutating func put(
        _ key: String, _ value: String = "", if precondition: Precondition = .none, lease: LeaseAttachment = .none
    ) -> CommandResult {
        apply(.put(Put(key: bytes(key), value: bytes(value), precondition: precondition, lease: lease))).result
    }

    @discardableResult
    mutating func delete(_ selection: KeySelection, if precondition: Precondition = .none) -> CommandResult {
        apply(.delete(Delete(selection: selection, precondition: precondition))).result
    }

    @discardableResult
    mutating func transaction(
        if comparisons: [Transaction.Comparison] = [], then: [Transaction.Operation],
        otherwise: [Transaction.Operation] = []
    ) -> CommandResult {
        apply(.transaction(Transaction(comparisons: comparisons, then: then, otherwise: otherwise))).result
    }

    mutating func pass(_ span: TimeSpan) { time = time + span }

    func record(_ key: String, at revision: Revision? = nil) -> KeyRecord? {
        page(.key(bytes(key)), at: revision)?.records.first
    }

    func page(_ selection: KeySelection, at revision: Revision? = nil, limit: Int = 0) -> RangeResult? {
        guard case .range(let page) = query(selection, at: revision, limit: limit) else { return nil }
        return page
    }

    func query(_ selection: KeySelection, at revision: Revision? = nil, limit: Int = 0) -> QueryResult {
        store.query(.range(RangeQuery(selection: selection, limit: limit, at: revision)))
    }

    /// Everything after `revision`, however many pages that takes; `nil` when it is compacted.
    func events(after revision: Revision, _ selections: [KeySelection] = [everything], limit: Int = 512) -> [Event]? {
        var events: [Event] = []
        var reached = revision
        while reached < store.revision {
            guard
                case .events(let page, let scanned) = store.events(
                    after: reached, selections: selections, limit: limit)
            else { return nil }
            events += page.flatMap(\.events)
            guard scanned > reached else {
                Issue.record("a page after \(reached) got no further")
                return events
            }
            reached = scanned
        }
        return events
    }
}

let everything = KeySelection.prefix([])

func bytes(_ string: String) -> Bytes { Bytes(string.utf8) }
func key(_ string: String) -> KeySelection { .key(bytes(string)) }
func prefix(_ string: String) -> KeySelection { .prefix(bytes(string)) }

func put(_ key: String, _ value: String = "", lease: LeaseAttachment = .none) -> Transaction.Operation {
    .put(Put(key: bytes(key), value: bytes(value), lease: lease))
}

func get(_ selection: KeySelection, at revision: Revision? = nil) -> Transaction.Operation {
    .get(RangeQuery(selection: selection, at: revision))
}

extension CommandResult {
    var failure: CommandFailure? { if case .failed(let failure) = self { failure } else { nil } }
    var written: PutResult? { if case .put(let result) = self { result } else { nil } }
    var committed: TransactionResult? { if case .transaction(let result) = self { result } else { nil } }
}

extension Event {
    var previous: KeyRecord? {
        switch self {
        case .put(_, let previous), .delete(_, _, _, let previous): previous
        }
    }

    var reason: DeletionReason? { if case .delete(_, _, let reason, _) = self { reason } else { nil } }
}
