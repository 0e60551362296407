internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// Everything that was promised or committed in a world, and the checks that need all of it.
struct History {
    var model = ClusterModel()
    /// The term in which each entry was committed, by index from 1: never before that of the entry, often later.
    private(set) var committedIn: [Term] = []
    var operations: [Operation] = []
    var leases: [LeaseID: LeaseFacts] = [:]
    var elections = ElectionFacts()
    /// Nodes that may have forgotten what they acknowledged, until a leader's repair is durable.
    var isDamaged: [Bool]
    /// Nodes that lost all they had, until the directory in its place has joined.
    var hasLostDirectory: [Bool]
    /// Nodes whose directory is not their first one.
    var hasReplacedDirectory: [Bool]
    /// By node: how many directories it had before this one.
    private var directory: [Int]
    /// Nodes whose state differs from the cluster's, until a leader has replaced it.
    var isDiverged: [Bool]
    /// How far the clocks of this world may be off, in millionths.
    var slowestClock: Int64 = 0
    var fastestClock: Int64 = 0
    /// Nodes that do not come back in the recovery.
    var isRetired: [Bool]
    let quorum: Int
    private(set) var leaders: [Term: Int] = [:]
    /// The one of ``leaders`` that was seen last.
    private var lastLeader: (term: Term, node: Int) = (.zero, 0)
    /// The cluster time of each term's leader.
    var leaderClocks: [Term: LeaderClock] = [:]
    private var operationOf: [Bytes: Int] = [:]
    private var votes: [Vote: NodeID] = [:]
    /// By node: how far it has acknowledged the log of each term's leader.
    private var acknowledged: [[Term: LogIndex]]
    private var candidacies: [Vote: VoteRequest] = [:]
    private var contents: [EntryID: Content] = [:]
    /// By node: its newest vote or candidacy that anybody was told of.
    private(set) var newestVotes: [Int: (term: Term, candidate: NodeID)] = [:]
    private var repeatable: [IdempotencyKey: CommandResult] = [:]

    private struct Vote: Hashable {
        var node: Int
        var term: Term
        /// Whoever lost all it had may vote anew, once that cannot matter any more.
        var directory = 0
    }

    private struct Content {
        var entry: Entry
        /// The term of the entry before it, where its writer still knew.
        var previous: Term?

        func contradicts(_ other: Content) -> Bool {
            if let previous, let before = other.previous, previous != before { return true }
            return entry != other.entry
        }
    }

    private struct EntryID: Hashable {
        var index: LogIndex
        var term: Term
    }

    init(nodes: Int, quorum: Int) {
        isDamaged = Array(repeating: false, count: nodes)
        acknowledged = Array(repeating: [:], count: nodes)
        hasLostDirectory = Array(repeating: false, count: nodes)
        hasReplacedDirectory = Array(repeating: false, count: nodes)
        directory = Array(repeating: 0, count: nodes)
        isDiverged = Array(repeating: false, count: nodes)
        isRetired = Array(repeating: false, count: nodes)
        self.quorum = quorum
    }

    /// Whether a node cannot be counted on: its log or its state is not what it should be.
    func isUnfit(_ node: Int) -> Bool { isDamaged[node] || isDiverged[node] }

    /// What a span on the fastest clock takes at least, in true time.
    func shortest(_ span: TimeSpan) -> Int64 { span.nanoseconds / (1_000_000 + fastestClock) * 1_000_000 }

    /// What a span on the slowest clock takes at most, in true time.
    func longest(_ span: TimeSpan) -> Int64 { (span.nanoseconds / (1_000_000 + slowestClock) + 1) * 1_000_000 }

    // MARK: - Operations

    mutating func begin(_ proposal: Proposal, client: Int, at now: Int64) -> Int {
        operations.append(
            Operation(proposal: proposal, client: client, firstSent: now, logEnd: model.lastIndex))
        operationOf[proposal.encoded()] = operations.count - 1
        return operations.count - 1
    }

    /// An attempt was answered with a refusal, or never.
    mutating func refused(_ number: Int, mayBeApplied: Bool) throws(Violation) {
        operations[number].open -= 1
        if mayBeApplied { operations[number].mayBeApplied = true }
        try checkRefused(number)
    }

    private func checkRefused(_ number: Int) throws(Violation) {
        let operation = operations[number]
        guard let applied = operation.applied, operation.open == 0, !operation.mayBeApplied else { return }
        throw Violation(
            "refusal", "a write refused as certainly not applied is entry \(applied.index.rawValue): \(operation)")
    }

    mutating func acknowledged(
        _ number: Int, _ result: CommandResult, _ position: ReplyPosition
    ) throws(Violation) {
        operations[number].open -= 1
        operations[number].mayBeApplied = true
        let operation = operations[number]
        guard let applied = operation.applied else {
            throw Violation("1-3", "an acknowledged write is not in the cluster's log: \(operation)")
        }
        guard applied.result.withoutRemaining == result.withoutRemaining else {
            throw Violation("20", "acknowledged with \(result), but entry \(applied.index.rawValue) came to \(applied)")
        }
        guard position.revision >= model.revision(at: applied.index) else {
            throw Violation("14", "a write is acknowledged at revision \(position.revision.rawValue), before its own")
        }
    }

