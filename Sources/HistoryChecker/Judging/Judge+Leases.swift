/// Leases: none ends while its holder was promised it, none comes back, and each ends.
extension Judge {
    mutating func judgeLeases() {
        var leases = leaseFacts()
        verdict.figures.leases = leases.count
        noteEnds(in: &leases)
        for (id, facts) in leases.sorted(by: { $0.key < $1.key }) { judge(id, facts) }
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
        /// Whether it ran out, with keys on it.
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
                !ambiguous.contains(grant.lease)
            else { continue }
            leases[grant.lease] = LeaseFacts(
                ttl: grant.ttl, renewed: request.call, lastAttempt: request.operation.end)
        }
        for request in requests {
            for grant in request.response.grants {
                leases[grant.lease]?.promised(until: request.call + grant.valid * 1000)
            }
            switch request.invocation {
            case .renew(let ids): noteRenewal(of: ids, request, in: &leases)
            case .revoke(let id): if !request.isRefused { leases[id]?.isRevoked = true }
            default: break
            }
        }
        return leases
    }

    /// Ids that were asked for again, and perhaps given: which of the leases somebody means then, nobody can say.
    private var leasesGrantedAgain: Set<UInt64> {
        var once: Set<UInt64> = []
        var again: Set<UInt64> = []
        for request in requests where !request.isRefused {
            guard case .grant(let id, _) = request.invocation, !once.insert(id).inserted else { continue }
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

    /// How long after its time a lease may still be there when everything else has been awaited.
    private static var patience: Int64 { 10_000_000 }
}

extension Invocation {
    fileprivate var makesLease: Bool {
        switch self {
        case .grant: true
        case .put(let put): if case .new = put.lease { true } else { false }
        default: false
        }
    }
}

extension Response {
    /// The leases of which it says how long they are good for.
    fileprivate var grants: [Grant] {
        switch self {
        case .granted(let grant, _): [grant]
        case .put(let written): written.grant.map { [$0] } ?? []
        case .transaction(_, let results, _):
            results.compactMap { if case .put(let written) = $0 { written.grant } else { nil } }
        default: []
        }
    }
}
