package import Primitives

/// Where in the log an entry stands, and the cluster time its leader stamped into it.
package struct ApplyPosition: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term
    package var time: ClusterTime
    package init(index: LogIndex, term: Term, time: ClusterTime) {
        self.index = index
        self.term = term
        self.time = time
    }
}

/// What applying a proposal did.
package struct Applied: Sendable {
    package var result: CommandResult
    /// The new revision; `nil` when no key changed.
    package var events: RevisionEvents?
    /// The idempotency key was known: the result is the first one's, and nothing changed.
    package var repeated: Bool
}

/// Bounds that decide what commands come to. They are part of the replicated behaviour: equal on all members of a cluster.
package struct StoreBounds: Hashable, Sendable {
    /// See ``Limits/storeBytes``.
    package var storeBytes: Int
    /// See ``Limits/leases``.
    package var leases: Int
    /// See ``Limits/rememberedRequests``.
    package var rememberedRequests: Int
    /// See ``Limits/rememberedBytes``.
    package var rememberedBytes: Int
    package init(
        storeBytes: Int = Limits.storeBytes, leases: Int = Limits.leases,
        rememberedRequests: Int = Limits.rememberedRequests, rememberedBytes: Int = Limits.rememberedBytes
    ) {
        self.storeBytes = storeBytes
        self.leases = leases
        self.rememberedRequests = rememberedRequests
        self.rememberedBytes = rememberedBytes
    }
}

/// The replicated state machine: equal entries applied in equal order give equal states, results and digests.
///
/// A copy is cheap and stays as it is while the original goes on: mutations clone only the blocks they touch.
package struct Store: Sendable {
    package let bounds: StoreBounds
    /// The last entry applied.
    package private(set) var appliedIndex = LogIndex.zero
    package private(set) var appliedTerm = Term.zero
    /// The largest cluster time applied; everything inside counts by it.
    package private(set) var time = ClusterTime.zero
    /// Rolls over every entry and every effect, so that any divergence shows.
    var digest = Digest()

    var keys = KeySpace()
    var leases = LeaseTable()
    var requests: RequestMemory
    /// The applied index that the last delta carried.
    var takenIndex = LogIndex.zero

    package init(bounds: StoreBounds = StoreBounds()) {
        self.bounds = bounds
        requests = RequestMemory(limit: bounds.rememberedRequests, byteLimit: bounds.rememberedBytes)
    }

    /// An empty store that stands where `header` says, to be filled by the restoration.
    init(standingAt header: StateHeader, bounds: StoreBounds) {
        self.init(bounds: bounds)
        appliedIndex = header.appliedIndex
        appliedTerm = header.appliedTerm
        time = header.time
        digest = Digest(rawState: header.digest)
        keys = KeySpace(restoringAfter: header.compactedRevision)
        takenIndex = header.appliedIndex
    }

    package var header: StateHeader {
        StateHeader(
            appliedIndex: appliedIndex, appliedTerm: appliedTerm, time: time, revision: keys.revision,
            compactedRevision: keys.compacted, digest: digest.rawState)
    }

    /// The newest revision; ``Revision/empty`` before the first write.
    package var revision: Revision { keys.revision }
    /// Living keys.
    package var keyCount: Int { keys.current.count }
    package var leaseCount: Int { leases.count }
    /// Bytes of keys and values, history included, with ``Limits/versionBytes`` for each version.
    package var storeBytes: Int { keys.bytes }

    /// Moves on over an entry without a command: a no-op or a configuration.
    package mutating func advance(to position: ApplyPosition) {
        precondition(position.index == appliedIndex.next, "entries are applied in order, each once")
        precondition(position.term >= appliedTerm, "terms never go back along the log")
        appliedIndex = position.index
        appliedTerm = position.term
        time = max(time, position.time)
        digest.combine(position.index.rawValue)
        digest.combine(position.term.rawValue)
        digest.combine(UInt64(bitPattern: time.nanoseconds))
    }

    /// Carries out the next entry's command.
    package mutating func apply(_ proposal: Proposal, at position: ApplyPosition) -> Applied {
        advance(to: position)
        if let key = proposal.idempotencyKey, let first = requests.result(for: key) {
            let told = first.telling { leases.grant(of: $0, at: time)?.remaining ?? .zero }
            return Applied(result: told, events: nil, repeated: true)
        }
        let result = carryOut(proposal.command)
        let events = keys.seal(time: time)
        if let events { digest.combine(events) }
        if let key = proposal.idempotencyKey, result.isDefinite {
            requests.remember(key, result, at: appliedIndex)
            digest.combine(key)
        }
        return Applied(result: result, events: events, repeated: false)
    }

    private mutating func carryOut(_ command: Command) -> CommandResult {
        switch command {
        case .put(let put): apply(put)
        case .delete(let delete): apply(delete)
        case .transaction(let transaction): apply(transaction)
        case .grantLease(let id, let ttl): grantLease(id, ttl: ttl)
        case .renewLeases(let ids): .leasesRenewed(ids.map { renewLease($0) })
        case .revokeLease(let id): revokeLease(id)
        case .expireLeases(let due, let term): expireLeases(due, term: term)
        case .compact(let revision): compact(through: revision)
        case .discardHistory(let revision): discardHistory(before: revision)
        }
    }
}
