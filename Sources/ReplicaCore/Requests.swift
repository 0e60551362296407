internal import Consensus
internal import KeyValue
internal import Primitives

/// A client's request until it is answered.
struct PendingRequest: Sendable {
    var content: ClientRequest
    var deadline: Instant
    /// Set when a write was handed to a leader: from then on its outcome may be unknown.
    var origin: UInt64?
    /// The lease by whose renewal a campaign was handed on.
    var renewing: LeaseID?
    /// A campaign that looked like a mere renewal of its lease and was more: it gets an entry of its own.
    var needsOwnEntry = false
}

/// What waits for an origin number to come by in the log.
struct Waiter: Sendable {
    /// The term it was handed to a leader in: an entry of a later term proves that it was lost.
    var term: Term
    var requests: [RequestID]
    /// How many of the requests still want an answer.
    var open: Int
}

extension Replica {
    mutating func begin(
        _ id: RequestID, _ request: ClientRequest, deadline: Instant, at now: Instant, into out: inout Outbox
    ) {
        guard requests.count < Limits.pendingRequests else {
            out.replies.append((id, .refused(.overloaded, position(at: now))))
            return
        }
        #if PlantedBugs
            if planted(.answersBeforeCurrent), case .read(let query, .stale) = request {
                return answerStale(id, query, at: now, into: &out)
            }
        #endif
        switch request {
        case .read(let query, .stale) where hasBeenCurrent: return answerStale(id, query, at: now, into: &out)
        case .watch(let watch, let wanted) where wanted.start.isKnown:
            return openResumed(id, watch, wanted, at: now, into: &out)
        case .observe(let watch, let election, let after?):
            return observeResumed(id, watch, election, after: after, at: now, into: &out)
        case .write(let proposal): dispatch(id, proposal)
        case .renew: queue.append(id)
        case .read, .watch, .observe: arrivedReads.append(id)
        }
        requests[id] = PendingRequest(content: request, deadline: deadline)
        if let watch = request.watch { openings[watch] = id }
        deadlines.add(id, at: deadline)
    }

    mutating func reply(_ id: RequestID, _ reply: ClientReply, into out: inout Outbox) {
        guard let request = takeRequest(id) else { return }
        out.replies.append((id, reply))
        leaveContest(id, request)
    }

    /// The request's time is over.
    mutating func expire(_ id: RequestID, into out: inout Outbox, at now: Instant) {
        guard let request = requests[id], request.deadline <= now else { return }
        #if PlantedBugs
            if planted(.deniesWhatItSent) {
                reply(id, .refused(.noLeader, position(at: now)), into: &out)
                return forgetOrigin(of: request)
            }
        #endif
        let refusal: Refusal =
            switch request.content {
            case .write, .renew: request.origin != nil ? .timeout : .noLeader
            case .read, .watch, .observe: isFenced ? .notReady("this node is repairing its state") : .noLeader
            }
        reply(id, .refused(refusal, position(at: now)), into: &out)
        forgetOrigin(of: request)
    }

    /// The client hung up.
    mutating func abandon(_ id: RequestID) {
        guard let request = takeRequest(id) else { return }
        forgetOrigin(of: request)
        leaveContest(id, request)
    }

    /// The request waits no more.
    mutating func takeRequest(_ id: RequestID) -> PendingRequest? {
        guard let request = requests.removeValue(forKey: id) else { return nil }
        if let watch = request.content.watch { openings[watch] = nil }
        return request
    }

    /// Nobody waits for an origin any more whose requests are all answered.
    private mutating func forgetOrigin(of request: PendingRequest) {
        guard let origin = request.origin, let open = waiters[origin]?.open else { return }
        if open > 1 { waiters[origin]?.open = open - 1 } else { waiters[origin] = nil }
    }

    /// Drops requests that were answered while they stood in line for a leader.
    mutating func pruneLines() {
        queue.removeAll { requests[$0] == nil }
        arrivedReads.removeAll { requests[$0] == nil }
        let known = requests
        contests.removeAll { known[$0] == nil }
    }

    // MARK: - Writes

    /// Proposes what is queued, or hands it to the leader; without one it stays.
    mutating func submitQueue(at now: Instant, into out: inout Outbox) {
        if !isForwardingPaused(at: now) { forwardPause = nil }
        if raft.acceptsProposals { return proposeQueue(at: now, into: &out) }
        takeBackRenewals()
        guard !queue.isEmpty, let leader = raft.leader, leader != id, !isForwardingPaused(at: now) else { return }
        var items: [Forward.Item] = []
        var renewals = RenewalBatches<RequestID>()
        for request in takeQueue() {
            switch requests[request]?.content {
            case .write(let proposal):
                if let lease = renewal(in: proposal, of: request) {
                    renewals.add([lease], for: request)
                    continue
                }
                guard mayProceed(request, proposal) else { continue }
                let origin = register([request])
                items.append(Forward.Item(origin: origin, content: .proposal(proposal.encoded())))
            case .renew(let leases): renewals.add(leases, for: request)
            default: continue
            }
        }
        for batch in renewals.batches {
            items.append(Forward.Item(origin: register(batch.waiting), content: .renewal(batch.leases)))
        }
        for part in items.chunked() { out.sends.append((leader, .forward(Forward(term: raft.term, items: part)))) }
    }

