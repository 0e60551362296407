/// Leases: none ends while its holder was promised it, none comes back, and each ends.
extension Judge {
    mutating func judgeLeases() {
        var leases = leaseFacts()
        verdict.figures.leases = leases.count
        noteEnds(in: &leases)
        for (id, facts) in leases.sorted(by: { $0.key < $1.key }) { judge(id, facts) }
        judgeLists(leases)
        verdict.figures.lateness.sort()
    }

    /// What is known of one lease. Moments are in microseconds.
    private struct LeaseFacts {
        var ttl: Int64
        /// The sending of the last grant or renewal that was acknowledged.
        var renewed: Int64
        /// The end of the last attempt at all.
        var lastAttempt: Int64
        /// The end of the last attempt without an answer: it may have counted.
        var lastUnanswered: Int64 = 0
        /// The first moment at which somebody knew that it had ended.
        var end: Int64?
        /// Whether it ran out, with keys or a leadership on it.
        var isExpired = false
        /// Whether somebody asked to end it.
        var isRevoked = false

        /// The end of the longest promise made to anybody who hung a key on it.
        var told: Int64 = 0

        /// It may not end before.
        var promised: Int64 { max(renewed + ttl * 1000, told) }

        mutating func renewed(from call: Int64) { renewed = max(renewed, call) }
        mutating func promised(until moment: Int64) { told = max(told, moment) }
        mutating func attempted(until end: Int64) { lastAttempt = max(lastAttempt, end) }
        mutating func unanswered(until end: Int64) { lastUnanswered = max(lastUnanswered, end) }
        mutating func ended(by moment: Int64) { end = min(end ?? moment, moment) }
    }

    private func leaseFacts() -> [UInt64: LeaseFacts] {
        var leases: [UInt64: LeaseFacts] = [:]
        let ambiguous = leasesGrantedAgain
        for request in requests {
            guard request.invocation.makesLease, let grant = request.response.grants.first,
                leases[grant.lease] == nil, !ambiguous.contains(grant.lease)
            else { continue }
            leases[grant.lease] = LeaseFacts(
                ttl: grant.ttl, renewed: request.call, lastAttempt: request.operation.end)
        }
        let candidacies = leasesOfCandidates()
        for request in requests {
            for grant in request.response.grants {
                leases[grant.lease]?.promised(until: request.call + grant.valid * 1000)
            }
            switch request.invocation {
            case .renew(let ids): noteRenewal(of: ids, request, in: &leases)
            case .revoke(let id): if !request.isRefused { leases[id]?.isRevoked = true }
            case .campaign(let campaign): noteRenewal(by: campaign, request, in: &leases)
            // A lease that its candidacy made ends with it.
            case .resign(let resignation):
                for id in candidacies[.init(resignation.office, resignation.id)] ?? [] where !request.isRefused {
                    if resignation.lease == 0 || resignation.lease == id { leases[id]?.isRevoked = true }
                }
            default: break
            }
        }
        return leases
    }

    /// The leases that each candidate was told it lives by.
    private func leasesOfCandidates() -> [Asked.Candidate: Set<UInt64>] {
        var leases: [Asked.Candidate: Set<UInt64>] = [:]
        for request in requests {
            guard case .campaign(let campaign) = request.invocation else { continue }
            for grant in request.response.grants {
                leases[.init(campaign.office, campaign.id), default: []].insert(grant.lease)
            }
        }
        return leases
    }

    /// A campaign renews, whatever else it comes to.
    private func noteRenewal(by campaign: Campaign, _ request: Request, in leases: inout [UInt64: LeaseFacts]) {
        if let grant = request.response.grants.first {
            leases[grant.lease]?.renewed(from: request.call)
            leases[grant.lease]?.attempted(until: request.operation.end)
        } else if !request.response.isDefinite {
            leases[campaign.lease]?.unanswered(until: request.operation.end)
            leases[campaign.lease]?.attempted(until: request.operation.end)
        }
    }

    /// Ids that were asked for again, and perhaps given: which of the leases somebody means then, nobody can say.
    private var leasesGrantedAgain: Set<UInt64> {
        var once: Set<UInt64> = []
        var again: Set<UInt64> = []
        for request in requests where !request.isRefused {
            guard let id = request.leaseMaybeMade, !once.insert(id).inserted else { continue }
            again.insert(id)
        }
        return again
    }

    private func noteRenewal(of ids: [UInt64], _ request: Request, in leases: inout [UInt64: LeaseFacts]) {
        var spans: [Int64?] = []
        if case .renewed(let told, _) = request.response { spans = told }
        for (place, id) in ids.enumerated() {
            if place < spans.count, spans[place] != nil {
                leases[id]?.renewed(from: request.call)
            } else if !request.response.isDefinite {
                leases[id]?.unanswered(until: request.operation.end)
            }
            leases[id]?.attempted(until: request.operation.end)
        }
    }

