internal import KeyValue
internal import Primitives
internal import ReplicaCore

// A client of etcd's API: what that API's services make of its requests (`EtcdAPI/Services`).

extension World {
    mutating func actAsGuest(_ client: Client) {
        switch random.below(16) {
        case 0: carryOut(.put(guestPut(client, anyKey())), from: client)
        case 1: carryOut(.delete(Delete(selection: anySelection())), from: client)
        case 2...5: carryOut(.transaction(guestTransaction(client, depth: 0)), from: client)
        case 6: compactHistory(client)
        case 7, 8: keepLease(client)
        case 9: readLeases(client)
        case 10...13: standInLine(client)
        default: readRange(client)
        }
    }

    /// Only by a value of its own a command is known again in the log; others get a key for that.
    private mutating func carryOut(_ command: Command, from client: Client) {
        write(
            Proposal(idempotencyKey: command.hasValue ? nil : idempotencyKey(client), command: command), from: client)
    }

    private mutating func anySelection() -> KeySelection {
        switch random.below(6) {
        case 0: .prefix(Bytes("k/".utf8))
        case 1: .prefix(Bytes("k/1".utf8))
        default: .key(anyKey())
        }
    }

    // MARK: - Keys

    /// `ignore_value`, `ignore_lease`, or a lease of its own.
    private mutating func guestPut(_ client: Client, _ key: Bytes) -> Put {
        if random.chance(1500) { return Put(key: key, value: [], keepsValue: true) }
        var put = Put(key: key, value: uniqueValue(client))
        switch random.below(5) {
        case 0: put.lease = .kept
        default: if let lease = client.lease, random.chance(5000) { put.lease = .existing(lease) }
        }
        return put
    }

    private mutating func anyRange() -> RangeQuery {
        let isPrefix = random.chance(5000)
        var query = RangeQuery(selection: isPrefix ? .prefix(Bytes("k/".utf8)) : .key(anyKey()))
        guard isPrefix else { return query }
        switch random.below(4) {
        case 0: query.limit = 1 + random.below(4)
        case 1: query.keysOnly = true
        case 2: query.countOnly = true
        default: break
        }
        return query
    }

    private mutating func readRange(_ client: Client) {
        var query = anyRange()
        if random.chance(2000) { query.at = recentRevision() }
        let isStale = random.chance(3000)
        call(
            .read(.range(query), isStale ? .stale : .linearizable), for: .read(.range(query), isStale: isStale),
            from: client)
    }

    private mutating func guestTransaction(_ client: Client, depth: Int) -> Transaction {
        var transaction = Transaction(comparisons: [], then: [], otherwise: [])
        for _ in 0..<random.below(3) { transaction.comparisons.append(anyComparison(client)) }
        for _ in 0..<(1 + random.below(2)) { transaction.then.append(anyOperation(client, depth: depth)) }
        for _ in 0..<random.below(3) { transaction.otherwise.append(anyOperation(client, depth: depth)) }
        return transaction
    }

    private mutating func anyComparison(_ client: Client) -> Transaction.Comparison {
        let key = anyKey()
        let seen = client.seen[key]?.rawValue ?? 0
        let target: Transaction.Target =
            switch random.below(6) {
            case 0: .createRevision(seen)
            case 1: .version(UInt64(random.below(4)))
            case 2: .value(Bytes("c".utf8))
            case 3: .lease(client.lease?.rawValue ?? 0)
            default: .modRevision(seen)
            }
        let relations: [Transaction.Relation] = [.equal, .notEqual, .less, .greater]
        return Transaction.Comparison(
            selection: random.chance(2500) ? .prefix(Bytes("k/1".utf8)) : .key(key), target: target,
            relation: relations[random.below(relations.count)])
    }

    private mutating func anyOperation(_ client: Client, depth: Int) -> Transaction.Operation {
        switch random.below(8) {
        case 0 where depth < 2, 1 where depth < 2: return .transaction(guestTransaction(client, depth: depth + 1))
        case 2, 3:
            var query = anyRange()
            if case .range = query.selection, random.chance(500) { query.at = recentRevision() }
            return .get(query)
        case 4: return .delete(anySelection())
        default: return .put(guestPut(client, anyKey()))
        }
    }

    /// One that may be compacted, or not.
    mutating func recentRevision() -> Revision {
        let newest = history.model.store.revision.rawValue
        return Revision(newest - min(newest - 1, UInt64(random.below(60))))
    }

    private mutating func compactHistory(_ client: Client) {
        // Often there would be too little left for watches to go on with.
        guard random.chance(2000) else { return readRange(client) }
        carryOut(.discardHistory(before: recentRevision()), from: client)
    }

    // MARK: - Leases

    /// Grants one under an id of its own choice, which may be taken or have been somebody's before; then renews or revokes.
    private mutating func keepLease(_ client: Client) {
        guard let lease = client.lease, !random.chance(1000) else {
            client.timeToLive = .milliseconds(random.within(150...1_500))
            let id = LeaseID(UInt64(client.number + 1) << 32 + UInt64(random.below(3)))
            return carryOut(.grantLease(id, ttl: client.timeToLive), from: client)
        }
        if random.chance(8000) {
            call(.renew([lease]), for: .renewal([lease]), from: client)
            return
        }
        client.lease = nil
        carryOut(.revokeLease(lease), from: client)
    }

    private mutating func readLeases(_ client: Client) {
        let query: Query = client.lease.map { .lease($0) } ?? .leases(from: LeaseID(1), limit: 0)
        call(.read(query, .linearizable), for: .read(query, isStale: false), from: client)
    }

    // MARK: - Elections and locks

    /// `Campaign`, `Leader`, `Proclaim`, `Resign`, `Lock` and `Unlock`: a key under a lease in a line, whose oldest key has won.
    private mutating func standInLine(_ client: Client) {
        guard let lease = client.lease else { return keepLease(client) }
        let line = Bytes("line/".utf8)
        let key = line + Bytes(String(lease.rawValue, radix: 16).utf8)
        // It knows when its key came into being from a look at the line.
        let created = client.places[key]?.rawValue ?? 0
        let isHeld = Transaction.Comparison(key: key, target: .createRevision(created), relation: .equal)
        let put = Put(key: key, value: uniqueValue(client), lease: .existing(lease))
        let isMine = Transaction.Comparison(key: key, target: .lease(lease.rawValue), relation: .equal)
        switch random.below(6) {
        case 0...2:
            carryOut(
                .transaction(
                    Transaction(
                        comparisons: [isHeld], then: [.put(put)],
                        otherwise: [.get(RangeQuery(selection: .key(key)))])), from: client)
        case 3:
            let query = Query.range(RangeQuery(selection: .prefix(line)))
            call(.read(query, .linearizable), for: .read(query, isStale: false), from: client)
        case 4:
            carryOut(
                .transaction(Transaction(comparisons: [isMine], then: [.delete(.key(key))], otherwise: [])),
                from: client)
        default:
            carryOut(
                .transaction(Transaction(comparisons: [isHeld], then: [.delete(.key(key))], otherwise: [])),
                from: client)
        }
    }
}

extension Command {
    /// Whether it may write a value, which no other command has.
    fileprivate var hasValue: Bool {
        switch self {
        case .put(let put): !put.keepsValue
        case .transaction(let transaction): transaction.hasValue
        default: false
        }
    }
}

extension Transaction {
    fileprivate var hasValue: Bool {
        (then + otherwise).contains { operation in
            switch operation {
            case .put(let put): !put.keepsValue
            case .transaction(let inner): inner.hasValue
            case .get, .delete: false
            }
        }
    }
}
