package import Primitives

extension CommandResult {
    /// The same answer with what is left of each lease now: a repetition must not promise the time that the first answer
    /// did, because the holder counts from when it sent the repetition (`invariants.md` 25).
    package func telling(remaining: (LeaseID) -> TimeSpan) -> CommandResult {
        switch self {
        case .put(let result): .put(result.telling(remaining))
        case .leaseGranted(let grant): .leaseGranted(grant.telling(remaining))
        case .leasesRenewed(let grants): .leasesRenewed(grants.map { $0?.telling(remaining) })
        case .transaction(let result):
            .transaction(result.telling(remaining))
        case .deleted, .leaseRevoked, .leasesExpired, .compacted, .candidacy, .resigned, .failed: self
        }
    }
}

extension PutResult {
    fileprivate func telling(_ remaining: (LeaseID) -> TimeSpan) -> PutResult {
        PutResult(record: record, created: created, lease: lease?.telling(remaining))
    }
}

extension OperationResult {
    fileprivate func telling(_ remaining: (LeaseID) -> TimeSpan) -> OperationResult {
        switch self {
        case .put(let result): .put(result.telling(remaining))
        case .transaction(let result): .transaction(result.telling(remaining))
        case .get, .deleted: self
        }
    }
}

extension TransactionResult {
    fileprivate func telling(_ remaining: (LeaseID) -> TimeSpan) -> TransactionResult {
        TransactionResult(
            succeeded: succeeded, results: results.map { $0.telling(remaining) }, revision: revision)
    }
}

extension LeaseGrant {
    fileprivate func telling(_ remaining: (LeaseID) -> TimeSpan) -> LeaseGrant {
        LeaseGrant(id: id, ttl: ttl, remaining: remaining(id))
    }
}
