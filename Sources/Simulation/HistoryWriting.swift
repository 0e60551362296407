internal import HistoryChecker
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// Makes the checker's records from a world's.
///
/// Moments are nanoseconds here and microseconds there, where a request is never sent later, nor answered earlier. How long
/// leases last is what it comes to on the fastest clock of the world: nothing more is promised to anybody.
struct HistoryWriting {
    private let record: ClientRecord
    private let facts: History

    init(_ record: ClientRecord, _ facts: History) {
        self.record = record
        self.facts = facts
    }

    func history(end: Int64) -> RecordedHistory {
        var history = RecordedHistory()
        history.end = end / 1000 + 1
        history.operations.reserveCapacity(record.answered.count)
        for answered in record.answered { if let one = operation(answered) { history.operations.append(one) } }
        for told in record.told { write(told, into: &history.watches["w\(told.watch.rawValue)", default: Watched()]) }
        for observed in record.observed {
            write(observed, into: &history.watches["o\(observed.watch.rawValue)", default: Watched()])
        }
        for revision in facts.model.events { for event in revision.events { history.log.append(Change(event)) } }
        for (_, events) in facts.elections.events.sorted(by: { $0.key < $1.key }) {
            history.offices += events.map { Office.Change($0) }
        }
        return history
    }

    // MARK: - Watches

    private func write(_ told: ClientRecord.Told, into watched: inout Watched) {
        let time = told.time / 1000 + 1
        func add(_ event: Watched.Event) { watched.deliveries.append(Watched.Delivery(time: time, event)) }
        switch told.news {
        case .opened(let selections, let records, let revision):
            watched.selections = selections.map { Watched.Selection($0) }
            if let records {
                add(.state(records.map { Record($0) }, revision: revision.rawValue))
            } else {
                add(.opened(after: revision.rawValue))
            }
        case .events(let batch):
            for revision in batch.revisions {
                for event in revision.events {
                    add(.change(Change(event), previous: event.previous.map { Record($0) }))
                }
            }
        case .progress(let revision): add(.progress(revision.rawValue))
        case .broken: add(.broken)
        case .closed(let revision): add(.closed(revision.rawValue))
        }
    }

    // MARK: - Operations

    /// `nil` for what the checker has no word for, and for watches, which are told apart.
    private func operation(_ answered: ClientRecord.Answered) -> HistoryChecker.Operation? {
        guard let invocation = invocation(answered.call.request) else { return nil }
        let key: IdempotencyKey? =
            if case .write(let proposal) = answered.call.request { proposal.idempotencyKey } else { nil }
        return HistoryChecker.Operation(
            client: "c\(answered.call.client)", node: "n\(answered.call.node + 1)", call: answered.call.sentAt / 1000,
            end: answered.end / 1000 + 1, idempotencyKey: key.map { "\($0.client)/\($0.number)" }, invocation,
            response(answered))
    }

    private func invocation(_ request: ClientRequest) -> Invocation? {
        switch request {
        case .write(let proposal):
            invocation(proposal.command).map { bare in
                proposal.fence.map { .under(Office.Guard($0), bare) } ?? bare
            }
        case .renew(let leases): .renew(leases.map(\.rawValue))
        // A past revision of whatever a node has in its memory: there is nothing but the node to hold that against.
        case .read(.range(let query), .stale) where query.at != nil: nil
        case .read(.range(let query), let consistency): invocation(query, consistency)
        case .read(.lease(let id), _): .lease(id.rawValue)
        case .read(.leases(let first, let limit), _): .leases(start: first.rawValue, limit: limit > 0 ? limit : nil)
        case .read, .watch, .observe: nil
        }
    }

    private func invocation(_ command: Command) -> Invocation? {
        switch command {
        case .put(let put) where put.keepsValue || put.lease == .kept:
            .transaction(HistoryChecker.Transaction(if: [], then: [step(put)]))
        case .put(let put):
            .put(Invocation.Put(keyText(put.key), valueText(put.value), condition(put), lease: attachment(put)))
        case .delete(let delete):
            switch delete.selection {
            case .key(let key): .delete(keyText(key), condition(delete.precondition))
            case .range: .clear(prefixText(delete.selection))
            }
        case .transaction(let transaction): .transaction(self.transaction(transaction))
        case .grantLease(let id, let ttl): .grant(id.rawValue, ttl: promised(ttl))
        case .revokeLease(let id): .revoke(id.rawValue)
        case .campaign(let campaign): invocation(campaign)
        case .resign(let resignation): invocation(resignation)
        case .discardHistory(let first): .compact(first.rawValue)
        default: nil
        }
    }

