internal import Consensus
internal import KeyValue
internal import Primitives

/// When renewals become a leader's next entry.
///
/// An entry costs every node a sync and a few wake-ups, however many it renews, and a renewal is good for a whole time to
/// live. So while one entry is under way, and until those whose leases it renewed have asked again, the others wait for
/// company: for ``Limits/renewalPatience`` at most, and not at all when nobody was renewed just now.
struct RenewalTurns: Sendable {
    /// Renewals of this node's clients, in the order they came.
    private var own: [(request: RequestID, leases: [LeaseID])] = []
    /// Those of other nodes' clients.
    private var forwarded: [(origin: Origin, leases: [LeaseID])] = []
    private var waitsSince: Instant?
    /// The last entry, until it is applied.
    private var inFlight: LogIndex?
    /// What it renews, without those that are here again.
    private var expected: Set<LeaseID> = []
    /// How many those were at first.
    private var renewed = 0
    private var restsUntil = Instant(nanoseconds: 0)

    mutating func add(_ leases: [LeaseID], for request: RequestID, at now: Instant) {
        own.append((request, leases))
        note(leases, at: now)
    }

    mutating func add(_ leases: [LeaseID], from origin: Origin, at now: Instant) {
        forwarded.append((origin, leases))
        note(leases, at: now)
    }

    private mutating func note(_ leases: [LeaseID], at now: Instant) {
        if waitsSince == nil { waitsSince = now }
        if !expected.isEmpty { for lease in leases { expected.remove(lease) } }
    }

    /// When the next entry is due, if nothing else happens.
    var deadline: Instant {
        guard let waitsSince else { return .distantFuture }
        let patience = waitsSince + Limits.renewalPatience
        guard inFlight == nil else { return patience }
        return mostAreBack ? waitsSince : min(restsUntil, patience)
    }

    /// A few that do not come back must not keep the others waiting every time.
    private var mostAreBack: Bool { expected.count * 8 <= renewed }

    /// Hands over all that wait.
    mutating func take() -> (
        own: [(request: RequestID, leases: [LeaseID])], forwarded: [(origin: Origin, leases: [LeaseID])]
    ) {
        defer { (own, forwarded, waitsSince) = ([], [], nil) }
        return (own, forwarded)
    }

    /// The entry at `index`, perhaps with others before it, renews `leases`.
    mutating func proposed(_ leases: [LeaseID], at index: LogIndex) {
        inFlight = index
        expected = Set(leases)
        renewed = expected.count
    }

    mutating func applied(through index: LogIndex, at now: Instant) {
        guard let turn = inFlight, turn <= index else { return }
        inFlight = nil
        restsUntil = now + Limits.renewalPatience
    }
}

/// Renewals put together, as many to a batch as one log entry takes.
struct RenewalBatches<Waiting> {
    private(set) var batches: [(waiting: [Waiting], leases: [LeaseID])] = []

    mutating func add(_ leases: [LeaseID], for waiting: Waiting) {
        if let last = batches.last, last.leases.count + leases.count <= Limits.renewalsPerEntry {
            batches[batches.count - 1].waiting.append(waiting)
            batches[batches.count - 1].leases.append(contentsOf: leases)
        } else {
            batches.append(([waiting], leases))
        }
    }
}
