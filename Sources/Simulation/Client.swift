internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// Somebody who uses the cluster, one request at a time.
final class Client {
    enum Role: CaseIterable {
        case writer, reader, holder, contender, watcher, candidate, observer, guest
    }

    static let controllerKey = Bytes("controller".utf8)
    static let keyCount = 12

    let number: Int
    let role: Role
    /// A request is under way.
    var isBusy = false
    /// The write to try again on another node.
    var retry: (operation: Int, attempts: Int)?
    /// The lease it holds, as far as it knows.
    var lease: LeaseID?
    var timeToLive = TimeSpan.zero
    /// Renewals until it lets its lease go.
    var renewalsLeft = 0
    /// The revision it last saw of each key.
    var seen: [Bytes: Revision] = [:]
    /// When the keys came into being that it last saw in a line, which is how etcd's clients elect.
    var places: [Bytes: Revision] = [:]
    var watch: WatchID?
    /// What ``watch`` was called when it was first opened.
    var firstWatch = WatchID(0)
    /// Where the next watch goes on, if it does.
    var resumeAfter: Revision?
    var selections: [KeySelection] = []
    /// What it campaigns with, while it does.
    var campaign: Campaign?
    /// The leadership it believes to have.
    var leading: FenceCondition?
    /// Where its next observation goes on, if it does.
    var observed: (election: ElectionID, after: Fence)?

    init(number: Int, role: Role) {
        self.number = number
        self.role = role
    }
}

// MARK: - Requests

extension World {
    mutating func makeClients() {
        let count = min(4 + random.below(8), options.clients)
        for number in 0..<count {
            // A succession needs more than one candidate.
            let role: Client.Role =
                if number < Client.Role.allCases.count {
                    Client.Role.allCases[number]
                } else if random.chance(5000) {
                    .candidate
                } else {
                    Client.Role.allCases[random.below(Client.Role.allCases.count)]
                }
            clients.append(Client(number: number, role: role))
            schedule.add(.client(number), at: random.around(100_000_000))
        }
    }

    /// Sends a request to a node, any one by default.
    @discardableResult
    mutating func call(
        _ request: ClientRequest, for purpose: Call.Purpose, from client: Client?, at node: Int? = nil,
        timeout: TimeSpan? = nil
    ) -> CallID {
        nextCall += 1
        let id = CallID(nextCall)
        let timeout = timeout ?? .milliseconds(random.within(50...1_200))
        calls[id] = Call(
            client: client?.number ?? -1, node: node ?? random.below(nodes.count), sentAt: now, timeout: timeout,
            request: request, purpose: purpose)
        client?.isBusy = true
        schedule.add(.request(id), at: now + 20_000 + random.around(200_000))
        return id
    }

    /// Begins a write, or tries it once more.
    mutating func write(_ proposal: Proposal, from client: Client?, at node: Int? = nil, timeout: TimeSpan? = nil) {
        let operation = history.begin(proposal, client: client?.number ?? -1, at: now)
        attempt(operation, from: client, at: node, timeout: timeout)
    }

    mutating func attempt(_ operation: Int, from client: Client?, at node: Int? = nil, timeout: TimeSpan? = nil) {
        history.operations[operation].open += 1
        call(
            .write(history.operations[operation].proposal), for: .write(operation: operation), from: client, at: node,
            timeout: timeout)
    }

    /// The request reaches its node, if that is there.
    mutating func deliver(_ id: CallID) {
        guard var call = calls[id] else { return }
        let node = nodes[call.node]
        guard node.isUp else { return schedule.add(.lost(id, wasTaken: false), at: now + 50_000) }
        call.wasDelivered = true
        call.floor = history.model.store.revision
        if case .observe(_, let election, _) = call.request { call.fenceFloor = history.elections.fence(of: election) }
        calls[id] = call
        input(.request(id, asPassedOn(call.request), timeout: call.timeout), to: node)
    }

    /// The connection broke before an answer came.
    mutating func lose(_ id: CallID, wasTaken: Bool) throws(Violation) {
        guard let call = calls.removeValue(forKey: id) else { return }
        record.note(call, nil, at: now)
        if case .write(let operation) = call.purpose { try history.refused(operation, mayBeApplied: wasTaken) }
        counters[wasTaken ? .writeUnknown : .writeRefused] += 1
        if call.client >= 0 { failed(clients[call.client], call) }
    }

    // MARK: Answers

    mutating func answer(_ id: CallID, _ reply: ClientReply, from node: SimulatedNode) throws(Violation) {
        guard let call = calls.removeValue(forKey: id), call.node == node.number else {
            throw Violation("reply", "n\(node.number + 1) answers request \(id.rawValue), which waits no more")
        }
        trace.combine(6, node.number, id.rawValue, at: now)
        do throws(Violation) { try check(reply, to: call, from: node) } catch { try unlessLeftToHistory(error) }
        let reply = asTold(reply, to: call)
        record.note(call, reply, at: now)
        guard call.client >= 0 else { return try checkProbe(reply, call) }
        let client = clients[call.client]
        if case .refused(let refusal, _) = reply {
            counters[refusal.mayBeApplied ? .writeUnknown : .writeRefused] += 1
            failed(client, call)
            if case .watch = call.purpose, case .compacted = refusal { client.resumeAfter = nil }
        } else if case .campaign = call.purpose {
            client.isBusy = false
            campaigned(client, reply)
        } else {
            succeeded(client, call, reply)
        }
    }

    /// In the recovery every node must serve.
    private mutating func checkProbe(_ reply: ClientReply, _ call: Call) throws(Violation) {
        guard case .refused(let refusal, _) = reply else { return }
        throw Violation("5", "after the recovery n\(call.node + 1) answers \(call.purpose) with \(refusal)")
    }

    private mutating func succeeded(_ client: Client, _ call: Call, _ reply: ClientReply) {
        client.isBusy = false
        client.retry = nil
        switch reply {
        case .written(let result, _): wrote(client, result)
        case .renewed(let grants, _): if grants.contains(nil) { client.lease = nil }
        case .read(.range(let page), _):
            for record in page.records {
                client.seen[record.key] = record.modRevision
                if client.role == .guest { client.places[record.key] = record.createRevision }
            }
        case .read(.lease(nil), _): client.lease = nil
        default: break
        }
    }

    private mutating func wrote(_ client: Client, _ result: CommandResult) {
        switch result {
        case .put(let put):
            client.seen[put.record.key] = put.record.modRevision
            if client.role == .contender { client.lease = put.record.lease }
        case .leaseGranted(let grant): client.lease = grant.id
        case .failed(.preconditionFailed(let holder)): if let holder { client.seen[holder.key] = holder.modRevision }
        case .failed, .leaseRevoked: client.lease = nil
        default: break
        }
    }

    /// The request came to nothing, as far as the client knows: what can be repeated safely is, elsewhere.
    private mutating func failed(_ client: Client, _ call: Call) {
        client.isBusy = false
        switch call.purpose {
        case .write(let operation) where history.operations[operation].proposal.idempotencyKey != nil:
            let attempts = (client.retry?.attempts ?? 0) + 1
            client.retry = attempts < 6 ? (operation, attempts) : nil
        case .watch, .observe: client.watch = nil
        default: client.retry = nil
        }
    }
}
