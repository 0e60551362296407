internal import KeyValue
internal import Primitives

/// Who led which election when, in true time, as the cluster's log says, and the checks on all of it.
struct ElectionFacts {
    private struct Reign {
        var fence: Fence
        var candidate: Bytes
        var seatedAt: Int64
        var endedAt: Int64?
        var reason: EndReason?
        /// How long its leader was told to lead: the promise that ends last.
        var promise: Promise?
    }

    private var reigns: [ElectionID: [Reign]] = [:]
    /// Every change of each election, in order.
    private(set) var events: [ElectionID: [ElectionEvent]] = [:]

    func fence(of election: ElectionID) -> Fence { events[election]?.last?.fence ?? .zero }

    /// The changes after one, as a watch must bring them.
    func events(of election: ElectionID, after fence: Fence) -> [ElectionEvent] {
        (events[election] ?? []).filter { $0.fence > fence }
    }

    // MARK: Commits

    mutating func take(
        _ effect: ClusterModel.Effect, _ proposal: Proposal, _ result: CommandResult, in store: Store,
        fastestClock: Int64, at now: Int64
    ) throws(Violation) {
        if let condition = proposal.fence, !effect.isRepetition { try checkFenced(condition, result) }
        for event in effect.elections {
            if let leader = event.leader, store.lease(leader.lease).map({ $0.remaining > .zero }) != true {
                throw Violation("28", "\(leader) is seated though its lease is over")
            }
            try take(event, effect, fastestClock: fastestClock, at: now)
        }
        for id in events.keys.sorted() { try checkSeat(id, in: store) }
    }

    /// A write under a fence is carried out exactly while that leadership stands.
    private func checkFenced(_ condition: FenceCondition, _ result: CommandResult) throws(Violation) {
        let last = reigns[condition.election]?.last
        let stands = last?.fence == condition.fence && last?.endedAt == nil
        let isRefused = if case .failed(.fenced) = result { true } else { false }
        guard stands != isRefused else {
            throw Violation(
                "28",
                "a write under \(condition) comes to \(result) while the leadership is \(String(describing: last))")
        }
    }

    private mutating func take(
        _ event: ElectionEvent, _ effect: ClusterModel.Effect, fastestClock: Int64, at now: Int64
    ) throws(Violation) {
        let id = event.election
        guard event.fence > fence(of: id), event.fence.rawValue == effect.index.rawValue else {
            throw Violation("28", "the fence of \(id) goes from \(fence(of: id)) to \(event.fence)")
        }
        events[id, default: []].append(event)
        let place = (reigns[id]?.count ?? 0) - 1
        if let last = reigns[id]?.last, last.endedAt == nil {
            guard let ended = event.ended, ended.fence == last.fence, let reason = ended.end?.reason else {
                throw Violation("28", "\(String(describing: event.leader)) is seated beside \(last)")
            }
            guard reason != .expired || effect.expired.contains(ended.lease) else {
                throw Violation("25", "a leadership expires while its lease lasts: \(last)")
            }
            reigns[id]?[place].endedAt = now
            reigns[id]?[place].reason = reason
            if let reign = reigns[id]?[place] { try checkOverlap(reign, id, fastestClock: fastestClock) }
        }
        guard let leader = event.leader else { return }
        reigns[id, default: []].append(Reign(fence: event.fence, candidate: leader.candidate, seatedAt: now))
    }

    /// While nobody leads, nobody who could waits.
    private func checkSeat(_ id: ElectionID, in store: Store) throws(Violation) {
        guard case .election(let view?) = store.query(.election(id, limit: 100)) else {
            throw Violation("28", "election \(id) is forgotten")
        }
        if view.summary.leader != nil { return }
        for candidate in view.candidates {
            guard let lease = store.lease(candidate.lease), lease.remaining > .zero else { continue }
            throw Violation("28", "nobody leads \(id) while \(candidate) waits")
        }
    }

    // MARK: Promises

    /// A candidate is told that it leads, and for how long.
    mutating func promised(
        _ candidacy: CandidacyID, _ fence: Fence, _ promise: Promise, fastestClock: Int64
    ) throws(Violation) {
        guard let place = reigns[candidacy.election]?.firstIndex(where: { $0.fence == fence }),
            let reign = reigns[candidacy.election]?[place], reign.candidate == candidacy.candidate,
            reign.endedAt ?? .max >= promise.sentAt
        else { throw Violation("28", "\(candidacy) is told that it leads with \(fence), and does not") }
        reigns[candidacy.election]?[place].promise = promise.orLater(reign.promise, fastestClock: fastestClock)
        if let reign = reigns[candidacy.election]?[place] {
            try checkOverlap(reign, candidacy.election, fastestClock: fastestClock)
        }
    }

    /// Whose leadership expires was told to stop before that, so that no two lead at once.
    private func checkOverlap(_ reign: Reign, _ id: ElectionID, fastestClock: Int64) throws(Violation) {
        guard reign.reason == .expired, let ended = reign.endedAt,
            let promised = reign.promise?.end(fastestClock: fastestClock), ended < promised
        else { return }
        throw Violation("25", "\(reign) of \(id) ended \((promised - ended) / 1_000_000) ms before it was told to")
    }
}
