package import Primitives

/// What a log entry asks the state machine to do.
package enum Command: Hashable, Sendable {
    case put(Put)
    case delete(Delete)
    case transaction(Transaction)
    /// A new lease. Fails with ``CommandFailure/leaseExists(_:)`` when the id is taken.
    case grantLease(LeaseID, ttl: TimeSpan)
    /// Sets each lease's deadline to the entry's time plus its TTL; leases that are gone are skipped and reported so.
    case renewLeases([LeaseID])
    /// Ends a lease on its holder's wish; its keys go in one revision, with reason ``DeletionReason/revoked``.
    case revokeLease(LeaseID)
    /// Ends the leases a leader found due; ignored for each lease whose generation moved on, and as a whole when
    /// `term` is not the entry's own (`invariants.md` 24). All keys of all of them go in one revision.
    case expireLeases([LeaseGeneration], term: Term)
    /// Forgets history up to and including this revision.
    case compact(through: Revision)
    /// Forgets the history before this revision on a client's wish. Fails with ``CommandFailure/compacted(oldest:)`` when
    /// that was done before.
    case discardHistory(before: Revision)
    case campaign(Campaign)
    case resign(Resignation)
}

/// A command with what makes a repetition of it harmless.
package struct Proposal: Hashable, Sendable {
    package var idempotencyKey: IdempotencyKey?
    /// The leadership that must stand for the command to be carried out.
    package var fence: FenceCondition?
    package var command: Command
    package init(idempotencyKey: IdempotencyKey? = nil, fence: FenceCondition? = nil, command: Command) {
        self.idempotencyKey = idempotencyKey
        self.fence = fence
        self.command = command
    }
}

/// `Idempotency-Key: <client>/<number>`: the first command with it is applied, a repetition is answered as the first was.
package struct IdempotencyKey: Hashable, Sendable {
    package var client: String
    package var number: UInt64
    package init(client: String, number: UInt64) {
        self.client = client
        self.number = number
    }
}

/// A lease as it was when a leader found it due: a renewal since then changes the generation.
package struct LeaseGeneration: Hashable, Sendable {
    package var lease: LeaseID
    package var generation: UInt64
    package init(lease: LeaseID, generation: UInt64) {
        self.lease = lease
        self.generation = generation
    }
}

/// What must hold of a key for a conditional write (`If-Match`, `If-None-Match`; RFC 9110 §13.1).
package enum Precondition: Hashable, Sendable {
    case none
    /// `If-None-Match: *`
    case absent
    /// `If-Match: *`
    case present
    /// `If-Match: "<mod_revision>"`
    case unchanged(since: Revision)
}

/// Which lease a written key hangs on.
package enum LeaseAttachment: Hashable, Sendable {
    /// None: a key that had a lease is detached from it.
    case none
    case existing(LeaseID)
    /// A new lease, granted in the same step. The id was drawn by the node that took the request.
    case new(LeaseID, ttl: TimeSpan)
    /// The one it has, if any. The key must be there: ``CommandFailure/keyNotFound(_:)``.
    case kept
}

package struct Put: Hashable, Sendable {
    package var key: Bytes
    package var value: Bytes
    package var precondition: Precondition
    package var lease: LeaseAttachment
    /// Whether the key keeps the value it has; ``value`` is empty then. The key must be there:
    /// ``CommandFailure/keyNotFound(_:)``.
    package var keepsValue: Bool
    package init(
        key: Bytes, value: Bytes, precondition: Precondition = .none, lease: LeaseAttachment = .none,
        keepsValue: Bool = false
    ) {
        self.key = key
        self.value = value
        self.precondition = precondition
        self.lease = lease
        self.keepsValue = keepsValue
    }
}

package struct Delete: Hashable, Sendable {
    package var selection: KeySelection
    /// Applies to a single key only.
    package var precondition: Precondition
    package init(selection: KeySelection, precondition: Precondition = .none) {
        self.selection = selection
        self.precondition = precondition
    }
}

