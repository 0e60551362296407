import KeyValue
import Primitives

/// The state machine again, as plainly as it can be written: arrays, linear scans, nothing shared with the real one.
struct Model {
    let bounds: StoreBounds
    var index: UInt64 = 0
    var term = Term.zero
    var time = ClusterTime.zero
    var revision = Revision.empty
    var compacted = Revision.zero
    /// Everything that ever happened, compacted or not.
    var versions: [StoredVersion] = []
    var events: [Event] = []
    var leases: [StoredLease] = []
    var remembered: [StoredRequest] = []
    /// In the order of their ids.
    var elections: [ModelElection] = []
    /// Whether the open revision has an event.
    private var isDirty = false

    init(bounds: StoreBounds) { self.bounds = bounds }

    mutating func apply(_ proposal: Proposal, at position: ApplyPosition) -> (CommandResult, [Event], repeated: Bool) {
        index = position.index.rawValue
        term = position.term
        time = max(time, position.time)
        if let key = proposal.idempotencyKey, let first = remembered.first(where: { $0.key == key }) {
            if case .candidacy(let result) = first.result {
                let id = CandidacyID(election: result.summary.election, candidate: result.candidate)
                return (.candidacy(self.result(id, created: result.created)), [], true)
            }
            return (first.result.telling { grant($0)?.remaining ?? .zero }, [], true)
        }
        let before = self
        let known = events.count
        let result: CommandResult
        do throws(CommandFailure) {
            if let fence = proposal.fence {
                let summary = summary(fence.election)
                if summary.leader?.fence != fence.fence { throw .fenced(fence.election, now: summary.fence) }
            }
            result = try carryOut(proposal.command)
            if isDirty { revision = revision.next }
            isDirty = false
        } catch {
            self = before
            result = .failed(error)
        }
        if let key = proposal.idempotencyKey, !isTransient(result) {
            remembered.append(StoredRequest(order: index, key: key, result: result))
            if remembered.count > bounds.rememberedRequests { remembered.removeFirst() }
        }
        return (result, Array(events[known...]), false)
    }

    private func isTransient(_ result: CommandResult) -> Bool {
        switch result {
        case .failed(.quotaExceeded), .failed(.tooManyLeases), .failed(.tooManyCandidates),
            .failed(.tooManyElections):
            true
        default: false
        }
    }

    private mutating func carryOut(_ command: Command) throws(CommandFailure) -> CommandResult {
        switch command {
        case .put(let put):
            try check(put.precondition, put.key)
            try requireAttachable(put.lease)
            try requirePresent(put, in: self)
            try requireRoom(cost(put))
            return .put(write(put))
        case .delete(let delete):
            if case .key(let key) = delete.selection { try check(delete.precondition, key) }
            let count = remove(delete.selection)
            return .deleted(count: count, revision: reached)
        case .transaction(let transaction): return try carryOut(transaction)
        case .grantLease(let id, let ttl):
            try requireAttachable(.new(id, ttl: ttl))
            add(id, ttl)
            return .leaseGranted(LeaseGrant(id: id, ttl: ttl, remaining: ttl))
        case .renewLeases(let ids):
            let grants = ids.map { renew($0) }
            settle()
            return .leasesRenewed(grants)
        case .revokeLease(let id):
            guard let place = leases.firstIndex(where: { $0.id == id }) else { throw .leaseNotFound(id) }
            leases.remove(at: place)
            let count = end([id], .revoked)
            endCandidacies(on: [id], .removed)
            settle()
            return .leaseRevoked(id, deletedKeys: count, revision: reached)
        case .expireLeases(let due, let leader):
            var ended: [LeaseID] = []
            for candidate in due where leader == term {
                let place = leases.firstIndex {
                    $0.id == candidate.lease && $0.generation == candidate.generation && $0.deadline <= time
                }
                if let place { ended.append(leases.remove(at: place).id) }
            }
            let count = end(ended, .expired)
            endCandidacies(on: ended, .expired)
            settle()
            return .leasesExpired(leases: ended.count, keys: count)
        case .compact(let target):
            if target > revision { throw .futureRevision(current: revision) }
            compacted = max(compacted, target)
            return .compacted(through: compacted)
        case .discardHistory(let first):
            if first > revision { throw .futureRevision(current: revision) }
            let isNew = first > compacted.next || (compacted == .zero && first == .empty)
            if !isNew { throw .compacted(oldest: compacted.next) }
            compacted = Revision(first.rawValue - 1)
            return .compacted(through: compacted)
        case .campaign(let campaign): return try carryOut(campaign)
        case .resign(let resignation): return try carryOut(resignation)
        }
    }

