import KeyValue
import Primitives

/// An election as plainly as it can be: who takes part, and everybody who ever led.
struct ModelElection: Hashable {
    var id: ElectionID
    var created: Fence
    var candidates: [StoredCandidacy] = []
    var leaderships: [Leadership] = []

    var leader: Leadership? { leaderships.last.flatMap { $0.end == nil ? $0 : nil } }
    var fence: Fence { leaderships.last.map { $0.end?.fence ?? $0.fence } ?? .zero }
    /// Those who wait, in the order in which they would lead.
    var line: [StoredCandidacy] {
        candidates.filter { $0.id.candidate != leader?.candidate }.sorted {
            $0.priority == $1.priority ? $0.order < $1.order : $0.priority > $1.priority
        }
    }
    var kept: [Leadership] { Array(leaderships.suffix(Limits.leadershipsKept)) }
    var forgotten: Fence { leaderships.dropLast(Limits.leadershipsKept).last?.end?.fence ?? .zero }
    var summary: ElectionSummary {
        ElectionSummary(election: id, fence: fence, leader: leader, waiting: line.count)
    }
    var stored: StoredElection { StoredElection(id: id, created: created, forgotten: forgotten, leaderships: kept) }

    var bytes: Int {
        candidates.reduce(0) { $0 + $1.id.candidate.count + $1.value.count + Limits.versionBytes }
            + kept.reduce(0) { $0 + $1.candidate.count + $1.value.count + Limits.versionBytes }
    }

    /// Every change there ever was, told one after the other.
    var events: [ElectionEvent] {
        var events: [ElectionEvent] = []
        for leadership in leaderships {
            var begun = leadership
            begun.end = nil
            if let last = events.last, last.leader == nil, last.fence == leadership.fence {
                events[events.count - 1].leader = begun
            } else {
                events.append(ElectionEvent(election: id, fence: leadership.fence, leader: begun, ended: nil))
            }
            if let end = leadership.end {
                events.append(ElectionEvent(election: id, fence: end.fence, leader: nil, ended: leadership))
            }
        }
        return events
    }
}

extension Model {
    func election(_ id: ElectionID) -> ModelElection? { elections.first { $0.id == id } }
    func summary(_ id: ElectionID) -> ElectionSummary { election(id)?.summary ?? ElectionSummary(election: id) }

    func candidacy(_ id: CandidacyID) -> StoredCandidacy? {
        election(id.election)?.candidates.first { $0.id == id }
    }

    mutating func carryOut(_ campaign: Campaign) throws(CommandFailure) -> CommandResult {
        let id = campaign.candidacy
        guard let known = candidacy(id) else { return try begin(campaign) }
        if campaign.mode == .beginning { throw .candidacyCondition(summary(id.election)) }
        switch campaign.lease {
        case .named(let lease, _): if lease != known.lease { throw .candidacyTaken(summary(id.election)) }
        case .drawn: if known.hasNamedLease { throw .candidacyTaken(summary(id.election)) }
        }
        if campaign.value.count > known.value.count {
            try requireRoom(2 * (campaign.value.count - known.value.count))
        }
        change(id.election) { election in
            let place = election.candidates.firstIndex { $0.id == id }!
            election.candidates[place].value = campaign.value
            election.candidates[place].priority = campaign.priority
            if election.leader?.candidate == id.candidate {
                election.leaderships[election.leaderships.count - 1].value = campaign.value
                election.leaderships[election.leaderships.count - 1].priority = campaign.priority
            }
        }
        _ = renew(known.lease)
        settle()
        return .candidacy(result(id, created: false))
    }

