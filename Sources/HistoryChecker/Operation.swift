/// One request of one client, with what it was answered.
package struct Operation: Hashable, Sendable {
    package var client: String
    /// The node that was asked last.
    package var node: String
    /// Microseconds since the run began at which it was first sent.
    package var call: Int64
    /// Microseconds at which the answer was there, or the client gave up; not before ``call``.
    package var end: Int64
    /// Operations with the same one are repetitions of one request.
    package var idempotencyKey: String?
    package var invocation: Invocation
    package var response: Response

    package init(
        client: String, node: String, call: Int64, end: Int64, idempotencyKey: String? = nil,
        _ invocation: Invocation, _ response: Response
    ) {
        self.client = client
        self.node = node
        self.call = call
        self.end = end
        self.idempotencyKey = idempotencyKey
        self.invocation = invocation
        self.response = response
    }
}

/// What a client asked for.
package enum Invocation: Hashable, Sendable {
    case put(Put)
    case delete(String, Condition)
    /// Deletes all keys that begin with a prefix.
    case clear(String)
    case get(String, Point)
    /// A linearizable read once the key has changed after a revision, for so many milliseconds at most.
    case wait(String, after: UInt64, span: Int64)
    case list(Listing)
    case transaction(Transaction)
    case grant(UInt64, ttl: Int64)
    case renew([UInt64])
    case revoke(UInt64)
    case lease(UInt64)
    /// A page of the leases in the order of their ids.
    case leases(start: UInt64?, limit: Int?)
    indirect case campaign(Campaign)
    indirect case resign(Resignation)
    indirect case offices(OfficeQuery)
    /// A write that is to be carried out only while a leadership stands.
    indirect case under(Office.Guard, Invocation)
    indirect case line(LineRequest)
    /// History before a revision is forgotten.
    case compact(UInt64)

    /// Without what guards it.
    package var bare: Invocation { if case .under(_, let bare) = self { bare.bare } else { self } }
    package var `guard`: Office.Guard? { if case .under(let found, _) = self { found } else { nil } }

    /// A write of one key. Its value is one that no other request of the run has.
    package struct Put: Hashable, Sendable {
        package var key: String
        package var value: String
        package var condition: Condition
        package var lease: Attachment
        package init(_ key: String, _ value: String, _ condition: Condition = .none, lease: Attachment = .none) {
            self.key = key
            self.value = value
            self.condition = condition
            self.lease = lease
        }
    }

    /// What must hold of the key for a write to be carried out.
    package enum Condition: Hashable, Sendable {
        case none, absent, present
        case unchanged(UInt64)
    }

    /// The lease a written key hangs on.
    package enum Attachment: Hashable, Sendable {
        case none
        case existing(UInt64)
        /// A new one of this many milliseconds; the answer names it.
        case new(ttl: Int64)
    }

    /// Which state a read is to show.
    package enum Point: Hashable, Sendable {
        /// Linearizable.
        case newest
        /// Whatever the node has in memory.
        case stale
        case at(UInt64)
    }

    /// A read of the keys with a prefix, in byte order.
    package struct Listing: Hashable, Sendable {
        package var prefix: String
        package var start: String?
        package var limit: Int?
        package var point: Point
        package var keysOnly: Bool
        package var countOnly: Bool
        package init(
            _ prefix: String, start: String? = nil, limit: Int? = nil, _ point: Point = .newest,
            keysOnly: Bool = false, countOnly: Bool = false
        ) {
            self.prefix = prefix
            self.start = start
            self.limit = limit
            self.point = point
            self.keysOnly = keysOnly
            self.countOnly = countOnly
        }
    }
}

/// If all comparisons hold then one list of steps, else the other; all writes share one revision.
package struct Transaction: Hashable, Sendable {
    package var comparisons: [Comparison]
    package var then: [Step]
    package var otherwise: [Step]
    package init(if comparisons: [Comparison], then: [Step], else otherwise: [Step] = []) {
        self.comparisons = comparisons
        self.then = then
        self.otherwise = otherwise
    }

    /// One thing that must hold of one key, or of all keys that begin with a prefix.
    package struct Comparison: Hashable, Sendable {
        package var key: String
        /// Whether ``key`` is a prefix: then it must hold of each key with it, and of an absent one where there is none.
        package var isPrefix: Bool
        package var target: Target
        package var relation: Relation
        /// A value for ``Target/value``, a number for every other target, in hexadecimal for ``Target/lease``.
        package var operand: String
        package init(
            _ key: String, isPrefix: Bool = false, _ target: Target, _ relation: Relation, _ operand: String
        ) {
            self.key = key
            self.isPrefix = isPrefix
            self.target = target
            self.relation = relation
            self.operand = operand
        }
    }

    package enum Target: String, Hashable, Sendable {
        case revision, created, version, value, lease
    }

    package enum Relation: String, Hashable, Sendable {
        case equal = "=="
        case unequal = "!="
        case less = "<"
        case greater = ">"
    }

    package enum Step: Hashable, Sendable {
        case put(String, String, lease: UInt64)
        /// A put that keeps what is not given; the key must be there.
        case keep(String, value: String?, lease: UInt64?)
        case get(String)
        case list(Invocation.Listing)
        case delete(String)
        case clear(String)
        /// A transaction inside: its comparisons look at the state before the first write of the whole.
        indirect case transaction(Transaction)
    }
}
