internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// What an election's watch must bring next.
struct Observation {
    var client: Int
    var node: Int
    var election: ElectionID
    /// Every change up to here was told.
    var cursor: Fence
    var isOpen = false
}

extension World {
    // MARK: - Candidates

    private mutating func anyElection() -> ElectionID {
        switch random.below(8) {
        case 0: ElectionID(kind: .lock, name: Bytes("l".utf8))
        case 1: ElectionID(kind: .election, name: Bytes("f".utf8))
        default: ElectionID(kind: .election, name: Bytes("e".utf8))
        }
    }

    /// Campaigns, repeats that some times, writes under its fence while it believes to lead, then resigns or falls silent.
    mutating func stand(_ client: Client) {
        guard let campaign = client.campaign else { return beginCampaign(client) }
        if let fence = client.leading, random.chance(3000) {
            let put = Put(key: anyKey(), value: uniqueValue(client))
            return write(Proposal(fence: fence, command: .put(put)), from: client)
        }
        if client.renewalsLeft > 0 { return repeatCampaign(client, campaign) }
        client.campaign = nil
        client.leading = nil
        guard random.chance(4000) else { return }
        let resignation = Resignation(
            candidacy: campaign.candidacy, lease: campaign.lease.isNamed ? campaign.lease.id : nil)
        write(Proposal(idempotencyKey: idempotencyKey(client), command: .resign(resignation)), from: client)
    }

    private mutating func beginCampaign(_ client: Client) {
        client.renewalsLeft = random.below(25)
        let ttl = TimeSpan.milliseconds(random.within(150...1_500))
        let isNamed = random.chance(5000)
        let campaign = Campaign(
            candidacy: CandidacyID(election: anyElection(), candidate: Bytes("c\(client.number)".utf8)),
            value: random.chance(5000) ? [] : uniqueValue(client), priority: Int32(random.below(3)) - 1,
            lease: isNamed ? .named(newCandidacyLease(), ttl: ttl) : .drawn(newCandidacyLease(), ttl: ttl))
        client.campaign = campaign
        repeatCampaign(client, campaign)
    }

    private mutating func newCandidacyLease() -> LeaseID {
        candidacyLeases += 1
        return LeaseID(1 << 40 + candidacyLeases)
    }

    private mutating func repeatCampaign(_ client: Client, _ campaign: Campaign) {
        client.renewalsLeft -= 1
        var campaign = campaign
        if case .drawn(_, let ttl) = campaign.lease { campaign.lease = .drawn(newCandidacyLease(), ttl: ttl) }
        call(.write(Proposal(command: .campaign(campaign))), for: .campaign(campaign.candidacy), from: client)
    }

    /// The answer to a campaign, as its client takes it.
    mutating func campaigned(_ client: Client, _ reply: ClientReply) {
        guard case .written(.candidacy(let result), _) = reply else {
            client.campaign = nil
            client.leading = nil
            return
        }
        let leads = result.standing == .leading
        client.leading = leads ? FenceCondition(election: result.summary.election, fence: result.summary.fence) : nil
    }

    mutating func checkCampaign(_ call: Call, _ id: CandidacyID, _ result: CandidacyResult) throws(Violation) {
        counters[result.created ? .candidacyBegun : .candidacyRenewed] += 1
        guard let grant = result.grant, grant.remaining == grant.ttl, let facts = history.leases[grant.id],
            facts.renewedAt >= call.sentAt
        else { throw Violation("24", "a campaign of \(id) is answered with \(result) before its lease is renewed") }
        try history.promised(grant, from: call.sentAt)
        guard result.standing == .leading else { return }
        try history.elections.promised(
            id, result.summary.fence, Promise(sentAt: call.sentAt, span: grant.remaining),
            fastestClock: history.fastestClock)
    }

    /// What an entry did to elections.
    mutating func count(_ effect: ClusterModel.Effect) {
        for event in effect.elections {
            if event.leader == nil { counters[.vacancy] += 1 } else if event.ended != nil { counters[.succession] += 1 }
        }
        guard let proposal = effect.proposal else { return }
        switch (proposal.command, effect.result) {
        case (.resign, .resigned): counters[.resignation] += 1
        case (.renewLeases(let ids), _) where ids.contains { $0.rawValue > 1 << 40 }: counters[.renewalShared] += 1
        case (_, .failed(.fenced)): counters[.fencedOff] += 1
        case (.put, .put) where proposal.fence != nil: counters[.fencedWrite] += 1
        default: break
        }
    }

