/// What an operation comes to in the state of a revision, by the rules of the service.
struct Replay {
    private let log: StoreLog
    /// The state the operation meets.
    private let revision: UInt64
    /// The revision its own writes get.
    private let written: UInt64
    /// What it has written so far; `nil` for what it deleted.
    private var overlay: [String: Record?] = [:]
    private(set) var changes: [Expected] = []

    /// One change that the operation makes.
    struct Expected {
        var key: String
        /// `nil` for a deletion.
        var value: String?
        /// `nil` for one that the service draws.
        var lease: UInt64?
        var reason = Change.Reason.deleted
    }

    init(in log: StoreLog, at revision: UInt64) {
        self.log = log
        self.revision = revision
        written = revision + 1
    }

    private func record(of key: String) -> Record? {
        if let written = overlay[key] { return written }
        return log.record(of: key, at: revision)
    }

    /// Carries a write out. Returns what it is answered, as far as that does not depend on time; `nil` for an operation
    /// that is not a write of keys.
    mutating func carryOut(_ invocation: Invocation) -> Response? {
        switch invocation {
        case .put(let put):
            guard put.condition.holds(for: record(of: put.key)) else {
                return .refused(holder: record(of: put.key), revision: revision)
            }
            return .put(write(put.key, put.value, lease: put.lease.lease))
        case .delete(let key, let condition):
            guard condition.holds(for: record(of: key)) else {
                return .refused(holder: record(of: key), revision: revision)
            }
            return .deleted(delete([key]), revision: reached)
        case .clear(let prefix):
            return .deleted(delete(living(prefix).map(\.key)), revision: reached)
        case .transaction(let transaction):
            guard let (succeeded, results) = perform(transaction) else { return nil }
            return .transaction(succeeded: succeeded, results, revision: reached)
        case .revoke(let lease):
            let keys = log.keys(on: lease, at: revision)
            return .revoked(delete(keys, .revoked), revision: reached)
        case .line(let request):
            guard let transaction = request.transaction else { return nil }
            let holds = transaction.comparisons.allSatisfy { $0.holds(for: record(of: $0.key)) }
            if holds { for step in transaction.then { _ = perform(step) } }
            return .done(revision: reached)
        case .under(_, let bare): return carryOut(bare)
        case .get, .wait, .list, .grant, .renew, .lease, .leases, .campaign, .resign, .offices, .compact: return nil
        }
    }

    /// The revision an answer names once everything so far was done.
    private var reached: UInt64 { changes.isEmpty ? revision : written }

    /// `nil` when it is refused as a whole: something that is to be kept is not there.
    private mutating func perform(_ transaction: Transaction) -> (succeeded: Bool, [Response.StepResult])? {
        let succeeded = holds(transaction.comparisons)
        var results: [Response.StepResult] = []
        for step in succeeded ? transaction.then : transaction.otherwise {
            guard let result = perform(step) else { return nil }
            results.append(result)
        }
        return (succeeded, results)
    }

    /// Comparisons look at the state that the whole operation meets.
    private func holds(_ comparisons: [Transaction.Comparison]) -> Bool {
        comparisons.allSatisfy { comparison in
            guard comparison.isPrefix else {
                return comparison.holds(for: log.record(of: comparison.key, at: revision))
            }
            let met = log.keys(with: comparison.key).compactMap { log.record(of: $0, at: revision) }
            return met.isEmpty ? comparison.holds(for: nil) : met.allSatisfy { comparison.holds(for: $0) }
        }
    }

    private mutating func perform(_ step: Transaction.Step) -> Response.StepResult? {
        switch step {
        case .put(let key, let value, let lease): return .put(write(key, value, lease: lease))
        case .keep(let key, let value, let lease):
            guard log.record(of: key, at: revision) != nil, let kept = record(of: key) else { return nil }
            return .put(write(key, value ?? kept.value, lease: lease ?? kept.lease))
        case .get(let key): return .read(Response.Page(all: record(of: key).map { [$0] } ?? []))
        case .list(let listing): return .read(page(listing))
        case .delete(let key): return .deleted(delete([key]))
        case .clear(let prefix): return .deleted(delete(living(prefix).map(\.key)))
        case .transaction(let inner):
            guard let (succeeded, results) = perform(inner) else { return nil }
            return .transaction(succeeded: succeeded, results, revision: reached)
        }
    }

    private func page(_ listing: Invocation.Listing) -> Response.Page {
        guard case .at(let point) = listing.point, point < reached else {
            return listing.page(of: living(listing.prefix))
        }
        return listing.page(of: log.keys(with: listing.prefix).compactMap { log.record(of: $0, at: point) })
    }