    private func invocation(_ query: RangeQuery, _ consistency: ReadConsistency) -> Invocation {
        let point: Invocation.Point =
            if let at = query.at { .at(at.rawValue) } else if consistency == .stale { .stale } else { .newest }
        return if case .key(let key) = query.selection, query.isPlain { .get(keyText(key), point) } else {
            .list(listing(query, point))
        }
    }

    private func listing(_ query: RangeQuery, _ point: Invocation.Point) -> Invocation.Listing {
        Invocation.Listing(
            prefixText(query.selection), limit: query.limit > 0 ? query.limit : nil, point, keysOnly: query.keysOnly,
            countOnly: query.countOnly)
    }

    private func condition(_ put: Put) -> Invocation.Condition { condition(put.precondition) }

    private func condition(_ condition: Precondition) -> Invocation.Condition {
        switch condition {
        case .none: .none
        case .absent: .absent
        case .present: .present
        case .unchanged(let revision): .unchanged(revision.rawValue)
        }
    }

    private func attachment(_ put: Put) -> Invocation.Attachment {
        switch put.lease {
        case .none, .kept: .none
        case .existing(let id): .existing(id.rawValue)
        case .new(_, let ttl): .new(ttl: promised(ttl))
        }
    }

    private func transaction(_ transaction: KeyValue.Transaction) -> HistoryChecker.Transaction {
        HistoryChecker.Transaction(
            if: transaction.comparisons.map { comparison($0) }, then: transaction.then.map { step($0) },
            else: transaction.otherwise.map { step($0) })
    }

    private func comparison(_ comparison: KeyValue.Transaction.Comparison) -> HistoryChecker.Transaction.Comparison {
        let relation: HistoryChecker.Transaction.Relation =
            switch comparison.relation {
            case .equal: .equal
            case .notEqual: .unequal
            case .less: .less
            case .greater: .greater
            }
        let (target, operand): (HistoryChecker.Transaction.Target, String) =
            switch comparison.target {
            case .modRevision(let number): (.revision, "\(number)")
            case .createRevision(let number): (.created, "\(number)")
            case .version(let number): (.version, "\(number)")
            case .lease(let number): (.lease, String(number, radix: 16))
            case .value(let bytes): (.value, valueText(bytes))
            }
        switch comparison.selection {
        case .key(let key): return .init(keyText(key), target, relation, operand)
        case .range: return .init(prefixText(comparison.selection), isPrefix: true, target, relation, operand)
        }
    }

    private func step(_ operation: KeyValue.Transaction.Operation) -> HistoryChecker.Transaction.Step {
        switch operation {
        case .put(let put): step(put)
        case .get(let query):
            if case .key(let key) = query.selection, query.isPlain, query.at == nil {
                .get(keyText(key))
            } else {
                .list(listing(query, query.at.map { .at($0.rawValue) } ?? .newest))
            }
        case .delete(.key(let key)): .delete(keyText(key))
        case .delete(let selection): .clear(prefixText(selection))
        case .transaction(let inner): .transaction(transaction(inner))
        }
    }

    private func step(_ put: Put) -> HistoryChecker.Transaction.Step {
        let lease: UInt64? =
            switch put.lease {
            case .none, .new: 0
            case .existing(let id): id.rawValue
            case .kept: nil
            }
        if !put.keepsValue, let lease { return .put(keyText(put.key), valueText(put.value), lease: lease) }
        return .keep(keyText(put.key), value: put.keepsValue ? nil : valueText(put.value), lease: lease)
    }
}

// MARK: - Answers

extension HistoryWriting {
    private func response(_ answered: ClientRecord.Answered) -> Response {
        switch answered.reply {
        case nil: answered.call.wasDelivered ? .unknown : .failed("connection")
        case .refused(let refusal, _): refusal.mayBeApplied ? .unknown : .failed("refused")
        case .renewed(let grants, let position):
            .renewed(grants.map { $0.map { promised($0.remaining) } }, revision: position.revision.rawValue)
        case .read(let result, let position): response(result, position.revision.rawValue)
        case .written(let result, let position):
            response(result, position.revision.rawValue, isStep: answered.call.request.keepsSomething)
        case .watching, .observing: .failed("no answer")
        }
    }

    private func response(_ result: QueryResult, _ revision: UInt64) -> Response {
        switch result {
        case .range(let page): .read(self.page(page), revision: revision)
        case .lease(let status?): .lease(status.keys.map { keyText($0) }, revision: revision)
        case .lease(nil): .gone(revision: revision)
        case .leases(let page): .leases(page.grants.map(\.id.rawValue), more: page.more, revision: revision)
        default: .failed("refused")
        }
    }

