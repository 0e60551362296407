package import Primitives

/// An election as it is kept: what it remembers of its leaderships. Its candidacies are kept apart.
package struct StoredElection: Hashable, Sendable {
    package var id: ElectionID
    package var created: Fence
    /// Leaderships up to the change with this fence are forgotten.
    package var forgotten: Fence
    /// The oldest first.
    package var leaderships: [Leadership]
    package init(id: ElectionID, created: Fence, forgotten: Fence, leaderships: [Leadership]) {
        self.id = id
        self.created = created
        self.forgotten = forgotten
        self.leaderships = leaderships
    }

    init(id: ElectionID, _ record: ElectionRecord) {
        self.init(id: id, created: record.created, forgotten: record.forgotten, leaderships: record.leaderships)
    }

    var record: ElectionRecord? {
        ElectionRecord(created: created, forgotten: forgotten, leaderships: leaderships)
    }
}

package struct StoredCandidacy: Hashable, Sendable {
    package var id: CandidacyID
    package var value: Bytes
    package var priority: Int32
    package var lease: LeaseID
    /// Whether the client named the lease, so that nobody else may speak for the candidacy.
    package var hasNamedLease: Bool
    /// Whether the lease ends with the candidacy, unless something else hangs on it.
    package var madeLease: Bool
    /// Who came first has the smallest.
    package var order: UInt64
    package init(
        id: CandidacyID, value: Bytes, priority: Int32, lease: LeaseID, hasNamedLease: Bool, madeLease: Bool,
        order: UInt64
    ) {
        self.id = id
        self.value = value
        self.priority = priority
        self.lease = lease
        self.hasNamedLease = hasNamedLease
        self.madeLease = madeLease
        self.order = order
    }

    init(id: CandidacyID, _ candidate: Candidate) {
        self.init(
            id: id, value: candidate.value, priority: candidate.priority, lease: candidate.lease,
            hasNamedLease: candidate.hasNamedLease, madeLease: candidate.madeLease, order: candidate.order)
    }

    var candidate: Candidate {
        Candidate(
            value: value, priority: priority, lease: lease, hasNamedLease: hasNamedLease, madeLease: madeLease,
            order: order)
    }
}
