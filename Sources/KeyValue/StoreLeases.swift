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

    mutating func renewLeases(_ ids: [LeaseID]) -> CommandResult {
        let grants = ids.map { renewLease($0) }
        settleElections()
        return .leasesRenewed(grants)
    }

    mutating func renewLease(_ id: LeaseID) -> LeaseGrant? {
        guard let state = leases.renew(id, at: time) else { return nil }
        digest.combine(.renewed, lease: id, deadline: state.deadline, generation: state.generation)
        if !state.candidacies.isEmpty { for id in state.candidacies.orderedKeys { elections.renewed(id) } }
        return state.grant(id: id, at: time)
    }

    mutating func revokeLease(_ id: LeaseID) -> CommandResult {
        guard let ended = endLease(id) else { return .failed(.leaseNotFound(id)) }
        for key in ended.keys.orderedKeys { _ = keys.delete(key.bytes, reason: .revoked, time: time) }
        for candidacy in ended.candidacies.orderedKeys { end(candidacy, reason: .removed) }
        settleElections()
        return .leaseRevoked(id, deletedKeys: ended.keys.count, revision: keys.reachedRevision)
    }

    /// Ends the leases that are as the leader saw them, if it leads still; a renewal ordered before always wins
    /// (`invariants.md` 24, 25).
    mutating func expireLeases(_ due: [LeaseGeneration], term: Term) -> CommandResult {
        guard term == appliedTerm else { return .leasesExpired(leases: 0, keys: 0) }
        var ended: [ByteKey] = []
        var candidacies: [CandidacyID] = []
        var count = 0
        for candidate in due {
            #if PlantedBugs
                if planted(.expiresRenewed), let lease = endLease(candidate.lease) {
                    ended += lease.keys.orderedKeys
                    candidacies += lease.candidacies.orderedKeys
                    count += 1
                    continue
                }
            #endif
            guard let state = leases.state(of: candidate.lease), state.generation == candidate.generation,
                state.deadline <= time, let lease = endLease(candidate.lease)
            else { continue }
            ended += lease.keys.orderedKeys
            candidacies += lease.candidacies.orderedKeys
            count += 1
        }
        ended.sort()
        for key in ended { _ = keys.delete(key.bytes, reason: .expired, time: time) }
        for candidacy in candidacies { end(candidacy, reason: .expired) }
        settleElections()
        return .leasesExpired(leases: count, keys: ended.count)
    }

    /// Takes a lease away; what hung on it is the caller's to end.
    mutating func endLease(_ id: LeaseID) -> LeaseState? {
        guard let state = leases.remove(id) else { return nil }
        digest.combine(.ended, lease: id, deadline: state.deadline, generation: state.generation)
        return state
    }

    /// Leases due at a moment of cluster time, earliest first, to be proposed as ``Command/expireLeases(_:term:)``.
    /// They stay due until that is applied. Cheap when none is due. They are at most `limit`, keys and candidacies that hang on
    /// them included unless the last one has more; there may be more leases as long as ``nextLeaseDeadline`` is not after
    /// `moment`.
    package mutating func dueLeases(at moment: ClusterTime, limit: Int) -> [LeaseGeneration] {
        leases.due(at: moment, limit: limit)
    }

    /// Never later than the earliest deadline, but perhaps earlier; `nil` when no lease waits.
    package var nextLeaseDeadline: ClusterTime? { leases.nextDeadline }

    /// A lease with what is left of it at the store's ``time``.
    package func lease(_ id: LeaseID) -> LeaseGrant? { leases.grant(of: id, at: time) }
}

extension OrderedMap {
    var orderedKeys: [Key] {
        var result: [Key] = []
        result.reserveCapacity(count)
        var position = startPosition
        while position < endPosition {
            result.append(key(at: position))
            position = self.position(after: position)
        }
        return result
    }
}