    /// - Parameter isStep: whether it answers a put that is told as a transaction of one step.
    private func response(_ result: CommandResult, _ revision: UInt64, isStep: Bool) -> Response {
        switch result {
        case .put(let put) where isStep:
            .transaction(succeeded: true, [.put(written(put))], revision: put.record.modRevision.rawValue)
        case .put(let put): .put(written(put))
        case .deleted(let count, let revision): .deleted(count, revision: revision.rawValue)
        case .transaction(let result):
            .transaction(
                succeeded: result.succeeded, result.results.map { step($0) }, revision: result.revision.rawValue)
        case .leaseGranted(let grant): .granted(self.grant(grant), revision: revision)
        case .leaseRevoked(_, let count, let revision): .revoked(count, revision: revision.rawValue)
        case .failed(.preconditionFailed(let holder)): .refused(holder: holder.map { Record($0) }, revision: revision)
        case .failed(.leaseNotFound): .gone(revision: revision)
        case .candidacy(let result): .offices(answer(result), revision: revision)
        case .resigned(let result):
            .offices(
                .resigned(wasLeading: result.wasLeading, Office.Standing(result.summary)), revision: revision)
        case .failed(let failure): answer(failure).map { .offices($0, revision: revision) } ?? .failed("refused")
        case .compacted: .done(revision: revision)
        default: .failed("refused")
        }
    }

    private func step(_ result: OperationResult) -> Response.StepResult {
        switch result {
        case .put(let put): .put(written(put))
        case .get(let page): .read(self.page(page))
        case .deleted(let count): .deleted(count)
        case .transaction(let inner):
            .transaction(
                succeeded: inner.succeeded, inner.results.map { step($0) }, revision: inner.revision.rawValue)
        }
    }

    private func written(_ put: PutResult) -> Response.Written {
        Response.Written(
            revision: put.record.modRevision.rawValue, created: put.record.createRevision.rawValue,
            version: put.record.version, isNew: put.created, grant: put.lease.map { grant($0) })
    }

    private func page(_ page: RangeResult) -> Response.Page {
        Response.Page(page.records.map { Record($0) }, count: page.count, more: page.more)
    }

    func grant(_ grant: LeaseGrant) -> Response.Grant {
        Response.Grant(lease: grant.id.rawValue, ttl: promised(grant.ttl), valid: promised(grant.remaining))
    }

    /// In milliseconds.
    func promised(_ span: TimeSpan) -> Int64 { facts.shortest(span) / 1_000_000 }
}

// MARK: - Words

func keyText(_ bytes: Bytes) -> String { String(decoding: bytes, as: UTF8.self) }

/// The dots that make values long are counted, so that few of them take memory of their own.
func valueText(_ bytes: Bytes) -> String {
    guard let start = bytes.firstIndex(of: World.padding), bytes[start...].allSatisfy({ $0 == World.padding }) else {
        return keyText(bytes)
    }
    return "\(String(decoding: bytes[..<start], as: UTF8.self))+\(bytes.count - start)"
}

/// The prefix that a range was made from.
private func prefixText(_ selection: KeySelection) -> String {
    switch selection {
    case .key: preconditionFailure("only ranges are listed")
    case .range(let from, _):
        precondition(selection == .prefix(from), "clients ask for ranges by their prefix")
        return keyText(from)
    }
}

extension RangeQuery {
    /// Whether it reads all of what it selects.
    fileprivate var isPlain: Bool { limit == 0 && !keysOnly && !countOnly }
}

extension ClientRequest {
    fileprivate var keepsSomething: Bool {
        if case .write(let proposal) = self, case .put(let put) = proposal.command {
            put.keepsValue || put.lease == .kept
        } else {
            false
        }
    }
}

extension Record {
    fileprivate init(_ record: KeyRecord) {
        self.init(
            key: keyText(record.key), value: valueText(record.value), revision: record.modRevision.rawValue,
            created: record.createRevision.rawValue, version: record.version, lease: record.lease?.rawValue ?? 0)
    }
}

extension Change {
    fileprivate init(_ event: Event) {
        switch event {
        case .put(let record, _): self.init(put: Record(record))
        case .delete(let key, let revision, let reason, _):
            let why: Reason =
                switch reason {
                case .deleted: .deleted
                case .expired: .expired
                case .revoked: .revoked
                }
            self.init(delete: keyText(key), at: revision.rawValue, why)
        }
    }
}

extension Event {
    fileprivate var previous: KeyRecord? {
        switch self {
        case .put(_, let previous), .delete(_, _, _, let previous): previous
        }
    }
}

extension Watched.Selection {
    fileprivate init(_ selection: KeySelection) {
        switch selection {
        case .key(let key): self = .key(keyText(key))
        case .range: self = .prefix(prefixText(selection))
        }
    }
}
