internal import Primitives

/// Conditional writes (`http-api.md`, Keys).
extension Store {
    mutating func apply(_ put: Put) -> CommandResult {
        let place = keys.search(put.key)
        let holder = keys.record(at: place)
        guard put.precondition.holds(for: holder) else { return .failed(.preconditionFailed(holder: holder)) }
        var attachments = AttachmentCheck()
        if let failure = attachments.refusal(of: put.lease, in: self) { return .failed(failure) }
        if let failure = put.refusal(over: holder) { return .failed(failure) }
        if let failure = quotaRefusal(adding: put.bytes(over: holder)) { return .failed(failure) }
        return .put(write(put, at: place, over: holder))
    }

    mutating func apply(_ delete: Delete) -> CommandResult {
        if case .key(let key) = delete.selection, delete.precondition != .none {
            let holder = keys.record(for: key)
            guard delete.precondition.holds(for: holder) else { return .failed(.preconditionFailed(holder: holder)) }
        }
        let count = self.delete(delete.selection)
        return .deleted(count: count, revision: keys.reachedRevision)
    }

    /// What a creation that has lost is told: the key is there.
    package func refusal(of proposal: Proposal) -> CommandFailure? {
        guard case .put(let put) = proposal.command else { return nil }
        let holder = keys.record(for: put.key)
        return put.precondition.holds(for: holder) ? nil : .preconditionFailed(holder: holder)
    }

    /// Writes a key whose put was found in order.
    mutating func write(_ put: Put) -> PutResult {
        let place = keys.search(put.key)
        return write(put, at: place, over: keys.record(at: place))
    }

    /// The same at the place that a search for it found, over what is there.
    private mutating func write(_ put: Put, at place: KeySpace.Place, over before: KeyRecord?) -> PutResult {
        var lease: LeaseID?
        switch put.lease {
        case .none: break
        case .existing(let id): lease = id
        case .new(let id, let ttl):
            addLease(id, ttl: ttl)
            lease = id
        case .kept: lease = before?.lease
        }
        let value = put.keepsValue ? before?.value ?? [] : put.value
        let record = keys.put(put.key, value, lease: lease, at: place, time: time)
        if let left = before?.lease, left != lease { leases.detach(record.key, from: left) }
        if let lease, lease != before?.lease { leases.attach(record.key, to: lease) }
        return PutResult(
            record: record, created: before == nil, lease: lease.flatMap { leases.grant(of: $0, at: time) })
    }

    /// Deletes the keys of a selection on a client's wish; returns how many there were.
    mutating func delete(_ selection: KeySelection) -> Int {
        switch selection {
        case .key(let key): return delete(key) ? 1 : 0
        case .range:
            let selected = keys.livingKeys(in: selection)
            for key in selected { _ = delete(key) }
            return selected.count
        }
    }

    private mutating func delete(_ key: Bytes) -> Bool {
        guard let previous = keys.delete(key, reason: .deleted, time: time) else { return false }
        if let lease = previous.lease { leases.detach(key, from: lease) }
        return true
    }

    func quotaRefusal(adding bytes: Int) -> CommandFailure? {
        storeBytes + bytes > bounds.storeBytes ? .quotaExceeded(limit: bounds.storeBytes) : nil
    }
}

/// Looks whether the leases that puts ask for are there, or free to be made, before anything is written.
struct AttachmentCheck {
    /// Leases that earlier puts of the same transaction make.
    private var granted: [LeaseID] = []

    mutating func refusal(of attachment: LeaseAttachment, in store: borrowing Store) -> CommandFailure? {
        switch attachment {
        case .none, .kept: return nil
        case .existing(let id):
            return store.leases.contains(id) || granted.contains(id) ? nil : .leaseNotFound(id)
        case .new(let id, _):
            if store.leases.contains(id) || granted.contains(id) { return .leaseExists(id) }
            if store.leases.count + granted.count >= store.bounds.leases {
                return .tooManyLeases(limit: store.bounds.leases)
            }
            granted.append(id)
            return nil
        }
    }
}

extension Put {
    /// Whether something of the key stays as it is, so that the key has to be there.
    var keepsSomething: Bool { keepsValue || lease == .kept }

    func refusal(over holder: KeyRecord?) -> CommandFailure? {
        keepsSomething && holder == nil ? .keyNotFound(key) : nil
    }

    /// What the version it writes counts towards the store's bytes.
    func bytes(over holder: KeyRecord?) -> Int {
        Version.bytes(key: key, value: keepsValue ? holder?.value ?? [] : value)
    }
}

extension Precondition {
    func holds(for record: KeyRecord?) -> Bool {
        switch self {
        case .none: true
        case .absent: record == nil
        case .present: record != nil
        case .unchanged(let since): record?.modRevision == since
        }
    }
}