/// One key, or the keys of a half-open range in byte order.
package enum KeySelection: Hashable, Sendable {
    case key(Bytes)
    /// From `from` up to and without `to`; `nil` is the end of the key space.
    case range(from: Bytes, to: Bytes?)

    /// All keys that begin with `prefix`; all keys when it is empty.
    package static func prefix(_ prefix: Bytes) -> KeySelection {
        var upper = prefix
        while let last = upper.last {
            if last < 0xFF {
                upper[upper.count - 1] = last + 1
                return .range(from: prefix, to: upper)
            }
            upper.removeLast()
        }
        return .range(from: prefix, to: nil)
    }

    package func contains(_ key: Bytes) -> Bool {
        switch self {
        case .key(let one): one == key
        case .range(let from, let to):
            !key.lexicographicallyPrecedes(from) && (to.map { key.lexicographicallyPrecedes($0) } ?? true)
        }
    }
}

/// `if` all comparisons hold then `then`, else `else`; all its writes share one revision.
package struct Transaction: Hashable, Sendable {
    package var comparisons: [Comparison]
    package var then: [Operation]
    package var otherwise: [Operation]
    package init(comparisons: [Comparison], then: [Operation], otherwise: [Operation]) {
        self.comparisons = comparisons
        self.then = then
        self.otherwise = otherwise
    }

    /// Holds when it holds for every key of the selection; where there is none, when it holds for an absent key.
    package struct Comparison: Hashable, Sendable {
        package var selection: KeySelection
        package var target: Target
        package var relation: Relation
        package init(selection: KeySelection, target: Target, relation: Relation) {
            self.selection = selection
            self.target = target
            self.relation = relation
        }
        package init(key: Bytes, target: Target, relation: Relation) {
            self.init(selection: .key(key), target: target, relation: relation)
        }
    }

    /// What of the key is compared with what. An absent key has revisions, version and lease 0 and no value
    /// (a comparison of its value never holds).
    package enum Target: Hashable, Sendable {
        case modRevision(UInt64)
        case createRevision(UInt64)
        case version(UInt64)
        case value(Bytes)
        case lease(UInt64)
    }

    package enum Relation: UInt8, Hashable, Sendable {
        case equal, notEqual, less, greater
    }

    package enum Operation: Hashable, Sendable {
        /// A put; its own precondition is always `.none` here.
        case put(Put)
        /// A read, inside the transaction: sees the writes before it.
        case get(RangeQuery)
        case delete(KeySelection)
        /// A transaction inside: its comparisons look at the state before the first write of the whole.
        case transaction(Transaction)
    }
}

/// A read of keys.
package struct RangeQuery: Hashable, Sendable {
    package var selection: KeySelection
    /// Keys at most; 0 = ``Limits/rangePage``.
    package var limit: Int
    /// The revision to read at; `nil` = now.
    package var at: Revision?
    package var keysOnly: Bool
    package var countOnly: Bool
    package init(
        selection: KeySelection, limit: Int = 0, at: Revision? = nil, keysOnly: Bool = false, countOnly: Bool = false
    ) {
        self.selection = selection
        self.limit = limit
        self.at = at
        self.keysOnly = keysOnly
        self.countOnly = countOnly
    }
}

/// A read of the state machine.
package enum Query: Hashable, Sendable {
    case range(RangeQuery)
    case lease(LeaseID)
    /// At most `limit` leases from an id on, in the order of their ids; 0 = ``Limits/rangePage``.
    case leases(from: LeaseID, limit: Int)
    /// An election with the first `limit` of those who wait.
    case election(ElectionID, limit: Int)
    /// At most `limit` elections of a kind whose names begin with `prefix`, from `start` on; 0 = ``Limits/rangePage``.
    case elections(ElectionID.Kind, prefix: Bytes, from: Bytes, limit: Int)
    /// The last `limit` leaderships.
    case leaderships(ElectionID, limit: Int)
    case candidacy(CandidacyID)
}