    /// What is in line; who is refused may let another one join behind.
    private mutating func takeQueue() -> [RequestID] {
        let line = queue
        queue.removeAll(keepingCapacity: true)
        return line
    }

    private mutating func proposeQueue(at now: Instant, into out: inout Outbox) {
        for request in takeQueue() {
            switch requests[request]?.content {
            case .write(let proposal):
                if let lease = renewal(in: proposal, of: request) {
                    renewalTurns.add([lease], for: request, at: now)
                } else if let reason = reasonToRefuse(proposal) {
                    reply(request, .refused(reason.refusal, position(at: now)), into: &out)
                } else if mayProceed(request, proposal) {
                    propose(proposal.encoded(), origins: [register([request])], at: now)
                }
            case .renew(let leases):
                #if PlantedBugs
                    if planted(.renewsBeforeCommit) {
                        let grants = leases.map { store.lease($0) }
                        reply(request, .renewed(grants, position(at: now)), into: &out)
                    }
                #endif
                renewalTurns.add(leases, for: request, at: now)
            default: continue
            }
        }
        if raft.configuration.members.count == 1 || now >= renewalTurns.deadline { proposeRenewals(at: now) }
    }

    /// The lease whose renewal is all that a write asks for: who repeats its campaign costs a share of an entry.
    private mutating func renewal(in proposal: Proposal, of request: RequestID) -> LeaseID? {
        guard case .campaign = proposal.command, requests[request]?.needsOwnEntry == false, !isFenced else {
            return nil
        }
        let lease = store.renewal(in: proposal)
        requests[request]?.renewing = lease
        return lease
    }

    /// One entry renews every lease heard of since the last one, on any node; more than fit into one share a few.
    mutating func proposeRenewals(at now: Instant) {
        let (own, forwarded) = renewalTurns.take()
        var ofClients = RenewalBatches<RequestID>()
        for (request, leases) in own where requests[request] != nil { ofClients.add(leases, for: request) }
        var all = RenewalBatches<Origin>()
        for batch in ofClients.batches { all.add(batch.leases, for: register(batch.waiting)) }
        for (origin, leases) in forwarded { all.add(leases, for: origin) }
        for batch in all.batches {
            let command = Proposal(command: .renewLeases(batch.leases)).encoded()
            guard let index = propose(command, origins: batch.waiting, at: now) else { continue }
            renewalTurns.proposed(batch.leases, at: index)
        }
    }

    /// Why this leader does not take `proposal`: its log runs too far ahead of a majority, or its disk is nearly full.
    /// What cannot be read is judged when it is applied, as on every node.
    private func reasonToRefuse(_ proposal: Proposal?) -> ForwardRefused.Reason? {
        let uncommitted = raft.log.lastIndex.rawValue - raft.commitIndex.rawValue
        let hasRoom = uncommitted < UInt64(Limits.uncommittedEntries) && raft.uncommittedBytes < Limits.uncommittedBytes
        guard hasRoom else { return .overloaded }
        #if PlantedBugs
            if planted(.refusesDeletes), isShortOfSpace { return .outOfSpace }
        #endif
        return isShortOfSpace && proposal?.command.addsData == true ? .outOfSpace : nil
    }

    @discardableResult
    mutating func propose(_ proposal: Bytes, origins: [Origin], at now: Instant) -> LogIndex? {
        raft.propose(.command(LoggedCommand(origins: origins, proposal: proposal).encoded()), now: now)?.index
    }

    private mutating func register(_ ids: [RequestID]) -> Origin {
        let number = nextOrigin
        nextOrigin &+= 1
        waiters[number] = Waiter(term: raft.term, requests: ids, open: ids.count)
        for id in ids { requests[id]?.origin = number }
        return Origin(node: id, number: number)
    }

    // MARK: - Forwards

    /// A leader that hands over, or lost its office unnoticed, would be asked again with every round trip.
    func isForwardingPaused(at now: Instant) -> Bool {
        forwardPause.map { $0.term == raft.term && now < $0.until } ?? false
    }