    private mutating func begin(_ campaign: Campaign) throws(CommandFailure) -> CommandResult {
        let id = campaign.candidacy
        if campaign.mode == .renewing { throw .candidacyCondition(summary(id.election)) }
        let lease = campaign.lease.id
        let isThere = leases.contains { $0.id == lease }
        switch campaign.lease {
        case .named(_, ttl: nil) where !isThere: throw .leaseNotFound(lease)
        case .drawn where isThere: throw .leaseExists(lease)
        default: if !isThere && leases.count >= bounds.leases { throw .tooManyLeases(limit: bounds.leases) }
        }
        let known = election(id.election)
        if let known, known.candidates.count >= bounds.candidates { throw .tooManyCandidates(limit: bounds.candidates) }
        try requireRoom(2 * (id.candidate.count + campaign.value.count + Limits.versionBytes))
        if known == nil && elections.count >= bounds.elections {
            let idle = elections.filter(\.candidates.isEmpty)
            guard let oldest = idle.min(by: { ($0.fence, $0.id) < ($1.fence, $1.id) }) else {
                throw .tooManyElections(limit: bounds.elections)
            }
            elections.removeAll { $0.id == oldest.id }
        }
        switch campaign.lease {
        case .drawn(_, let ttl), .named(_, let ttl?): if isThere { _ = renew(lease) } else { add(lease, ttl) }
        case .named: _ = renew(lease)
        }
        if known == nil { elections.append(ModelElection(id: id.election, created: Fence(index))) }
        elections.sort { $0.id < $1.id }
        let isNamed = if case .named = campaign.lease { true } else { false }
        let candidacy = StoredCandidacy(
            id: id, value: campaign.value, priority: campaign.priority, lease: lease, hasNamedLease: isNamed,
            madeLease: !isThere, order: index)
        change(id.election) { $0.candidates.append(candidacy) }
        settle()
        return .candidacy(result(id, created: true))
    }

    mutating func carryOut(_ resignation: Resignation) throws(CommandFailure) -> CommandResult {
        let id = resignation.candidacy
        let before = summary(id.election)
        guard let known = candidacy(id) else { throw .candidacyNotFound(before) }
        guard resignation.lease == known.lease || resignation.lease == nil && !known.hasNamedLease else {
            throw .candidacyTaken(before)
        }
        let leads = before.leader?.candidate == id.candidate
        if let fence = resignation.fence, !leads || before.leader?.fence != fence { throw .candidacyCondition(before) }
        remove(id, .resigned)
        let hangers = records(at: nil).contains { $0.lease == known.lease }
        let others = elections.contains { $0.candidates.contains { $0.lease == known.lease } }
        if known.madeLease && !hangers && !others { leases.removeAll { $0.id == known.lease } }
        settle()
        return .resigned(
            ResignationResult(candidate: id.candidate, wasLeading: leads, summary: summary(id.election)))
    }

    /// Ends every candidacy on these leases.
    mutating func endCandidacies(on ids: [LeaseID], _ reason: EndReason) {
        let ended = elections.flatMap(\.candidates).filter { ids.contains($0.lease) }
        for candidacy in ended { remove(candidacy.id, reason) }
    }

    private mutating func remove(_ id: CandidacyID, _ reason: EndReason) {
        let (fence, time) = (Fence(index), time)
        change(id.election) { election in
            if election.leader?.candidate == id.candidate {
                election.leaderships[election.leaderships.count - 1].end = Leadership.End(
                    fence: fence, time: time, reason: reason)
            }
            election.candidates.removeAll { $0.id == id }
        }
    }

    /// Wherever nobody leads, the first in line whose lease is not over does.
    mutating func settle() {
        let living = leases.filter { $0.deadline > time }.map(\.id)
        for place in elections.indices where elections[place].leader == nil {
            guard let next = elections[place].line.first(where: { living.contains($0.lease) }) else { continue }
            elections[place].leaderships.append(
                Leadership(
                    fence: Fence(index), candidate: next.id.candidate, value: next.value, priority: next.priority,
                    lease: next.lease, began: time))
        }
    }

    private mutating func change(_ id: ElectionID, _ body: (inout ModelElection) -> Void) {
        if let place = elections.firstIndex(where: { $0.id == id }) { body(&elections[place]) }
    }

    func result(_ id: CandidacyID, created: Bool) -> CandidacyResult {
        let summary = summary(id.election)
        guard let known = candidacy(id) else {
            return CandidacyResult(
                candidate: id.candidate, created: created, standing: .ended, grant: nil, summary: summary)
        }
        let place = election(id.election)!.line.firstIndex { $0.id == id }
        return CandidacyResult(
            candidate: id.candidate, created: created,
            standing: place.map { .waiting(position: $0 + 1) } ?? .leading, grant: grant(known.lease),
            summary: summary)
    }
}

extension Model {
    /// Counted anew.
    var census: ElectionCensus {
        elections.reduce(into: ElectionCensus()) { census, election in
            census[election.id.kind].remembered += 1
            census[election.id.kind].candidates += election.candidates.count
            if election.leader != nil { census[election.id.kind].led += 1 }
        }
    }
}
