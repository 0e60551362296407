package import Primitives

/// Leases in cluster time (`design.md` §5).
extension Store {
    mutating func grantLease(_ id: LeaseID, ttl: TimeSpan) -> CommandResult {
        if leases.contains(id) { return .failed(.leaseExists(id)) }
        guard leases.count < bounds.leases else { return .failed(.tooManyLeases(limit: bounds.leases)) }
        addLease(id, ttl: ttl)
        return .leaseGranted(LeaseGrant(id: id, ttl: ttl, remaining: ttl))
    }

    mutating func addLease(_ id: LeaseID, ttl: TimeSpan) {
        let deadline = time.advanced(by: ttl)
        leases.add(id, ttl: ttl, deadline: deadline)
        digest.combine(.granted, lease: id, deadline: deadline, generation: 1)
    }

    mutating func renewLease(_ id: LeaseID) -> LeaseGrant? {
        guard let state = leases.renew(id, at: time) else { return nil }
        digest.combine(.renewed, lease: id, deadline: state.deadline, generation: state.generation)
        return state.grant(id: id, at: time)
    }

    mutating func revokeLease(_ id: LeaseID) -> CommandResult {
        guard let ended = endLease(id) else { return .failed(.leaseNotFound(id)) }
        for key in ended { _ = keys.delete(key.bytes, reason: .revoked, time: time) }
        return .leaseRevoked(id, deletedKeys: ended.count, revision: keys.reachedRevision)
    }

    /// Ends the leases that are as the leader saw them, if it leads still; a renewal ordered before always wins
    /// (`invariants.md` 24, 25).
    mutating func expireLeases(_ due: [LeaseGeneration], term: Term) -> CommandResult {
        guard term == appliedTerm else { return .leasesExpired(leases: 0, keys: 0) }
        var ended: [ByteKey] = []
        var count = 0
        for candidate in due {
            #if PlantedBugs
                if planted(.expiresRenewed), let attached = endLease(candidate.lease) {
                    ended += attached
                    count += 1
                    continue
                }
            #endif
            guard let state = leases.state(of: candidate.lease), state.generation == candidate.generation,
                state.deadline <= time, let attached = endLease(candidate.lease)
            else { continue }
            ended += attached
            count += 1
        }
        ended.sort()
        for key in ended { _ = keys.delete(key.bytes, reason: .expired, time: time) }
        return .leasesExpired(leases: count, keys: ended.count)
    }

    /// Takes a lease away and names the keys that hung on it, in order.
    private mutating func endLease(_ id: LeaseID) -> [ByteKey]? {
        guard let state = leases.remove(id) else { return nil }
        digest.combine(.ended, lease: id, deadline: state.deadline, generation: state.generation)
        return state.attachedKeys
    }

    /// Leases due at a moment of cluster time, earliest first, to be proposed as ``Command/expireLeases(_:term:)``.
    /// They stay due until that is applied. Cheap when none is due. Looks at a bounded number of leases: there may be more
    /// as long as ``nextLeaseDeadline`` is not after `moment`.
    package mutating func dueLeases(at moment: ClusterTime, limit: Int) -> [LeaseGeneration] {
        leases.due(at: moment, limit: limit)
    }

    /// Never later than the earliest deadline, but perhaps earlier; `nil` when no lease waits.
    package var nextLeaseDeadline: ClusterTime? { leases.nextDeadline }

    /// A lease with what is left of it at the store's ``time``.
    package func lease(_ id: LeaseID) -> LeaseGrant? { leases.grant(of: id, at: time) }
}

extension LeaseState {
    /// In order.
    var attachedKeys: [ByteKey] {
        var result: [ByteKey] = []
        result.reserveCapacity(keys.count)
        var position = keys.startPosition
        while position < keys.endPosition {
            result.append(keys.key(at: position))
            position = keys.position(after: position)
        }
        return result
    }
}