    /// A creation that found its key there needs no entry: then the key must have been as the answer says, and the write must
    /// never be applied.
    mutating func lost(_ number: Int, _ result: CommandResult, _ position: ReplyPosition) throws(Violation) -> Bool {
        let operation = operations[number]
        guard operation.applied == nil, case .failed(.preconditionFailed(let holder?)) = result,
            operation.proposal.idempotencyKey == nil, case .put(let put) = operation.proposal.command,
            put.precondition == .absent
        else { return false }
        guard model.records(.key(put.key), at: position.revision) == [holder] else {
            throw Violation(
                "linearizability",
                "a write lost against \(holder), which was not there at \(position.revision.rawValue)")
        }
        try refused(number, mayBeApplied: false)
        return true
    }

    // MARK: - Commits

    /// A node committed the next entry of the cluster's log: the model applies it.
    mutating func commit(_ entry: Entry, in term: Term, at now: Int64) throws(Violation) -> ClusterModel.Effect {
        committedIn.append(term)
        let effect = try model.append(entry)
        if let proposal = effect.proposal, let result = effect.result {
            try take(effect, proposal, result)
            try takeLeases(proposal.command, result, effect, at: now)
            try elections.take(
                effect, proposal, result, in: model.store, fastestClock: fastestClock, at: now)
        }
        return effect
    }

    private mutating func take(
        _ effect: ClusterModel.Effect, _ proposal: Proposal, _ result: CommandResult
    ) throws(Violation) {
        if let key = proposal.idempotencyKey {
            if let first = repeatable[key] {
                guard effect.isRepetition, first.withoutRemaining == result.withoutRemaining else {
                    throw Violation("20", "entry \(effect.index.rawValue) applies \(key) a second time")
                }
                return
            }
            repeatable[key] = result
        }
        guard let number = operationOf[effect.proposalBytes] else { return }
        if let before = operations[number].applied {
            throw Violation(
                "20",
                "entry \(effect.index.rawValue) applies again what entry \(before.index.rawValue) did: \(proposal)")
        }
        guard effect.index > operations[number].logEnd else {
            throw Violation("linearizability", "entry \(effect.index.rawValue) lies before its request was sent")
        }
        operations[number].applied = (effect.index, result)
        try checkRefused(number)
    }

    // MARK: - Leases

    private mutating func takeLeases(
        _ command: Command, _ result: CommandResult, _ effect: ClusterModel.Effect, at now: Int64
    ) throws(Violation) {
        if effect.isRepetition { return }
        let term = model.term(at: effect.index)
        switch (command, result) {
        case (.grantLease(let id, let ttl), .leaseGranted):
            leases[id] = LeaseFacts(ttl: ttl, term: term, renewedAt: now)
        case (.put(let put), .put):
            if case .new(let id, let ttl) = put.lease { leases[id] = LeaseFacts(ttl: ttl, term: term, renewedAt: now) }
        case (.campaign, .candidacy(let candidacy)):
            guard let grant = candidacy.grant else { break }
            if let facts = leases[grant.id], facts.expiredAt == nil {
                leases[grant.id]?.renewedAt = now
            } else {
                leases[grant.id] = LeaseFacts(ttl: grant.ttl, term: term, renewedAt: now)
            }
        case (.renewLeases(let ids), .leasesRenewed(let grants)):
            for (id, grant) in zip(ids, grants) where grant != nil { leases[id]?.renewedAt = now }
        default: break
        }
        for id in effect.expired {
            leases[id]?.expiredAt = now
            try checkExpiry(id)
        }
    }

    /// A holder that asked at `sentAt` was told what is left of its lease. It lasts that long on the clock of whoever
    /// leads, so that only the rate of the fastest clock makes it shorter.
    mutating func promised(_ grant: LeaseGrant, from sentAt: Int64) throws(Violation) {
        guard let facts = leases[grant.id] else {
            throw Violation("24", "lease \(grant.id.rawValue) was never granted")
        }
        // A repetition may be answered after its lease ended: that promises nothing.
        guard grant.remaining > .zero else { return }
        let promise = Promise(sentAt: sentAt, span: grant.remaining)
        leases[grant.id]?.promise = promise.orLater(facts.promise, fastestClock: fastestClock)
        try checkExpiry(grant.id)
    }

    private func checkExpiry(_ id: LeaseID) throws(Violation) {
        guard let facts = leases[id], let expired = facts.expiredAt,
            let promised = facts.promise?.end(fastestClock: fastestClock), expired < promised
        else { return }
        let early = (promised - expired) / 1_000_000
        throw Violation(
            "25", "lease \(id.rawValue) of \(facts.ttl.milliseconds) ms expired \(early) ms before it could")
    }

    // MARK: - Votes, leaders, acknowledgements

