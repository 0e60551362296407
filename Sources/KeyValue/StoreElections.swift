package import Primitives

/// Elections and locks (`http-api.md`, Elections). A succession happens in the entry that ends the old leadership.
extension Store {
    /// The fence of what the entry that is being applied changes.
    private var fence: Fence { Fence(appliedIndex.rawValue) }

    mutating func apply(_ campaign: Campaign) -> CommandResult {
        let id = campaign.candidacy
        guard let candidate = elections.candidate(id) else { return begin(campaign) }
        guard campaign.mode != .beginning else {
            return .failed(.candidacyCondition(elections.summary(id.election)))
        }
        guard campaign.lease.speaks(for: candidate) else {
            return .failed(.candidacyTaken(elections.summary(id.election)))
        }
        if candidate.value != campaign.value || candidate.priority != campaign.priority {
            let growth = 2 * max(0, campaign.value.count - candidate.value.count)
            if growth > 0, let failure = quotaRefusal(adding: growth) { return .failed(failure) }
            elections.update(id, value: campaign.value, priority: campaign.priority)
            digest.combine(.campaigned, id, priority: campaign.priority, value: campaign.value)
        }
        _ = renewLease(candidate.lease)
        settleElections()
        return .candidacy(result(of: id, created: false, at: time))
    }

    private mutating func begin(_ campaign: Campaign) -> CommandResult {
        if let failure = refusal(of: campaign) { return .failed(failure) }
        let id = campaign.candidacy
        let lease = campaign.lease.id
        let makesLease = !leases.contains(lease)
        if let ttl = campaign.lease.ttl, makesLease { addLease(lease, ttl: ttl) } else { _ = renewLease(lease) }
        let candidate = Candidate(
            value: campaign.value, priority: campaign.priority, lease: lease,
            hasNamedLease: campaign.lease.isNamed, madeLease: makesLease, order: appliedIndex.rawValue)
        elections.add(id, candidate, at: fence)
        leases.attach(id, to: lease)
        digest.combine(.campaigned, id, priority: campaign.priority, value: campaign.value)
        digest.combine(lease.rawValue)
        settleElections()
        return .candidacy(result(of: id, created: true, at: time))
    }

    /// Why a new candidacy cannot begin. Makes room for its election by forgetting one that is long over.
    private mutating func refusal(of campaign: Campaign) -> CommandFailure? {
        let election = campaign.candidacy.election
        let known = elections.election(election)
        if campaign.mode == .renewing { return .candidacyCondition(elections.summary(election)) }
        if let failure = leaseRefusal(of: campaign.lease) { return failure }
        if let known, known.candidates.count >= bounds.candidates {
            return .tooManyCandidates(limit: bounds.candidates)
        }
        // The leadership it may come to is remembered as well.
        let bytes = 2 * Candidate.bytes(campaign.candidacy.candidate, value: campaign.value)
        if let failure = quotaRefusal(adding: bytes) { return failure }
        guard known == nil, !elections.makeRoom(limit: bounds.elections) else { return nil }
        return .tooManyElections(limit: bounds.elections)
    }

    private func leaseRefusal(of wanted: CandidacyLease) -> CommandFailure? {
        let state = leases.state(of: wanted.id)
        switch (wanted, state) {
        case (.drawn(let id, _), .some): return .leaseExists(id)
        case (.named(let id, ttl: nil), nil): return .leaseNotFound(id)
        case (_, nil):
            return leases.count >= bounds.leases ? .tooManyLeases(limit: bounds.leases) : nil
        case (.named, let state?):
            let limit = Limits.candidaciesPerLease
            return state.candidacies.count >= limit ? .tooManyCandidates(limit: limit) : nil
        }
    }

    mutating func apply(_ resignation: Resignation) -> CommandResult {
        let id = resignation.candidacy
        let summary = elections.summary(id.election)
        guard let candidate = elections.candidate(id) else { return .failed(.candidacyNotFound(summary)) }
        let isOwn = resignation.lease.map { $0 == candidate.lease } ?? !candidate.hasNamedLease
        guard isOwn else { return .failed(.candidacyTaken(summary)) }
        let leads = summary.leader?.candidate == id.candidate
        if let fence = resignation.fence, !leads || summary.fence != fence {
            return .failed(.candidacyCondition(summary))
        }
        leases.detach(id, from: candidate.lease)
        end(id, reason: .resigned)
        if candidate.madeLease, leases.state(of: candidate.lease)?.isBare == true { _ = endLease(candidate.lease) }
        settleElections()
        return .resigned(
            ResignationResult(
                candidate: id.candidate, wasLeading: leads, summary: elections.summary(id.election)))
    }

    /// Ends a candidacy; the succession is ``settleElections()``'s.
    mutating func end(_ id: CandidacyID, reason: EndReason) {
        guard elections.remove(id, reason: reason, at: fence, time: time) != nil else { return }
        digest.combine(.withdrawn, id, priority: Int32(reason.rawValue), value: [])
    }

    /// Seats a leader wherever there is none and a live candidate waits. One whose lease has run out, though its end is not
    /// ordered yet, is passed over: it may still renew, and may lead then (`invariants.md` 28).
    mutating func settleElections() {
        let (leases, time) = (leases, time)
        for id in elections.takeVacancies() {
            let change = elections.settle(id, at: fence, time: time) { leases.isAlive($0, at: time) }
            if let change { digest.combine(change) }
        }
    }

    // MARK: - Telling

