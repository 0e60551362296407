package import Primitives

/// What applying a command came to. The rare and large are apart, so that the others are handed on as a few words.
package enum CommandResult: Hashable, Sendable {
    case put(PutResult)
    case deleted(count: Int, revision: Revision)
    indirect case transaction(TransactionResult)
    case leaseGranted(LeaseGrant)
    /// One answer per id, in the order asked; `nil` where the lease is gone.
    case leasesRenewed([LeaseGrant?])
    /// A lease ended by its holder; how many keys went with it.
    case leaseRevoked(LeaseID, deletedKeys: Int, revision: Revision)
    /// How many leases and keys an expiry entry ended.
    case leasesExpired(leases: Int, keys: Int)
    case compacted(through: Revision)
    indirect case candidacy(CandidacyResult)
    indirect case resigned(ResignationResult)
    indirect case failed(CommandFailure)
}

package struct PutResult: Hashable, Sendable {
    package var record: KeyRecord
    /// Whether the key was absent before.
    package var created: Bool
    /// The lease the key hangs on now.
    package var lease: LeaseGrant?
    package init(record: KeyRecord, created: Bool, lease: LeaseGrant?) {
        self.record = record
        self.created = created
        self.lease = lease
    }
}

/// A lease as its holder is told of it.
package struct LeaseGrant: Hashable, Sendable {
    package var id: LeaseID
    package var ttl: TimeSpan
    /// What was left of it, counted from the entry's own time: `ttl` right after a grant or a renewal.
    package var remaining: TimeSpan
    package init(id: LeaseID, ttl: TimeSpan, remaining: TimeSpan) {
        self.id = id
        self.ttl = ttl
        self.remaining = remaining
    }
}

package struct TransactionResult: Hashable, Sendable {
    package var succeeded: Bool
    package var results: [OperationResult]
    package var revision: Revision
    package init(succeeded: Bool, results: [OperationResult], revision: Revision) {
        self.succeeded = succeeded
        self.results = results
        self.revision = revision
    }
}

package enum OperationResult: Hashable, Sendable {
    case put(PutResult)
    case get(RangeResult)
    case deleted(count: Int)
    /// Its revision is the one reached by then.
    case transaction(TransactionResult)
}

package struct RangeResult: Hashable, Sendable {
    /// In key order. With `keysOnly` the values are empty.
    package var records: [KeyRecord]
    /// How many keys the selection has, whatever the limit.
    package var count: Int
    /// Whether the limit, or ``Limits/rangeBytes``, cut the page.
    package var more: Bool
    package init(records: [KeyRecord], count: Int, more: Bool) {
        self.records = records
        self.count = count
        self.more = more
    }
}

/// Why a command or a query was refused. Nothing was changed by it.
package enum CommandFailure: Error, Hashable, Sendable {
    /// The key is not as the condition asks; carries what is there now.
    case preconditionFailed(holder: KeyRecord?)
    case leaseNotFound(LeaseID)
    case leaseExists(LeaseID)
    case compacted(oldest: Revision)
    case futureRevision(current: Revision)
    /// A transaction writes one key twice.
    case duplicateKey(Bytes)
    /// A put keeps the value or the lease of a key that is not there.
    case keyNotFound(Bytes)
    case tooManyLeases(limit: Int)
    /// The store is full; deletes, renewals and expiries still work.
    case quotaExceeded(limit: Int)
    /// The leadership of `If-Fence` does not stand; carries the election's fence now.
    case fenced(ElectionID, now: Fence)
    case candidacyNotFound(ElectionSummary)
    /// The candidacy is there under another lease than the client's.
    case candidacyTaken(ElectionSummary)
    /// The candidacy is there, is not there, or does not lead, against what the client asked for.
    case candidacyCondition(ElectionSummary)
    case tooManyCandidates(limit: Int)
    case tooManyElections(limit: Int)
}

package enum QueryResult: Hashable, Sendable {
    case range(RangeResult)
    /// `nil` when there is no such lease.
    indirect case lease(LeaseStatus?)
    indirect case leases(LeasePage)
    /// `nil` when nobody ever campaigned in it, as far as is known.
    indirect case election(ElectionView?)
    indirect case elections(ElectionPage)
    indirect case leaderships(LeadershipPage?)
    indirect case candidacy(CandidacyResult)
    indirect case failed(CommandFailure)
}

package struct LeasePage: Hashable, Sendable {
    /// In the order of their ids.
    package var grants: [LeaseGrant]
    /// How many leases there are in all.
    package var count: Int
    /// Whether there are leases behind the last one of the page.
    package var more: Bool
    package init(grants: [LeaseGrant], count: Int, more: Bool) {
        self.grants = grants
        self.count = count
        self.more = more
    }
}

package struct LeaseStatus: Hashable, Sendable {
    package var grant: LeaseGrant
    /// The keys attached, in order.
    package var keys: [Bytes]
    package init(grant: LeaseGrant, keys: [Bytes]) {
        self.grant = grant
        self.keys = keys
    }
}

/// One change of one key.
package enum Event: Hashable, Sendable {
    /// A write; `previous` is what it replaced, if that is still in the history.
    case put(KeyRecord, previous: KeyRecord?)
    case delete(key: Bytes, revision: Revision, reason: DeletionReason, previous: KeyRecord?)

    package var key: Bytes {
        switch self {
        case .put(let record, _): record.key
        case .delete(let key, _, _, _): key
        }
    }

    package var revision: Revision {
        switch self {
        case .put(let record, _): record.modRevision
        case .delete(_, let revision, _, _): revision
        }
    }
}

package enum DeletionReason: UInt8, Hashable, Sendable, CaseIterable {
    case deleted, expired, revoked
}

/// All events of one revision, in the order they happened; one shared object for all who read it.
package final class RevisionEvents: Sendable {
    package let revision: Revision
    package let events: [Event]
    package init(revision: Revision, events: [Event]) {
        self.revision = revision
        self.events = events
    }
}