    private mutating func carryOut(_ transaction: Transaction) throws(CommandFailure) -> CommandResult {
        // Which of several keys is told is not the model's matter; whether there is one is.
        for course in courses(of: transaction) {
            for (place, operation) in course.enumerated() {
                guard case .put(let put) = operation else { continue }
                for (other, rival) in course.enumerated() {
                    if case .put(let second) = rival, other < place, second.key == put.key {
                        throw .duplicateKey(transaction.keyWrittenTwice ?? [])
                    }
                    if case .delete(let selection) = rival, selection.contains(put.key) {
                        throw .duplicateKey(transaction.keyWrittenTwice ?? [])
                    }
                }
            }
        }
        let before = self
        var added = 0
        var readFailure: CommandFailure?
        let result = try carryOut(transaction, over: before, &added, &readFailure)
        if let readFailure { throw readFailure }
        if added > 0 { try before.requireRoom(added) }
        return .transaction(result)
    }

    /// All lists of operations that the transaction can come to, those of transactions inside in their places.
    private func courses(of transaction: Transaction) -> [[Transaction.Operation]] {
        [transaction.then, transaction.otherwise].flatMap { branch in
            branch.reduce([[]]) { (courses: [[Transaction.Operation]], operation) in
                if case .transaction(let inner) = operation {
                    return courses.flatMap { course in self.courses(of: inner).map { course + $0 } }
                }
                return courses.map { $0 + [operation] }
            }
        }
    }

    private mutating func carryOut(
        _ transaction: Transaction, over before: Model, _ added: inout Int, _ readFailure: inout CommandFailure?
    ) throws(CommandFailure) -> TransactionResult {
        let succeeded = transaction.comparisons.allSatisfy { before.holds($0) }
        var results: [OperationResult] = []
        for operation in succeeded ? transaction.then : transaction.otherwise {
            switch operation {
            case .put(let put):
                try requirePresent(put, in: before)
                try requireAttachable(put.lease)
                added += before.cost(put)
                results.append(.put(write(put)))
            case .get(let query):
                do {
                    results.append(.get(try read(query, newest: before.revision)))
                } catch { readFailure = readFailure ?? error }
            case .delete(let selection): results.append(.deleted(count: remove(selection)))
            case .transaction(let inner):
                results.append(.transaction(try carryOut(inner, over: before, &added, &readFailure)))
            }
        }
        return TransactionResult(succeeded: succeeded, results: results, revision: reached)
    }

    // MARK: Pieces

    private var reached: Revision { isDirty ? revision.next : revision }

    private func check(_ precondition: Precondition, _ key: Bytes) throws(CommandFailure) {
        let holder = record(key, at: nil)
        let holds =
            switch precondition {
            case .none: true
            case .absent: holder == nil
            case .present: holder != nil
            case .unchanged(let since): holder != nil && holder?.modRevision == since
            }
        if !holds { throw .preconditionFailed(holder: holder) }
    }

    private func requireAttachable(_ attachment: LeaseAttachment) throws(CommandFailure) {
        switch attachment {
        case .none, .kept: break
        case .existing(let id):
            if !leases.contains(where: { $0.id == id }) { throw .leaseNotFound(id) }
        case .new(let id, _):
            if leases.contains(where: { $0.id == id }) { throw .leaseExists(id) }
            if leases.count >= bounds.leases { throw .tooManyLeases(limit: bounds.leases) }
        }
    }

    private func requirePresent(_ put: Put, in before: Model) throws(CommandFailure) {
        guard put.keepsValue || put.lease == .kept else { return }
        if before.record(put.key, at: nil) == nil { throw .keyNotFound(put.key) }
    }

    private func cost(_ put: Put) -> Int { put.key.count + value(put).count + Limits.versionBytes }
    private func value(_ put: Put) -> Bytes { put.keepsValue ? record(put.key, at: nil)?.value ?? [] : put.value }

    func requireRoom(_ added: Int) throws(CommandFailure) {
        if storeBytes + added > bounds.storeBytes { throw .quotaExceeded(limit: bounds.storeBytes) }
    }

    private mutating func write(_ put: Put) -> PutResult {
        let previous = record(put.key, at: nil)
        var lease: LeaseID?
        if case .existing(let id) = put.lease { lease = id }
        if case .kept = put.lease { lease = previous?.lease }
        if case .new(let id, let ttl) = put.lease {
            add(id, ttl)
            lease = id
        }
        let record = KeyRecord(
            key: put.key, value: value(put), createRevision: previous?.createRevision ?? revision.next,
            modRevision: revision.next, version: (previous?.version ?? 0) + 1, lease: lease)
        note(.put(record), .put(record, previous: previous))
        return PutResult(record: record, created: previous == nil, lease: lease.flatMap { grant($0) })
    }

    private mutating func remove(_ selection: KeySelection) -> Int {
        let doomed = records(at: nil).filter { selection.contains($0.key) }
        for record in doomed { drop(record, .deleted) }
        return doomed.count
    }

    private mutating func end(_ ids: [LeaseID], _ reason: DeletionReason) -> Int {
        let doomed = records(at: nil).filter { $0.lease.map { ids.contains($0) } ?? false }
        for record in doomed { drop(record, reason) }
        return doomed.count
    }