    /// How a candidacy stands now.
    func result(of id: CandidacyID, created: Bool, at now: ClusterTime) -> CandidacyResult {
        let summary = elections.summary(id.election)
        guard let election = elections.election(id.election), let candidate = election.candidate(id.candidate) else {
            return CandidacyResult(
                candidate: id.candidate, created: created, standing: .ended, grant: nil, summary: summary)
        }
        let leads = summary.leader?.candidate == id.candidate
        return CandidacyResult(
            candidate: id.candidate, created: created,
            standing: leads ? .leading : .waiting(position: election.position(of: candidate)),
            grant: leases.grant(of: candidate.lease, at: now), summary: summary)
    }

    /// The lease whose renewal is all that this proposal asks for, as far as the state tells: then it can share an entry with
    /// other renewals.
    package func renewal(in proposal: Proposal) -> LeaseID? {
        guard proposal.idempotencyKey == nil, proposal.fence == nil, case .campaign(let campaign) = proposal.command,
            campaign.mode != .beginning, let candidate = elections.candidate(campaign.candidacy),
            candidate.value == campaign.value, candidate.priority == campaign.priority,
            campaign.lease.speaks(for: candidate)
        else { return nil }
        return candidate.lease
    }

    /// What a campaign is answered after the last entry renewed `lease`; `nil` when that was not all it asked for, or not what:
    /// the candidacy may be another one by now.
    package func answer(renewing lease: LeaseID, for proposal: Proposal) -> CommandResult? {
        guard renewal(in: proposal) == lease, case .campaign(let campaign) = proposal.command else { return nil }
        return .candidacy(result(of: campaign.candidacy, created: false, at: time))
    }

    /// The changes of an election after the one with `fence`, in order; `nil` when not all of them are known any more.
    package func events(of election: ElectionID, after fence: Fence) -> [ElectionEvent]? {
        // A fence is the index of an entry: one that is not applied here yet was told by a state that is ahead of this one.
        guard fence.rawValue <= appliedIndex.rawValue else { return [] }
        guard let known = elections.election(election) else { return fence == .zero ? [] : nil }
        return known.record.events(after: fence, in: election)
    }

    package func summary(of election: ElectionID) -> ElectionSummary { elections.summary(election) }

    /// The newest change of an election; before the first, that nobody leads.
    package func newestEvent(of election: ElectionID) -> ElectionEvent {
        elections.election(election)?.record.newest(in: election)
            ?? ElectionEvent(election: election, fence: .zero, leader: nil, ended: nil)
    }

    package var electionCount: Int { elections.count }
    package var electionCensus: ElectionCensus { elections.census }

    func view(of id: ElectionID, limit: Int) -> ElectionView? {
        guard let election = elections.election(id) else { return nil }
        var candidates: [WaitingCandidate] = []
        var position = election.line.startPosition
        while position < election.line.endPosition, candidates.count < min(limit, Limits.rangePage) {
            let candidate = election.line[position]
            if let state = election.candidate(candidate) {
                candidates.append(
                    WaitingCandidate(candidate: candidate, priority: state.priority, lease: state.lease))
            }
            position = election.line.position(after: position)
        }
        return ElectionView(summary: election.summary(id), candidates: candidates)
    }

    func page(of kind: ElectionID.Kind, prefix: Bytes, from start: Bytes, limit: Int) -> ElectionPage {
        let (from, end) = elections.elections.bounds(of: kind, prefix: prefix)
        let first = elections.elections.lowerBound(ElectionID(kind: kind, name: start))
        var position = max(from, first)
        let size = limit == 0 ? Limits.rangePage : min(limit, Limits.rangePage)
        var found: [ElectionSummary] = []
        while position < end, found.count < size {
            found.append(elections.elections[position].summary(elections.elections.key(at: position)))
            position = elections.elections.position(after: position)
        }
        return ElectionPage(
            elections: found, count: elections.elections.distance(from: from, to: end), more: position < end)
    }

    func history(of id: ElectionID, limit: Int) -> LeadershipPage? {
        guard let record = elections.election(id)?.record else { return nil }
        let newest = record.leaderships.suffix(limit)
        let more = newest.count < record.leaderships.count || record.forgotten > .zero
        return LeadershipPage(leaderships: newest.reversed(), more: more)
    }
}

extension CandidacyLease {
    package var isNamed: Bool { if case .named = self { true } else { false } }

    fileprivate var ttl: TimeSpan? {
        switch self {
        case .drawn(_, let ttl): ttl
        case .named(_, let ttl): ttl
        }
    }

    /// Whether who says this may speak for the candidacy that is there.
    fileprivate func speaks(for candidate: Candidate) -> Bool {
        switch self {
        case .named(let id, _): id == candidate.lease
        case .drawn: !candidate.hasNamedLease
        }
    }
}

extension OrderedMap where Key == ElectionID {
    /// The elections of a kind whose names begin with `prefix`.
    fileprivate func bounds(of kind: ElectionID.Kind, prefix: Bytes) -> (start: Position, end: Position) {
        let start = lowerBound(ElectionID(kind: kind, name: prefix))
        if case .range(_, let upper?) = KeySelection.prefix(prefix) {
            return (start, lowerBound(ElectionID(kind: kind, name: upper)))
        }
        let next = ElectionID.Kind(rawValue: kind.rawValue + 1)
        return (start, next.map { lowerBound(ElectionID(kind: $0, name: [])) } ?? endPosition)
    }
}
