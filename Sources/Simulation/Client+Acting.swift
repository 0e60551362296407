internal import KeyValue
internal import Primitives
internal import ReplicaCore

// What each kind of client does next.

extension World {
    mutating func act(_ client: Client) throws(Violation) {
        if case .settling = phase { return }
        schedule.add(.client(client.number), at: now + random.around(swarm.clientInterval))
        guard !client.isBusy else { return }
        if let retry = client.retry {
            counters[.retriedByClient] += 1
            return attempt(retry.operation, from: client)
        }
        switch client.role {
        case .writer: write(client)
        case .reader: read(client)
        case .holder: hold(client)
        case .contender: contend(client)
        case .watcher: watch(client)
        case .candidate: stand(client)
        case .observer: observe(client)
        case .guest: actAsGuest(client)
        }
    }

    mutating func anyKey() -> Bytes { Bytes("k/\(random.below(Client.keyCount))".utf8) }

    /// A value that no other write has.
    mutating func uniqueValue(_ client: Client) -> Bytes {
        let padding = random.chance(500) ? 400 : random.below(20)
        valueCount += 1
        return Bytes("c\(client.number)/\(valueCount)".utf8) + Bytes(repeating: Self.padding, count: padding)
    }

    /// What values are filled up with.
    static var padding: UInt8 { UInt8(ascii: ".") }

    mutating func idempotencyKey(_ client: Client) -> IdempotencyKey {
        IdempotencyKey(client: "c\(client.number)", number: UInt64(history.operations.count))
    }

    private mutating func newLease(_ client: Client) -> LeaseID {
        client.timeToLive = .milliseconds(random.within(150...1_500))
        return LeaseID(UInt64(history.operations.count) + 1)
    }

    // MARK: Writing

    private mutating func write(_ client: Client) {
        let key = anyKey()
        let isRepeatable = random.chance(5000)
        let command: Command
        switch random.below(10) {
        case 0...3: command = .put(Put(key: key, value: uniqueValue(client)))
        case 4: command = .put(Put(key: key, value: uniqueValue(client), precondition: .absent))
        case 5:
            let since = client.seen[key] ?? Revision(2)
            command = .put(Put(key: key, value: uniqueValue(client), precondition: .unchanged(since: since)))
        case 6, 7:
            let selection: KeySelection = random.chance(2000) ? .prefix(Bytes("k/1".utf8)) : .key(key)
            return write(
                Proposal(idempotencyKey: idempotencyKey(client), command: .delete(Delete(selection: selection))),
                from: client)
        default: command = .transaction(transaction(client, key))
        }
        write(
            Proposal(idempotencyKey: isRepeatable ? idempotencyKey(client) : nil, command: command), from: client)
    }

    private mutating func transaction(_ client: Client, _ key: Bytes) -> Transaction {
        let other = anyKey()
        let comparison = Transaction.Comparison(
            key: key, target: .modRevision(client.seen[key]?.rawValue ?? 0), relation: .equal)
        var then: [Transaction.Operation] = [.put(Put(key: key, value: uniqueValue(client)))]
        if other != key { then.append(.put(Put(key: other, value: uniqueValue(client)))) }
        return Transaction(
            comparisons: [comparison], then: then,
            otherwise: [.get(RangeQuery(selection: .key(key))), .put(Put(key: other, value: uniqueValue(client)))])
    }

    // MARK: Reading

    private mutating func read(_ client: Client) {
        let selection: KeySelection = random.chance(3000) ? .prefix(Bytes("k/".utf8)) : .key(anyKey())
        var query = RangeQuery(selection: selection)
        if random.chance(1500) { query.at = recentRevision() }
        let isStale = random.chance(1500)
        call(
            .read(.range(query), isStale ? .stale : .linearizable), for: .read(.range(query), isStale: isStale),
            from: client)
    }

    // MARK: Leases

    /// Grants, attaches, renews some times, then revokes or falls silent.
    private mutating func hold(_ client: Client) {
        guard let lease = client.lease else {
            client.renewalsLeft = random.below(12)
            let command = Command.grantLease(newLease(client), ttl: client.timeToLive)
            let key = random.chance(5000) ? idempotencyKey(client) : nil
            return write(Proposal(idempotencyKey: key, command: command), from: client)
        }
        if random.chance(2500) {
            let put = Put(key: anyKey(), value: uniqueValue(client), lease: .existing(lease))
            return write(Proposal(command: .put(put)), from: client)
        }
        if client.renewalsLeft > 0 { return renew(client, lease) }
        client.lease = nil
        guard random.chance(3000) else { return }
        write(Proposal(idempotencyKey: idempotencyKey(client), command: .revokeLease(lease)), from: client)
    }

    private mutating func renew(_ client: Client, _ lease: LeaseID) {
        client.renewalsLeft -= 1
        call(.renew([lease]), for: .renewal([lease]), from: client)
    }

    /// The election of a controller: create the key under a lease, renew, fall silent some day.
    private mutating func contend(_ client: Client) {
        if let lease = client.lease {
            if client.renewalsLeft > 0 { return renew(client, lease) }
            client.lease = nil
            return
        }
        client.renewalsLeft = random.below(20)
        let lease = newLease(client)
        let put = Put(
            key: Client.controllerKey, value: uniqueValue(client), precondition: .absent,
            lease: .new(lease, ttl: client.timeToLive))
        write(Proposal(idempotencyKey: idempotencyKey(client), command: .put(put)), from: client)
    }
}