    private mutating func write(_ key: String, _ value: String, lease: UInt64?) -> Response.Written {
        let before = record(of: key)
        let record = Record(
            key: key, value: value, revision: written, created: before?.created ?? written,
            version: (before?.version ?? 0) + 1, lease: lease ?? 0)
        overlay[key] = record
        changes.append(Expected(key: key, value: value, lease: lease))
        return Response.Written(
            revision: written, created: record.created, version: record.version, isNew: before == nil)
    }

    private mutating func delete(_ keys: [String], _ reason: Change.Reason = .deleted) -> Int {
        let living = keys.filter { record(of: $0) != nil }
        for key in living {
            overlay[key] = Record?.none
            changes.append(Expected(key: key, value: nil, lease: 0, reason: reason))
        }
        return living.count
    }

    /// The living keys with a prefix, in byte order.
    private func living(_ prefix: String) -> [Record] { log.keys(with: prefix).compactMap { record(of: $0) } }

    /// Whether the changes are those of a revision.
    func matches(_ found: ArraySlice<Change>) -> Bool {
        guard found.count == changes.count else { return false }
        return changes.allSatisfy { expected in
            found.contains { change in
                guard change.key == expected.key else { return false }
                guard let value = expected.value else { return change.reason == expected.reason }
                guard let record = change.record, record.value == value else { return false }
                return expected.lease.map { $0 == record.lease } ?? (record.lease != 0)
            }
        }
    }
}

extension Invocation.Attachment {
    /// The lease of the written key; `nil` for one that the service draws.
    fileprivate var lease: UInt64? {
        switch self {
        case .none: 0
        case .existing(let id): id
        case .new: nil
        }
    }
}

extension Invocation.Condition {
    func holds(for record: Record?) -> Bool {
        switch self {
        case .none: true
        case .absent: record == nil
        case .present: record != nil
        case .unchanged(let revision): record?.revision == revision
        }
    }
}

extension Transaction.Comparison {
    /// An absent key has 0 everywhere and no value.
    fileprivate func holds(for record: Record?) -> Bool {
        switch target {
        case .revision: relation.holds(record?.revision ?? 0, number)
        case .created: relation.holds(record?.created ?? 0, number)
        case .version: relation.holds(record?.version ?? 0, number)
        case .lease: relation.holds(record?.lease ?? 0, UInt64(operand, radix: 16) ?? 0)
        case .value: record.map { relation.holds(Array($0.value.utf8), Array(operand.utf8)) } ?? false
        }
    }

    private var number: UInt64 { UInt64(operand) ?? 0 }
}

extension Transaction.Relation {
    fileprivate func holds(_ left: UInt64, _ right: UInt64) -> Bool {
        switch self {
        case .equal: left == right
        case .unequal: left != right
        case .less: left < right
        case .greater: left > right
        }
    }

    fileprivate func holds(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        switch self {
        case .equal: left == right
        case .unequal: left != right
        case .less: left.lexicographicallyPrecedes(right)
        case .greater: right.lexicographicallyPrecedes(left)
        }
    }
}

extension Response {
    /// Whether this, which a replay came to, is what was told, as far as it was told and does not depend on time.
    ///
    /// - Parameter before: what the written key was.
    func agrees(with told: Response, before: Record?) -> Bool {
        switch (self, told) {
        case (.put(let written), .wrote(let previous, let revision)):
            written.revision == revision && previous == before
        case (.transaction(let succeeded, let results, let revision), .transaction(let told, let parts, let at)):
            succeeded == told && revision == at && results.count == parts.count
                && zip(results, parts).allSatisfy { $0.agrees(with: $1) }
        case (_, .done(let revision)): self.revision == revision
        default: self == told.withoutTime
        }
    }

    /// Without what depends on time, to be compared with a replay.
    var withoutTime: Response {
        switch self {
        case .put(let written): .put(written.withoutTime)
        case .transaction(let succeeded, let results, let revision):
            .transaction(succeeded: succeeded, results.map(\.withoutTime), revision: revision)
        default: self
        }
    }
}

extension Response.StepResult {
    fileprivate func agrees(with told: Response.StepResult) -> Bool {
        switch (self, told) {
        case (.put, .wrote): true
        case (.transaction(let succeeded, let results, let revision), .transaction(let told, let parts, let at)):
            succeeded == told && revision == at && results.count == parts.count
                && zip(results, parts).allSatisfy { $0.agrees(with: $1) }
        default: self == told.withoutTime
        }
    }

    fileprivate var withoutTime: Response.StepResult {
        switch self {
        case .put(let written): .put(written.withoutTime)
        case .transaction(let succeeded, let results, let revision):
            .transaction(succeeded: succeeded, results.map(\.withoutTime), revision: revision)
        case .read, .deleted, .wrote: self
        }
    }
}

extension Response.Written {
    fileprivate var withoutTime: Response.Written {
        var written = self
        written.grant = nil
        return written
    }
}
