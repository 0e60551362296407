import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// Carries out what a client asked, and answers it.
extension ConnectionHandler {
    func perform(_ call: Call, _ exchange: Exchange) {
        let number = exchange.number
        switch call.action {
        case .write(let proposal, let drawnLease):
            write(proposal, drawnLease: drawnLease, call.timeout, number)
        case .renewOne(let id, let fence):
            submit(.renew([id], fence), call.timeout, number) { renderer, reply in
                guard let (grants, position) = reply.renewals, let grant = grants.first else {
                    return renderer.refusedRenewal(reply)
                }
                return renderer.renewed(one: id, grant, at: position)
            }
        case .renewMany(let ids, let fence):
            submit(.renew(ids, fence), call.timeout, number) { renderer, reply in
                guard let (grants, position) = reply.renewals else { return renderer.refusedRenewal(reply) }
                return renderer.renewed(many: ids, grants, at: position)
            }
        case .read(let query, let consistency, let form):
            submit(.read(query, consistency), call.timeout, number) { renderer, reply in
                guard case .read(let result, let position) = reply else { return nil }
                return renderer.read(result, as: form, at: position)
            }
        case .watch(let watch): open(watch, call.timeout, exchange)
        case .poll(let poll): open(poll, call.timeout, number)
        case .campaign(let campaign): self.campaign(campaign, call.timeout, number, since: exchange.started)
        case .pollElection(let poll):
            hold(for: poll.wait, call.timeout, number) {
                ElectionWait(connection: self, poll, timeout: call.timeout, number: number)
            }
        case .report(let report): tell(report, number)
        case .document(let document): show(document, number)
        }
    }

    /// The request now has this long, and a little, before the connection stops waiting for the node.
    func extend(_ timeout: TimeSpan) {
        guard case .answering(let exchange) = state else { return }
        exchange.answerDue = exchange.started + TimeAmount(timeout + Limits.slowRequest)
    }

    private func submit(
        _ request: ClientRequest, _ timeout: TimeSpan, _ number: UInt64,
        _ render: @escaping @Sendable (Renderer, ClientReply) -> Reply?
    ) {
        extend(timeout)
        shared.service.submit(request, timeout: timeout, on: shared.loop) { [self] reply in
            answer(number) { renderer in
                if case .refused(let refusal, let position) = reply {
                    return renderer.problem(Problem(refusal), at: position)
                }
                return render(renderer, reply) ?? renderer.mismatch
            }
        }
    }

    private func write(_ proposal: Proposal, drawnLease: Bool, _ timeout: TimeSpan, _ number: UInt64) {
        extend(timeout)
        shared.service.submit(.write(proposal), timeout: timeout, on: shared.loop) { [self] reply in
            if drawnLease, case .written(.failed(.leaseExists), _) = reply {
                return write(proposal.redrawn(), drawnLease: true, timeout, number)
            }
            answer(number) { renderer in
                switch reply {
                case .written(let result, let position):
                    renderer.written(result, of: proposal.command, at: position)
                case .refused(let refusal, let position): renderer.problem(Problem(refusal), at: position)
                default: renderer.mismatch
                }
            }
        }
    }

    private func tell(_ report: Call.Report, _ number: UInt64) {
        extend(Limits.requestTimeout)
        shared.service.status(on: shared.loop) { [self] status in
            let told = NodeReport(
                status: status, identity: shared.service.identity,
                connections: shared.doors.connections, streams: shared.doors.streams,
                heldAnswers: shared.doors.heldAnswers)
            answer(number) { $0.report(report, told) { shared.metricsText(told) } }
        }
    }

    private func show(_ document: Call.Document, _ number: UInt64) {
        answer(number) { _ in
            switch document {
            case .contract:
                Reply(
                    status: .ok, type: .yaml, position: nil,
                    body: ByteBuffer(bytes: PackageResources.openapi_yaml))
            case .dashboard:
                Reply(
                    status: .ok, type: .html, position: nil,
                    body: ByteBuffer(bytes: PackageResources.dashboard_html))
            }
        }
    }

    // MARK: - Streams

