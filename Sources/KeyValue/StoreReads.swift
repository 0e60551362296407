internal import Primitives

extension Store {
    /// Answers a read from the state as it is; nothing changes.
    package func query(_ query: Query) -> QueryResult {
        switch query {
        case .range(let range):
            if let failure = keys.refusal(of: range) { return .failed(failure) }
            var budget = Limits.rangeBytes
            return .range(keys.page(range, budget: &budget))
        case .lease(let id): return .lease(leaseStatus(id))
        case .leases(let first, let limit): return .leases(leases.page(from: first, limit: limit, at: time))
        }
    }

    private func leaseStatus(_ id: LeaseID) -> LeaseStatus? {
        guard let state = leases.state(of: id) else { return nil }
        return LeaseStatus(grant: state.grant(id: id, at: time), keys: state.attachedKeys.map(\.bytes))
    }
}