    // MARK: - Observers

    /// Watches an election, sometimes moves on to another node, and goes on there.
    mutating func observe(_ client: Client) {
        if let id = client.watch {
            guard let observation = observations[id], observation.isOpen, random.chance(1000) else { return }
            input(.closeWatch(id), to: nodes[observation.node])
            return close(id, observation)
        }
        nextWatch += 1
        let id = WatchID(nextWatch)
        let (election, after) = client.observed.map { ($0.election, $0.after as Fence?) } ?? (anyElection(), nil)
        client.watch = id
        let node = random.below(nodes.count)
        if after != nil { counters[.observationResumed] += 1 }
        observations[id] = Observation(
            client: client.number, node: node, election: election, cursor: after ?? .zero)
        call(.observe(id, election, after: after), for: .observe(id), from: client, at: node)
    }

    mutating func opened(
        _ id: WatchID, _ newest: ElectionEvent?, _ call: Call, _ node: SimulatedNode
    ) throws(Violation) {
        guard let observation = observations[id] else { return }
        counters[.electionObserved] += 1
        observations[id]?.isOpen = true
        record.note(.opened(observation.election, after: observation.cursor, newest), of: id, at: now)
        guard let newest else { return }
        let known = history.elections.events(of: observation.election, after: .zero)
        let isKnown = newest.fence == .zero && newest.leader == nil || known.contains { $0.tellsTheSame(as: newest) }
        guard isKnown, newest.fence >= call.fenceFloor else {
            throw Violation("22", "an observation begins with \(newest) after \(call.fenceFloor)")
        }
        observations[id]?.cursor = newest.fence
    }

    /// Each change once and in order, none missing (`invariants.md` 29, 30).
    mutating func observe(_ events: [ElectionEvent], by id: WatchID) throws(Violation) {
        guard let observation = observations[id], observation.isOpen else { return }
        if !losesOnTheWay { record.note(.events(events), of: id, at: now) }
        let expected = history.elections.events(of: observation.election, after: observation.cursor)
        let isNext = zip(events, expected).allSatisfy { $0.tellsTheSame(as: $1) } && events.count <= expected.count
        guard isNext, let last = events.last else {
            throw Violation(
                "29", "after \(observation.cursor), \(observation.election) brings \(events), not \(expected)")
        }
        counters[.changesObserved] += events.count
        observations[id]?.cursor = last.fence
    }

    mutating func endedObservation(_ id: WatchID, _ end: WatchEnd) throws(Violation) {
        guard let observation = observations[id] else { return }
        if case .electionCompacted = end {
            let missed = history.elections.events(of: observation.election, after: observation.cursor)
            guard missed.count >= Limits.leadershipsKept else {
                throw Violation("29", "an observation at \(observation.cursor) ends with \(end)")
            }
            clients[observation.client].observed = nil
            observations[id] = nil
            clients[observation.client].watch = nil
        } else {
            close(id, observation)
        }
    }

    private mutating func close(_ id: WatchID, _ observation: Observation) {
        observations[id] = nil
        let client = clients[observation.client]
        guard client.watch == id else { return }
        client.watch = nil
        let goesOn = observation.isOpen && random.chance(8000)
        client.observed = goesOn ? (observation.election, observation.cursor) : nil
    }

    mutating func closeObservations(at node: SimulatedNode) {
        for (id, observation) in observations.sorted(by: { $0.key < $1.key })
        where observation.node == node.number && observation.isOpen { close(id, observation) }
    }

    /// In the end nothing is outstanding.
    mutating func checkObservationsComplete() throws(Violation) {
        for (id, observation) in observations.sorted(by: { $0.key < $1.key })
        where observation.isOpen && nodes[observation.node].isUp {
            record.note(.closed(history.elections.fence(of: observation.election)), of: id, at: now)
            let missed = history.elections.events(of: observation.election, after: observation.cursor)
            guard missed.isEmpty else { throw Violation("29", "observation \(id.rawValue) misses \(missed)") }
        }
    }
}

extension ElectionEvent {
    /// Equal but for what a leader published in the meantime.
    fileprivate func tellsTheSame(as other: ElectionEvent) -> Bool {
        election == other.election && fence == other.fence && leader?.candidate == other.leader?.candidate
            && ended?.fence == other.ended?.fence && ended?.end?.reason == other.ended?.end?.reason
    }
}
