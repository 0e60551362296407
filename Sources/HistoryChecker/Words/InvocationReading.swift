extension Scanner {
    mutating func invocation() throws(HistoryFault) -> Invocation {
        if take("get") { return .get(try word(), try point()) }
        if take("put") { return .put(try put()) }
        if take("list") { return .list(try listing()) }
        if take("wait") { return .wait(try word(), after: try revision(), span: try time()) }
        if take("txn") { return .transaction(try transaction()) }
        if take("delete") { return .delete(try word(), try condition()) }
        if take("renew") { return .renew(try leases(until: "=>")) }
        if take("clear") { return .clear(try value()) }
        if take("grant") { return .grant(try lease(), ttl: try time()) }
        if take("revoke") { return .revoke(try lease()) }
        if take("lease") { return .lease(try lease()) }
        if take("leases") {
            let start = try field("start=")
            let limit = try field("limit=")
            return .leases(
                start: try start.map { (id) throws(HistoryFault) in try lease(id) },
                limit: try limit.map { (size) throws(HistoryFault) in Int(try decimal(size)) })
        }
        if take("under") {
            let condition = Office.Guard(try office(), fence: try revision())
            return .under(condition, try invocation())
        }
        if take("compact") { return .compact(try revision()) }
        if let invocation = try officeInvocation() { return invocation }
        throw fault("there is no such operation")
    }

    private mutating func put() throws(HistoryFault) -> Invocation.Put {
        var put = Invocation.Put(try word(), try value())
        put.condition = try condition()
        if let lease = try field("lease=") {
            put.lease = .existing(try self.lease(lease))
        } else if let ttl = try field("ttl=") {
            put.lease = .new(ttl: Int64(try decimal(ttl)))
        }
        return put
    }

    private mutating func condition() throws(HistoryFault) -> Invocation.Condition {
        if take("if=absent") { return .absent }
        if take("if=present") { return .present }
        guard let revision = try field("if=") else { return .none }
        return .unchanged(try decimal(revision))
    }

    private mutating func point() throws(HistoryFault) -> Invocation.Point {
        if take("stale") { return .stale }
        guard let revision = try field("at=") else { return .newest }
        return .at(try decimal(revision))
    }

    private mutating func listing() throws(HistoryFault) -> Invocation.Listing {
        var listing = Invocation.Listing(try value())
        listing.start = try field("start=").map(text)
        if let limit = try field("limit=") { listing.limit = Int(try decimal(limit)) }
        listing.point = try point()
        listing.keysOnly = take("keys")
        listing.countOnly = take("count")
        return listing
    }

    private mutating func transaction() throws(HistoryFault) -> Transaction {
        var transaction = Transaction(if: [], then: [])
        while true {
            if take("if") {
                transaction.comparisons.append(try comparison(try word(), isPrefix: false))
            } else if take("all") {
                transaction.comparisons.append(try comparison(try value(), isPrefix: true))
            } else if take("then") {
                transaction.then.append(try step())
            } else if take("else") {
                transaction.otherwise.append(try step())
            } else {
                return transaction
            }
        }
    }

    private mutating func comparison(
        _ key: String, isPrefix: Bool
    ) throws(HistoryFault) -> Transaction.Comparison {
        guard let target = Transaction.Target(rawValue: try word()) else { throw fault("there is no such target") }
        guard let relation = Transaction.Relation(rawValue: try word()) else {
            throw fault("there is no such relation")
        }
        return Transaction.Comparison(key, isPrefix: isPrefix, target, relation, try value())
    }

    private mutating func step() throws(HistoryFault) -> Transaction.Step {
        if take("put") { return .put(try word(), try value(), lease: try lease()) }
        if take("get") { return .get(try word()) }
        if take("list") { return .list(try listing()) }
        if take("delete") { return .delete(try word()) }
        if take("clear") { return .clear(try value()) }
        if take("keep") { return try keep() }
        if take("txn") { return .transaction(try innerTransaction()) }
        throw fault("there is no such step of a transaction")
    }

    private mutating func keep() throws(HistoryFault) -> Transaction.Step {
        let key = try word()
        let value = try field("value=").map(text).map { $0 == "~" ? "" : $0 }
        return .keep(
            key, value: value, lease: try field("lease=").map { field throws(HistoryFault) in try lease(field) })
    }

    private mutating func innerTransaction() throws(HistoryFault) -> Transaction {
        guard depth < Self.deepest, take("(") else { throw fault("a transaction inside stands in parentheses") }
        depth += 1
        let inner = try transaction()
        depth -= 1
        guard take(")") else { throw fault("a transaction inside does not end") }
        return inner
    }

    /// Lease ids up to the word `end`, which stays.
    private mutating func leases(until end: StaticString) throws(HistoryFault) -> [UInt64] {
        var leases: [UInt64] = []
        while true {
            var ahead = self
            if ahead.take(end) { return leases }
            leases.append(try lease())
        }
    }
}