    private func open(_ watch: WatchCall, _ timeout: TimeSpan, _ exchange: Exchange) {
        // HEAD asks what the head would be; nothing needs to be watched for that.
        if exchange.method == .HEAD {
            return answer(exchange.number) { _ in
                Reply(status: .ok, type: .events, position: nil, body: ByteBuffer())
            }
        }
        guard shared.doors.openStream() else {
            return answer(exchange.number) {
                $0.problem(.overloaded("this node has \(Limits.watches) watches, the most that may be open"))
            }
        }
        extend(timeout)
        let stream = EventStream(connection: self, watch, chunked: exchange.speaksChunks, number: exchange.number)
        pending = stream
        stream.open(timeout: timeout)
    }

    private func open(_ poll: PollCall, _ timeout: TimeSpan, _ number: UInt64) {
        hold(for: poll.wait, timeout, number) {
            LongPoll(connection: self, poll, timeout: timeout, number: number)
        }
    }

    /// Holds the answer while a watch waits for a change.
    private func hold<Waiting: HeldAnswer>(
        for wait: TimeSpan, _ timeout: TimeSpan, _ number: UInt64, _ make: () -> Waiting
    ) {
        guard shared.doors.holdAnswer() else {
            return answer(number) {
                $0.problem(.overloaded("this node has \(Limits.watches) watches, the most that may be open"))
            }
        }
        extend(wait + timeout)
        let waiting = make()
        pending = waiting
        waiting.begin()
    }

    // MARK: - Campaigns

    private func campaign(_ call: CampaignCall, _ timeout: TimeSpan, _ number: UInt64, since started: NIODeadline) {
        extend(timeout)
        shared.service.submit(.write(call.proposal), timeout: timeout, on: shared.loop) { [self] reply in
            switch reply {
            case .written(.failed(.leaseExists), _) where call.drawnLease:
                var again = call
                again.proposal = call.proposal.redrawn()
                return campaign(again, timeout, number, since: started)
            case .written(.candidacy(let result), let position):
                if let wait = call.hold(result), isAnswering(number) {
                    return hold(for: wait, timeout, number) {
                        ElectionWait(
                            connection: self, call, result, position, since: started, wait: wait,
                            timeout: timeout, number: number)
                    }
                }
            default: break
            }
            answer(number) { renderer in
                switch reply {
                case .written(let result, let position):
                    renderer.written(result, of: call.proposal.command, at: position)
                case .refused(let refusal, let position): renderer.problem(Problem(refusal), at: position)
                default: renderer.mismatch
                }
            }
        }
    }

    private func isAnswering(_ number: UInt64) -> Bool {
        if case .answering(let exchange) = state { exchange.number == number } else { false }
    }
}

extension ClientRequest {
    /// A renewal, with the others of the moment unless it depends on a leadership.
    fileprivate static func renew(_ ids: [LeaseID], _ fence: FenceCondition?) -> ClientRequest {
        guard let fence else { return .renew(ids) }
        return .write(Proposal(fence: fence, command: .renewLeases(ids)))
    }
}

extension ClientReply {
    fileprivate var renewals: ([LeaseGrant?], ReplyPosition)? {
        switch self {
        case .renewed(let grants, let position), .written(.leasesRenewed(let grants), let position):
            (grants, position)
        default: nil
        }
    }
}

extension Renderer {
    fileprivate func refusedRenewal(_ reply: ClientReply) -> Reply? {
        guard case .written(.failed(let failure), let position) = reply else { return nil }
        return problem(Problem(failure), at: position)
    }
}

extension Renderer {
    /// The node broke its contract; the client learns that nothing can be said of its request.
    var mismatch: Reply {
        problem(
            Problem(code: .timeout, detail: "this node gave an answer of the wrong kind", outcome: .unknown))
    }
}

extension Proposal {
    /// The same with another id for the new lease: the one drawn before was taken.
    fileprivate func redrawn() -> Proposal {
        var proposal = self
        switch command {
        case .put(var put):
            if case .new(_, let ttl) = put.lease { put.lease = .new(drawLeaseID(), ttl: ttl) }
            proposal.command = .put(put)
        case .grantLease(_, let ttl):
            proposal.command = .grantLease(drawLeaseID(), ttl: ttl)
        case .campaign(var campaign):
            if case .drawn(_, let ttl) = campaign.lease { campaign.lease = .drawn(drawLeaseID(), ttl: ttl) }
            proposal.command = .campaign(campaign)
        default: break
        }
        return proposal
    }
}
