package import Primitives

/// Why kept records do not make a state: they are damaged, or not complete.
package enum RestoreFailure: Error, Hashable, Sendable {
    /// A number that no state has, or a history that begins after its end.
    case header
    /// The version does not follow the one before it.
    case outOfOrder(VersionPosition)
    /// The version contradicts its key's others.
    case inconsistent(VersionPosition)
    /// The history ends before, or does not have, this revision.
    case missingRevision(Revision)
    case duplicateLease(LeaseID)
    /// A key hangs on a lease that is not there.
    case missingLease(LeaseID)
    case duplicateRequest(order: UInt64)
    /// The election or a candidacy in it contradicts itself, or stands on a lease that is not there.
    case inconsistentElection(ElectionID)
}

/// How the state gets into `state.db` and snapshots, and back.
extension Store {
    /// Takes up the state that ``header`` and ``records()`` were of. Versions come in the order of their positions, or as
    /// ``records()`` gives them; everything else in any order, before, between or after.
    package init(
        restoring header: StateHeader, records: some Sequence<StateRecord>, bounds: StoreBounds = StoreBounds()
    ) throws(RestoreFailure) {
        guard header.isPlausible else { throw .header }
        self.init(standingAt: header, bounds: bounds)
        var remembered: [StoredRequest] = []
        var elections: [StoredElection] = []
        var candidacies: [StoredCandidacy] = []
        for record in records {
            switch record {
            case .version(let version):
                guard version.time >= .zero, version.time <= time else { throw .inconsistent(version.position) }
                try keys.restore(version)
            case .lease(let lease): try leases.restore(lease)
            case .remembered(let request): remembered.append(request)
            case .election(let election): elections.append(election)
            case .candidacy(let candidacy): candidacies.append(candidacy)
            }
        }
        try keys.finishRestoring(at: header.revision)
        try attachKeys()
        var leases = leases
        try self.elections.restore(elections, candidacies, through: Fence(appliedIndex.rawValue)) {
            leases.attach($1, to: $0)
        }
        self.leases = leases
        self.leases.finishRestoring()
        #if PlantedBugs
            if planted(.forgetsRequests) { remembered = [] }
        #endif
        try requests.restore(remembered, at: header.appliedIndex)
    }

    private mutating func attachKeys() throws(RestoreFailure) {
        var position = keys.living.startPosition
        while position < keys.living.endPosition {
            if let record = keys.living[position].newest.record, let lease = record.lease {
                guard leases.attach(record.key, to: lease) else { throw .missingLease(lease) }
            }
            position = keys.living.position(after: position)
        }
    }

    /// What changed since the last call, or since the store was restored; `nil` when no entry was applied. The deltas in
    /// their order, carried out on a table, make it equal to ``records()``.
    /// To be called now and then: until then the changes are kept.
    ///
    /// - Parameter versions: with fewer versions of keys that came or went, nothing is taken.
    package mutating func takeDelta(ofAtLeast versions: Int = 0) -> StateDelta? {
        guard appliedIndex > takenIndex, keys.changeCount >= versions else { return nil }
        takenIndex = appliedIndex
        let versions = keys.takeChanges()
        let leases = leases.takeChanges()
        let requests = requests.takeChanges(at: appliedIndex)
        let elections = elections.takeChanges()
        var upserts: [StateRecord] = []
        upserts.reserveCapacity(versions.inserted.count + leases.upserts.count + requests.upserts.count)
        for version in versions.inserted { upserts.append(.version(StoredVersion(version))) }
        for lease in leases.upserts { upserts.append(.lease(lease)) }
        for election in elections.elections { upserts.append(.election(election)) }
        for candidacy in elections.candidacies { upserts.append(.candidacy(candidacy)) }
        for request in requests.upserts { upserts.append(.remembered(request)) }
        #if PlantedBugs
            if planted(.savesIndexEarly) {
                var early = header
                early.appliedIndex = early.appliedIndex.next
                return StateDelta(
                    header: early, upserts: upserts, removedVersions: versions.removed, removedLeases: leases.removed,
                    removedRequests: requests.removed)
            }
            if planted(.forgetsRemovedRows) { return StateDelta(header: header, upserts: upserts) }
        #endif
        return StateDelta(
            header: header, upserts: upserts, removedVersions: versions.removed, removedLeases: leases.removed,
            removedRequests: requests.removed, removedElections: elections.removedElections,
            removedCandidacies: elections.removedCandidacies)
    }
}

extension StateHeader {
    /// Whether nothing that counts on from here can overflow or run backwards.
    fileprivate var isPlausible: Bool {
        revision >= .empty && compactedRevision <= revision && revision.rawValue < Limits.counters
            && appliedIndex.rawValue < Limits.counters && appliedTerm.rawValue < Limits.counters
            && time >= .zero && time.nanoseconds < Int64(Limits.counters)
    }
}