    /// What a message vouches for must be durable when it leaves.
    mutating func checkSend(_ message: PeerMessage, from node: SimulatedNode, to: SimulatedNode) throws(Violation) {
        guard case .consensus(let message) = message else { return }
        switch message {
        case .vote(let request):
            candidacies[Vote(node: node.number, term: request.term)] = request
            try checkVote(by: node, for: node.id, in: request.term)
        case .voteReply(let reply) where reply.granted: try checkVote(by: node, for: to.id, in: reply.term)
        case .appendReply(let reply):
            if reply.counts { try checkIsWhole(node) }
            guard case .matching(let through) = reply.outcome else { return }
            acknowledged[node.number][reply.term, default: .zero].raise(to: through)
            try checkDurable(through, node: node, term: reply.term)
            try checkEqual(through, of: node, to: to, term: reply.term)
        case .append(let append): try checkLeader(node, term: append.term)
        case .snapshotChunk(let chunk): try checkLeader(node, term: chunk.term)
        default: break
        }
    }

    private mutating func checkVote(by node: SimulatedNode, for candidate: NodeID, in term: Term) throws(Violation) {
        try checkIsWhole(node)
        let durable = node.log.durable.hardState
        let isDurable = durable.term > term || durable.term == term && durable.votedFor == candidate
        guard isDurable else {
            throw Violation("1", "a vote of n\(node.number + 1) in term \(term.rawValue) leaves before it is durable")
        }
        let vote = Vote(node: node.number, term: term, directory: directory[node.number])
        guard votes[vote] == nil || votes[vote] == candidate else {
            throw Violation("1", "n\(node.number + 1) votes twice in term \(term.rawValue)")
        }
        votes[vote] = candidate
        if term >= newestVotes[node.number]?.term ?? .zero { newestVotes[node.number] = (term, candidate) }
    }

    /// With what a node asked for votes.
    func candidacy(of node: Int, in term: Term) -> VoteRequest? { candidacies[Vote(node: node, term: term)] }

    /// How far a node has acknowledged the log of the leader of `term`.
    func acknowledged(by node: Int, in term: Term) -> LogIndex { acknowledged[node][term] ?? .zero }

    /// Whether a node voted for `candidate`, as far as anybody was told.
    func hasVoted(_ node: Int, for candidate: NodeID, in term: Term) -> Bool {
        (0...directory[node]).contains { votes[Vote(node: node, term: term, directory: $0)] == candidate }
    }

    /// A node loses all it had, and so forgets for whom it voted.
    mutating func loseDirectory(of node: Int) {
        hasLostDirectory[node] = true
        directory[node] += 1
        newestVotes[node] = nil
    }

    private func checkDurable(_ index: LogIndex, node: SimulatedNode, term: Term) throws(Violation) {
        // A later write of the same sync may have replaced what an older leader is told of.
        guard node.log.durable.hardState.term <= term else { return }
        let covered = max(node.log.durable.lastIndex, node.state.durable.position?.index ?? .zero)
        guard index > covered else { return }
        throw Violation(
            "2", "n\(node.number + 1) acknowledges entry \(index.rawValue), but only \(covered.rawValue) is durable")
    }

    /// Election safety (Raft §5.2).
    mutating func checkLeader(_ node: SimulatedNode, term: Term) throws(Violation) {
        if lastLeader.term == term, lastLeader.node == node.number { return }
        guard let known = leaders[term], known != node.number else {
            leaders[term] = node.number
            lastLeader = (term, node.number)
            return
        }
        throw Violation(
            "election safety", "n\(known + 1) and n\(node.number + 1) both lead term \(term.rawValue)")
    }

    /// Entries with the same index and term are the same everywhere (Raft §5.3, log matching).
    mutating func checkWrite(_ write: LogWrite, node: SimulatedNode) throws(Violation) {
        let entries: [Entry] =
            switch write.change {
            case .replaceSuffix(let entries), .resetAndAppend(_, let entries): entries
            case .reset, nil: []
            }
        var previous = entries.first.flatMap { node.process?.replica.raft.log.term(at: $0.index.previous) }
        for entry in entries {
            let content = Content(entry: entry, previous: previous)
            let known = contents.updateValue(content, forKey: EntryID(index: entry.index, term: entry.term))
            previous = entry.term
            guard known?.contradicts(content) != true else {
                throw Violation(
                    "log matching",
                    "n\(node.number + 1) writes another entry \(entry.index.rawValue) of the same term, or after another"
                )
            }
        }
    }

    /// The state a node begins with after a crash is one the cluster was in.
    func checkRestored(_ store: Store, position: SnapshotPosition, node: SimulatedNode) throws(Violation) {
        guard position.index <= model.lastIndex, store.appliedIndex == position.index else {
            throw Violation("13", "n\(node.number + 1) has a state of an entry that was never committed")
        }
        guard store.header.digest == model.digest(at: position.index),
            store.revision == model.revision(at: position.index)
        else {
            throw Violation(
                "13", "n\(node.number + 1) restarts with a state that entry \(position.index.rawValue) never had")
        }
    }
}

extension CommandResult {
    /// The answer but for how long leases have left, which a repetition tells anew.
    fileprivate var withoutRemaining: CommandResult { telling { _ in .zero } }
}

extension LogIndex {
    fileprivate mutating func raise(to other: LogIndex) { self = max(self, other) }
}