    /// Looks for the first sign of each lease's end: its keys went, or somebody was told that it is gone.
    private func noteEnds(in leases: inout [UInt64: LeaseFacts]) {
        for change in log.changes {
            guard let reason = change.reason, reason != .deleted,
                let lease = log.record(of: change.key, at: change.revision - 1)?.lease
            else { continue }
            if reason == .expired { leases[lease]?.isExpired = true }
            if let known = sightings.firstKnown(change.revision) { note(end: known, of: lease, in: &leases) }
        }
        for (_, course) in offices.inOrder {
            for change in course.changes {
                guard let reason = change.ended?.reason, reason != .resigned,
                    let lease = course.predecessor(of: change)?.lease
                else { continue }
                if reason == .expired { leases[lease]?.isExpired = true }
                if let known = course.known.firstKnown(change.fence) { note(end: known, of: lease, in: &leases) }
            }
        }
        for request in requests {
            switch (request.invocation, request.response) {
            case (.renew(let ids), .renewed(let spans, _)):
                for (id, span) in zip(ids, spans) where span == nil {
                    note(end: request.operation.end, of: id, in: &leases)
                }
            case (.renew(let ids), .gone):
                for id in ids { note(end: request.operation.end, of: id, in: &leases) }
            case (.lease(let id), .gone), (.revoke(let id), .gone):
                note(end: request.operation.end, of: id, in: &leases)
            case (.put(let put), .gone):
                if case .existing(let id) = put.lease { note(end: request.operation.end, of: id, in: &leases) }
            default: break
            }
        }
    }

    private func note(end: Int64, of lease: UInt64, in leases: inout [UInt64: LeaseFacts]) {
        leases[lease]?.ended(by: end)
    }

    private mutating func judge(_ id: UInt64, _ facts: LeaseFacts) {
        let name = String(id, radix: 16)
        guard let end = facts.end else {
            let due = facts.lastAttempt + facts.ttl * 1000
            if due + Self.patience < self.end, !log.keys(on: id, at: log.last).isEmpty {
                verdict.found(.leaseKept, "lease \(name) was due at \(due) and still there at \(self.end)")
            }
            return
        }
        if facts.renewed > end {
            verdict.found(.leaseRaised, "lease \(name) was known to be gone at \(end), and renewed at \(facts.renewed)")
        } else if !facts.isRevoked, end < facts.promised {
            verdict.found(
                .leaseEarly, "lease \(name) ended at \(end), \(facts.promised - end) µs before \(facts.promised)")
        }
        guard facts.isExpired else { return }
        verdict.figures.expiries += 1
        if facts.lastUnanswered < facts.renewed { verdict.figures.lateness.append(end - facts.promised) }
    }

    /// A page of leases has none that was known to be gone, and all that were granted and could not be over yet.
    private mutating func judgeLists(_ leases: [UInt64: LeaseFacts]) {
        let sure = requests.compactMap { request -> (from: Int64, until: Int64, id: UInt64)? in
            guard case .granted(let grant, _) = request.response, leases[grant.lease]?.isRevoked == false else {
                return nil
            }
            return (request.operation.end, request.call + grant.valid * 1000, grant.lease)
        }.sorted { $0.until < $1.until }
        let longest = sure.map { $0.until - $0.from }.max() ?? 0
        for request in requests {
            guard case .leases(let start, let limit) = request.invocation,
                case .leases(let ids, let more, _) = request.response
            else { continue }
            let isPage = ids.count <= limit ?? .max && ids.first ?? .max >= start ?? 0
            if !isPage || zip(ids, ids.dropFirst()).contains(where: { $0 >= $1 }) {
                verdict.found(.answer, "this is no page of leases: \(request.operation.line)")
            }
            for id in ids {
                guard let end = leases[id]?.end, end < request.call else { continue }
                verdict.found(.leaseRaised, "lease \(hexadecimal(id)) was gone at \(end): \(request.operation.line)")
            }
            let range = (start ?? 0)...(more ? max(ids.last ?? 0, start ?? 0) : .max)
            let end = request.operation.end
            let place = sure.firstPlace { $0.until >= end }
            let known = Set(ids)
            for grant in sure[place...].prefix(while: { $0.until <= end + longest })
            where grant.from <= request.call && range.contains(grant.id) && !known.contains(grant.id) {
                verdict.found(.leaseEarly, "lease \(hexadecimal(grant.id)) is missing: \(request.operation.line)")
            }
        }
    }

    /// How long after its time a lease may still be there when everything else has been awaited.
    private static var patience: Int64 { 10_000_000 }
}

extension Request {
    /// The lease of the client's choice that it made, or may have made.
    fileprivate var leaseMaybeMade: UInt64? {
        switch invocation {
        case .grant(let id, _): return id
        case .campaign(let campaign):
            guard campaign.lease != 0, campaign.ttl > 0, campaign.mode != .renewing else { return nil }
            if case .offices(.candidacy(let candidacy), _) = response, !candidacy.isNew { return nil }
            return campaign.lease
        default: return nil
        }
    }
}

extension Invocation {
    fileprivate var makesLease: Bool {
        switch self {
        case .grant: true
        case .put(let put): if case .new = put.lease { true } else { false }
        case .campaign: true
        default: false
        }
    }
}

extension Response {
    /// The leases of which it says how long they are good for.
    fileprivate var grants: [Grant] {
        switch self {
        case .granted(let grant, _): [grant]
        case .offices(.candidacy(let candidacy), _): candidacy.grant.map { [$0] } ?? []
        case .put(let written): written.grant.map { [$0] } ?? []
        case .transaction(_, let results, _):
            results.compactMap { if case .put(let written) = $0 { written.grant } else { nil } }
        default: []
        }
    }
}
