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
    /// Changes of leaderships, at most one per election, in the order of elections.
    package var elections: [ElectionEvent] = []
    /// The idempotency key was known: the result is the first one's, and nothing changed.
    package var repeated: Bool
}

/// Bounds that decide what commands come to. They are part of the replicated behaviour: equal on all members of a cluster.
package struct StoreBounds: Hashable, Sendable {
    /// See ``Limits/storeBytes``.
    package var storeBytes: Int
    /// See ``Limits/leases``.
    package var leases: Int
    /// See ``Limits/elections``.
    package var elections: Int
    /// See ``Limits/candidates``.
    package var candidates: Int
    /// See ``Limits/rememberedRequests``.
    package var rememberedRequests: Int
    /// See ``Limits/rememberedBytes``.
    package var rememberedBytes: Int
    package init(
        storeBytes: Int = Limits.storeBytes, leases: Int = Limits.leases,
        elections: Int = Limits.elections, candidates: Int = Limits.candidates,
        rememberedRequests: Int = Limits.rememberedRequests, rememberedBytes: Int = Limits.rememberedBytes
    ) {
        self.storeBytes = storeBytes
        self.leases = leases
        self.elections = elections
        self.candidates = candidates
        self.rememberedRequests = rememberedRequests
        self.rememberedBytes = rememberedBytes
    }
}

/// The replicated state machine: equal entries applied in equal order give equal states, results and digests.
///
/// A copy is cheap and stays as it is while the original goes on: mutations clone only the blocks they touch.
package struct Store: Sendable {
    private let inPlace = KeptInPlace()
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
    var elections = ElectionTable()
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
    package var keyCount: Int { keys.living.count }
    package var leaseCount: Int { leases.count }
    /// Bytes of keys and values, history included, and of candidacies and leaderships, with ``Limits/versionBytes`` for each.
    package var storeBytes: Int { keys.bytes + elections.bytes }

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
        #if PlantedBugs
            if planted(.appliesRepetitions) {
                requests = RequestMemory(limit: bounds.rememberedRequests, byteLimit: bounds.rememberedBytes)
            }
        #endif
        if let key = proposal.idempotencyKey, let first = requests.result(for: key) {
            return Applied(result: repeated(first), events: nil, repeated: true)
        }
        let result = proposal.fence.flatMap { refusal(of: $0) }.map(CommandResult.failed) ?? carryOut(proposal.command)
        let events = keys.seal(time: time)
        if let events { digest.combine(events) }
        if let key = proposal.idempotencyKey, result.isDefinite {
            requests.remember(key, result, at: appliedIndex)
            digest.combine(key)
        }
        return Applied(result: result, events: events, elections: elections.takeEvents(), repeated: false)
    }

    private func refusal(of condition: FenceCondition) -> CommandFailure? {
        if elections.stands(condition) { return nil }
        return .fenced(condition.election, now: elections.summary(condition.election).fence)
    }

    /// What a repetition is told: as the first was, with what is left of its leases; who campaigned hears how that stands
    /// now, because the first answer may name it a leader that it is no longer.
    private func repeated(_ first: CommandResult) -> CommandResult {
        if case .candidacy(let result) = first {
            let id = CandidacyID(election: result.summary.election, candidate: result.candidate)
            return .candidacy(self.result(of: id, created: result.created, at: time))
        }
        return first.telling { leases.grant(of: $0, at: time)?.remaining ?? .zero }
    }

    private mutating func carryOut(_ command: Command) -> CommandResult {
        switch command {
        case .put(let put): apply(put)
        case .delete(let delete): apply(delete)
        case .transaction(let transaction): apply(transaction)
        case .grantLease(let id, let ttl): grantLease(id, ttl: ttl)
        case .renewLeases(let ids): renewLeases(ids)
        case .revokeLease(let id): revokeLease(id)
        case .expireLeases(let due, let term): expireLeases(due, term: term)
        case .compact(let revision): compact(through: revision)
        case .discardHistory(let revision): discardHistory(before: revision)
        case .campaign(let campaign): apply(campaign)
        case .resign(let resignation): apply(resignation)
        }
    }
}