    private mutating func drop(_ record: KeyRecord, _ reason: DeletionReason) {
        note(
            .tombstone(key: record.key, reason: reason),
            .delete(key: record.key, revision: revision.next, reason: reason, previous: record))
    }

    private mutating func note(_ content: StoredVersion.Content, _ event: Event) {
        isDirty = true
        let ordinal = versions.filter { $0.position.revision == revision.next }.count
        let position = VersionPosition(revision: revision.next, ordinal: UInt32(ordinal))
        versions.append(StoredVersion(position: position, content: content, time: time))
        events.append(event)
    }

    mutating func add(_ id: LeaseID, _ ttl: TimeSpan) {
        leases.append(StoredLease(id: id, ttl: ttl, deadline: time + ttl, generation: 1))
        leases.sort { $0.id < $1.id }
    }

    mutating func renew(_ id: LeaseID) -> LeaseGrant? {
        guard let place = leases.firstIndex(where: { $0.id == id }) else { return nil }
        leases[place].deadline = time + leases[place].ttl
        leases[place].generation += 1
        return grant(id)
    }

    private func holds(_ comparison: Transaction.Comparison) -> Bool {
        let selected = records(at: nil).filter { comparison.selection.contains($0.key) }
        return selected.isEmpty ? holds(comparison, for: nil) : selected.allSatisfy { holds(comparison, for: $0) }
    }

    private func holds(_ comparison: Transaction.Comparison, for record: KeyRecord?) -> Bool {
        func compare(_ a: UInt64, _ b: UInt64) -> Bool {
            switch comparison.relation {
            case .equal: a == b
            case .notEqual: a != b
            case .less: a < b
            case .greater: a > b
            }
        }
        switch comparison.target {
        case .modRevision(let n): return compare(record?.modRevision.rawValue ?? 0, n)
        case .createRevision(let n): return compare(record?.createRevision.rawValue ?? 0, n)
        case .version(let n): return compare(record?.version ?? 0, n)
        case .lease(let n): return compare(record?.lease?.rawValue ?? 0, n)
        case .value(let value):
            guard let record else { return false }
            switch comparison.relation {
            case .equal: return record.value == value
            case .notEqual: return record.value != value
            case .less: return record.value.lexicographicallyPrecedes(value)
            case .greater: return value.lexicographicallyPrecedes(record.value)
            }
        }
    }

    // MARK: Views

    func grant(_ id: LeaseID) -> LeaseGrant? {
        leases.first { $0.id == id }.map {
            LeaseGrant(id: id, ttl: $0.ttl, remaining: max(.zero, $0.deadline - time))
        }
    }

    /// The keys at a revision, or now, by replaying everything from the beginning.
    func records(at revision: Revision?) -> [KeyRecord] {
        var last: [Bytes: StoredVersion] = [:]
        for version in versions {
            if let revision, version.position.revision > revision { break }
            last[version.key] = version
        }
        let living = last.values.compactMap { version in
            if case .put(let record) = version.content { record } else { nil }
        }
        return living.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    func record(_ key: Bytes, at revision: Revision?) -> KeyRecord? {
        let last = versions.last { version in
            version.key == key && (revision.map { version.position.revision <= $0 } ?? true)
        }
        if case .put(let record) = last?.content { return record }
        return nil
    }

    func read(_ query: RangeQuery, newest: Revision) throws(CommandFailure) -> RangeResult {
        if let at = query.at, at != newest {
            if at > newest { throw .futureRevision(current: newest) }
            if at <= compacted { throw .compacted(oldest: compacted.next) }
        }
        var found = records(at: query.at).filter { query.selection.contains($0.key) }
        let count = found.count
        if query.countOnly { return RangeResult(records: [], count: count, more: false) }
        if query.limit > 0 { found = Array(found.prefix(query.limit)) }
        if query.keysOnly { for place in found.indices { found[place] = found[place].withoutValue } }
        return RangeResult(records: found, count: count, more: found.count < count)
    }

    /// A version is retained while it is current, or while what ended it is in the history.
    var retained: [StoredVersion] {
        var successors: [Bytes: Revision] = [:]
        var result: [StoredVersion] = []
        for version in versions.reversed() {
            let ended = successors.updateValue(version.position.revision, forKey: version.key)
            if let ended, ended <= compacted { continue }
            if case .tombstone = version.content, version.position.revision <= compacted { continue }
            result.append(version)
        }
        return result.reversed()
    }

    var storeBytes: Int {
        retained.reduce(0) { sum, version in
            switch version.content {
            case .put(let record): sum + record.key.count + record.value.count + Limits.versionBytes
            case .tombstone(let key, _): sum + key.count + Limits.versionBytes
            }
        } + elections.reduce(0) { $0 + $1.bytes }
    }
}

extension StoredVersion {
    var key: Bytes {
        switch content {
        case .put(let record): record.key
        case .tombstone(let key, _): key
        }
    }
}
