package import Primitives

extension Store {
    /// Answers a read from the state as it is; nothing changes.
    ///
    /// - Parameter present: the cluster time by now, as far as the asker knows: what is left of a lease is counted from there.
    package func query(_ query: Query, at present: ClusterTime = .zero) -> QueryResult {
        let now = max(present, time)
        switch query {
        case .range(let range):
            if let failure = keys.refusal(of: range) { return .failed(failure) }
            var budget = Limits.rangeBytes
            return .range(keys.page(range, budget: &budget))
        case .lease(let id): return .lease(leaseStatus(id, at: now))
        case .leases(let first, let limit): return .leases(leases.page(from: first, limit: limit, at: now))
        case .election(let id, let limit): return .election(view(of: id, limit: limit))
        case .elections(let kind, let prefix, let start, let limit):
            return .elections(page(of: kind, prefix: prefix, from: start, limit: limit))
        case .leaderships(let id, let limit): return .leaderships(history(of: id, limit: limit))
        case .candidacy(let id): return .candidacy(result(of: id, created: false, at: now))
        }
    }

    private func leaseStatus(_ id: LeaseID, at now: ClusterTime) -> LeaseStatus? {
        guard let state = leases.state(of: id) else { return nil }
        return LeaseStatus(grant: state.grant(id: id, at: now), keys: state.keys.orderedKeys.map(\.bytes))
    }
}