    /// When a queue that a leader turned down is to be tried again.
    var forwardDeadline: Instant {
        guard !queue.isEmpty, raft.leader != nil, let pause = forwardPause, pause.term == raft.term else {
            return .distantFuture
        }
        return pause.until
    }

    mutating func receive(
        _ message: PeerMessage, from sender: NodeID, at now: Instant, into out: inout Outbox
    ) {
        switch message {
        case .consensus(let message): raft.receive(message, from: sender, now: now, into: &raftOut)
        case .forward(let forward): receive(forward, from: sender, at: now)
        case .forwardRefused(let refused): receive(refused, at: now, into: &out)
        case .report: break  // For the shell; a replica decides nothing by it.
        }
    }

    private mutating func receive(_ forward: Forward, from sender: NodeID, at now: Instant) {
        guard raft.configuration.contains(sender) else { return }
        guard raft.acceptsProposals, forward.term == raft.term else {
            let refused = ForwardRefused(term: raft.term, origins: forward.items.map(\.origin), reason: .notLeading)
            return refusals.append((sender, refused))
        }
        for item in forward.items {
            switch item.content {
            case .renewal(let leases): renewalTurns.add(leases, from: item.origin, at: now)
            case .proposal(let bytes):
                let proposal = isShortOfSpace ? try? Proposal(decoding: bytes) : nil
                if let reason = reasonToRefuse(proposal) {
                    refusals.append((sender, ForwardRefused(term: raft.term, origins: [item.origin], reason: reason)))
                } else {
                    propose(bytes, origins: [item.origin], at: now)
                }
                #if PlantedBugs
                    if planted(.refusesWhatItTook) {
                        let refused = ForwardRefused(term: raft.term, origins: [item.origin], reason: .notLeading)
                        refusals.append((sender, refused))
                    }
                #endif
            }
        }
    }

    /// This node stopped leading before it proposed them.
    private mutating func takeBackRenewals() {
        let (own, forwarded) = renewalTurns.take()
        renewalTurns = RenewalTurns()
        if !own.isEmpty { queue.insert(contentsOf: own.map(\.request), at: 0) }
        for (origin, _) in forwarded {
            let refused = ForwardRefused(term: raft.term, origins: [origin], reason: .notLeading)
            refusals.append((origin.node, refused))
        }
    }

    private mutating func receive(_ refused: ForwardRefused, at now: Instant, into out: inout Outbox) {
        if refused.reason == .notLeading { forwardPause = (raft.term, now + raft.settings.heartbeat) }
        for origin in refused.origins where origin.node == id {
            guard let waiter = waiters.removeValue(forKey: origin.number) else { continue }
            for request in waiter.requests {
                if refused.reason == .notLeading {
                    enqueueAgain(request)
                } else {
                    reply(request, .refused(refused.reason.refusal, position(at: now)), into: &out)
                }
            }
        }
    }

    /// Back to the queue: it is certain that the request was not and will not be applied.
    mutating func enqueueAgain(_ request: RequestID) {
        guard requests[request] != nil else { return }
        requests[request]?.origin = nil
        queue.append(request)
    }
}

extension [Forward.Item] {
    /// Parts whose encoding stays well below a frame.
    fileprivate func chunked() -> [[Forward.Item]] {
        var parts: [[Forward.Item]] = []
        var part: [Forward.Item] = []
        var bytes = 0
        for item in self {
            let weight =
                switch item.content {
                case .proposal(let proposal): proposal.count + 32
                case .renewal(let leases): leases.count * 8 + 32
                }
            if bytes + weight > Limits.appendBytes && !part.isEmpty {
                parts.append(part)
                part = []
                bytes = 0
            }
            part.append(item)
            bytes += weight
        }
        if !part.isEmpty { parts.append(part) }
        return parts
    }
}

extension ForwardRefused.Reason {
    /// What the client is told.
    fileprivate var refusal: Refusal {
        switch self {
        case .notLeading: .noLeader
        case .overloaded: .overloaded
        case .outOfSpace: .outOfSpace
        }
    }
}

extension Command {
    /// Whether the command may make the store larger; the others work on a full disk, too.
    fileprivate var addsData: Bool {
        switch self {
        case .put, .grantLease, .campaign: true
        case .transaction(let transaction): transaction.addsData
        case .delete, .renewLeases, .revokeLease, .expireLeases, .compact, .discardHistory, .resign: false
        }
    }
}

extension Transaction {
    fileprivate var addsData: Bool {
        (then + otherwise).contains { operation in
            switch operation {
            case .put: true
            case .transaction(let inner): inner.addsData
            case .get, .delete: false
            }
        }
    }
}

extension WatchStart {
    /// Whether the client names the revision it begins after, so that no proof of the newest one is needed.
    fileprivate var isKnown: Bool { if case .after = self { true } else { false } }
}
