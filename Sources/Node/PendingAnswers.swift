internal import KeyValue
internal import NIOCore
internal import Primitives
internal import ReplicaCore

/// Where a reply goes.
struct PendingAnswer: Sendable {
    var loop: any EventLoop
    var completion: @Sendable (ClientReply) -> Void

    /// Calls the completion where it wants to be called.
    func tell(_ reply: ClientReply) {
        if loop.inEventLoop { completion(reply) } else { loop.execute { completion(reply) } }
    }
}

/// Who waits for which of the replica's requests.
struct PendingAnswers {
    private enum Waiting {
        case client(PendingAnswer)
        case renewals([GatheredRenewals.Share])
    }

    private var waiting: [RequestID: Waiting] = [:]
    private var nextRequest: UInt64 = 1
    /// How many clients wait.
    private(set) var count = 0

    /// Draws the number of a client's request.
    mutating func expect(_ answer: PendingAnswer) -> RequestID { expect(.client(answer), clients: 1) }

    /// Draws the number of a request for renewals.
    mutating func expect(_ renewals: [GatheredRenewals.Share]) -> RequestID {
        expect(.renewals(renewals), clients: renewals.count)
    }

    private mutating func expect(_ clients: Waiting, clients number: Int) -> RequestID {
        let id = RequestID(nextRequest)
        nextRequest += 1
        waiting[id] = clients
        count += number
        return id
    }

    /// Calls `tell` with each client that waited for the request, and what of the reply is its own.
    mutating func settle(_ id: RequestID, with reply: ClientReply, _ tell: (PendingAnswer, ClientReply) -> Void) {
        switch waiting.removeValue(forKey: id) {
        case .client(let answer):
            count -= 1
            tell(answer, reply)
        case .renewals(let shares):
            count -= shares.count
            shares.divide(reply, tell)
        case nil: break
        }
    }

    /// Tells everybody that waits `reply`, and waits for nothing any more.
    mutating func settleAll(with reply: ClientReply) {
        for id in Array(waiting.keys) { settle(id, with: reply) { $0.tell($1) } }
    }
}

/// Renewals that came in one turn of the core loop. They are one request to the replica, which has to do with a request
/// what it does for each: number it, watch its time, look up who is to be told.
struct GatheredRenewals {
    struct Share: Sendable {
        var answer: PendingAnswer
        /// How many of the leases are this client's.
        var leases: Int
    }

    private var leases: [LeaseID] = []
    private var shares: [Share] = []
    private var timeout = TimeSpan.zero

    /// How many clients they are of.
    var clients: Int { shares.count }

    /// Whether they may share a request with those that are here.
    func hasRoom(for leases: [LeaseID], timeout: TimeSpan) -> Bool {
        shares.isEmpty || timeout == self.timeout && self.leases.count + leases.count <= Limits.renewalsPerRequest
    }

    mutating func add(_ leases: [LeaseID], timeout: TimeSpan, answer: PendingAnswer) {
        self.timeout = timeout
        self.leases.append(contentsOf: leases)
        shares.append(Share(answer: answer, leases: leases.count))
    }

    /// Hands over what is here; `nil` when nothing is.
    mutating func take() -> (leases: [LeaseID], timeout: TimeSpan, shares: [Share])? {
        guard !shares.isEmpty else { return nil }
        defer { (leases, shares) = ([], []) }
        return (leases, timeout, shares)
    }
}

extension [GatheredRenewals.Share] {
    /// Calls `tell` with each client and the grants of its leases, or what all are told.
    fileprivate func divide(_ reply: ClientReply, _ tell: (PendingAnswer, ClientReply) -> Void) {
        guard case .renewed(let grants, let position) = reply else {
            for share in self { tell(share.answer, reply) }
            return
        }
        var next = 0
        for share in self {
            let end = next + share.leases
            tell(share.answer, .renewed(Array<LeaseGrant?>(grants[next..<end]), position))
            next = end
        }
    }
}
