package import Primitives

/// The state machine in pieces: rows of `state.db`, and the content of a snapshot. Most are versions; the others are apart, so
/// that lists of them are short.
package enum StateRecord: Hashable, Sendable {
    /// A retained version of a key: the current one or one in the history.
    case version(StoredVersion)
    indirect case lease(StoredLease)
    indirect case remembered(StoredRequest)
    indirect case election(StoredElection)
    indirect case candidacy(StoredCandidacy)
}

/// Where a version stands: its revision, and its place among that revision's events.
package struct VersionPosition: Hashable, Comparable, Sendable {
    package var revision: Revision
    package var ordinal: UInt32
    package init(revision: Revision, ordinal: UInt32) {
        self.revision = revision
        self.ordinal = ordinal
    }
    package static func < (a: VersionPosition, b: VersionPosition) -> Bool {
        (a.revision, a.ordinal) < (b.revision, b.ordinal)
    }
}

/// A version as it is kept. Copies share one object with the key space that it comes from.
package struct StoredVersion: Sendable {
    let kept: Version

    package enum Content: Hashable, Sendable {
        case put(KeyRecord)
        /// The key's end.
        case tombstone(key: Bytes, reason: DeletionReason)
    }

    init(_ version: Version) { kept = version }

    package init(position: VersionPosition, content: Content, time: ClusterTime) {
        switch content {
        case .put(let record) where record.written.position == position && record.written.time == time:
            kept = record.written
        case .put(let record):
            kept = Version(
                position: position, time: time, key: record.key, value: record.value,
                createRevision: record.createRevision, modRevision: record.modRevision, number: record.version,
                lease: record.lease)
        case .tombstone(let key, let reason):
            kept = Version(position: position, time: time, endOf: key, reason: reason)
        }
    }

    package var position: VersionPosition { kept.position }
    /// When it was applied, for compaction by age.
    package var time: ClusterTime { kept.time }
    package var content: Content {
        if let reason = kept.ending { .tombstone(key: kept.key, reason: reason) } else { .put(KeyRecord(kept)) }
    }
    /// Bytes of key and value.
    package var contentBytes: Int { kept.key.count + kept.value.count }
}

extension StoredVersion: Hashable {
    package static func == (a: StoredVersion, b: StoredVersion) -> Bool {
        a.kept === b.kept || a.position == b.position && a.time == b.time && a.content == b.content
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(position)
        hasher.combine(content)
    }
}

package struct StoredLease: Hashable, Sendable {
    package var id: LeaseID
    package var ttl: TimeSpan
    package var deadline: ClusterTime
    package var generation: UInt64
    package init(id: LeaseID, ttl: TimeSpan, deadline: ClusterTime, generation: UInt64) {
        self.id = id
        self.ttl = ttl
        self.deadline = deadline
        self.generation = generation
    }
}

/// A command with an idempotency key that was applied, and what it was answered.
package struct StoredRequest: Hashable, Sendable {
    /// Growing: the log index of the entry that applied it; the oldest is forgotten first.
    package var order: UInt64
    package var key: IdempotencyKey
    package var result: CommandResult
    package init(order: UInt64, key: IdempotencyKey, result: CommandResult) {
        self.order = order
        self.key = key
        self.result = result
    }
}

/// The single values of the state machine.
package struct StateHeader: Hashable, Sendable {
    package var appliedIndex: LogIndex
    package var appliedTerm: Term
    /// The largest cluster time applied.
    package var time: ClusterTime
    package var revision: Revision
    /// History up to and including this revision is gone; zero when nothing was compacted.
    package var compactedRevision: Revision
    /// ``Digest/rawState`` after the applied index.
    package var digest: UInt64
    package init(
        appliedIndex: LogIndex, appliedTerm: Term, time: ClusterTime, revision: Revision, compactedRevision: Revision,
        digest: UInt64
    ) {
        self.appliedIndex = appliedIndex
        self.appliedTerm = appliedTerm
        self.time = time
        self.revision = revision
        self.compactedRevision = compactedRevision
        self.digest = digest
    }
}

/// What changed since the last delta was taken; `state.db` carries it out in one transaction.
package struct StateDelta: Hashable, Sendable {
    package var header: StateHeader
    /// Rows to insert or replace.
    package var upserts: [StateRecord]
    package var removedVersions: [VersionPosition]
    package var removedLeases: [LeaseID]
    /// By ``StoredRequest/order``.
    package var removedRequests: [UInt64]
    package var removedElections: [ElectionID]
    package var removedCandidacies: [CandidacyID]
    package init(
        header: StateHeader, upserts: [StateRecord] = [], removedVersions: [VersionPosition] = [],
        removedLeases: [LeaseID] = [], removedRequests: [UInt64] = [], removedElections: [ElectionID] = [],
        removedCandidacies: [CandidacyID] = []
    ) {
        self.header = header
        self.upserts = upserts
        self.removedVersions = removedVersions
        self.removedLeases = removedLeases
        self.removedRequests = removedRequests
        self.removedElections = removedElections
        self.removedCandidacies = removedCandidacies
    }
}
