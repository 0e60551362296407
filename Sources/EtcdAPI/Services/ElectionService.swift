import Foundation
internal import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
internal import ReplicaCore

/// `v3electionpb.Election`.
enum ElectionService {
    static let methods: [Method] = [
        .waiting("v3electionpb.Election/Campaign", .unary, "/election/campaign", serve: campaign),
        .unary("v3electionpb.Election/Proclaim", "/election/proclaim", serve: proclaim),
        .unary("v3electionpb.Election/Leader", "/election/leader", serve: leader),
        .waiting("v3electionpb.Election/Observe", .serverStream, "/election/observe") {
            (request: V3electionpb_LeaderRequest, rpc) in Observation(rpc, name: Bytes(request.name))
        },
        .unary("v3electionpb.Election/Resign", "/election/resign", serve: resign),
    ]

    @Sendable
    private static func campaign(
        _ request: V3electionpb_CampaignRequest, _ rpc: RPC
    ) throws(RPCStatus) -> (any WaitingCall)? {
        let (name, value) = (Bytes(request.name), Bytes(request.value))
        return try SessionCall.begin(rpc, lease: request.lease) { lease in
            WaitingLine(rpc, name: name, lease: lease, value: value) { place in
                var response = V3electionpb_CampaignResponse()
                response.header = rpc.header(place.position)
                response.leader.name = Data(name)
                response.leader.key = Data(place.key)
                response.leader.rev = Int64(clamping: place.created.rawValue)
                response.leader.lease = Int64(clamping: lease.rawValue)
                rpc.answer(response.reply)
            }
        }
    }

    /// Publishes another value, if the client still leads.
    @Sendable
    private static func proclaim(_ request: V3electionpb_ProclaimRequest, _ rpc: RPC) throws(RPCStatus) {
        let leader = try Office(request.hasLeader ? request.leader : nil)
        var put = Put(key: leader.key, value: Bytes(request.value))
        put.lease = .existing(leader.lease)
        let transaction = Transaction(
            comparisons: [leader.isHeld], then: [.put(put)], otherwise: [])
        rpc.submit(.write(Proposal(command: .transaction(transaction)))) { reply in
            guard case .written(.transaction(let result), let position) = reply else { return rpc.end(.wrongAnswer) }
            guard result.succeeded else { return rpc.end(.notElectionLeader) }
            rpc.answer(V3electionpb_ProclaimResponse.with { $0.header = rpc.header(position) }.reply)
        }
    }

    /// Gives the office up, if the client still has it; an office of another is left alone.
    @Sendable
    private static func resign(_ request: V3electionpb_ResignRequest, _ rpc: RPC) throws(RPCStatus) {
        let leader = try Office(request.hasLeader ? request.leader : nil)
        let transaction = Transaction(
            comparisons: [leader.isHeld], then: [.delete(.key(leader.key))], otherwise: [])
        rpc.submit(.write(Proposal(command: .transaction(transaction)))) { reply in
            guard case .written(.transaction, let position) = reply else { return rpc.end(.wrongAnswer) }
            rpc.answer(V3electionpb_ResignResponse.with { $0.header = rpc.header(position) }.reply)
        }
    }

    @Sendable
    private static func leader(_ request: V3electionpb_LeaderRequest, _ rpc: RPC) throws(RPCStatus) {
        find(WaitingLine.prefix(Bytes(request.name)), rpc) { leader, position in
            guard let leader else { return rpc.end(.noElectionLeader) }
            rpc.answer(response(leader, position, rpc).reply)
        }
    }

    /// The record whose key was created first.
    fileprivate static func find(
        _ prefix: Bytes, _ rpc: RPC, _ completion: @escaping @Sendable (KeyRecord?, ReplyPosition) -> Void
    ) {
        rpc.submit(.read(.range(RangeQuery(selection: .prefix(prefix))), .linearizable)) { reply in
            guard case .read(.range(let page), let position) = reply else { return rpc.end(.wrongAnswer) }
            completion(page.records.min { $0.createRevision < $1.createRevision }, position)
        }
    }

    fileprivate static func response(
        _ leader: KeyRecord, _ position: ReplyPosition, _ rpc: RPC
    ) -> V3electionpb_LeaderResponse {
        var response = V3electionpb_LeaderResponse()
        response.header = rpc.header(position)
        response.kv = leader.message
        return response
    }
}

/// The office that a client says it holds.
private struct Office {
    var key: Bytes
    var created: Revision
    var lease: LeaseID

    init(_ leader: V3electionpb_LeaderKey?) throws(RPCStatus) {
        guard let leader else { throw .leaderFieldMissing }
        key = Bytes(leader.key)
        guard !key.isEmpty else { throw .emptyKey }
        // No key was created in revision 0: nobody holds that.
        created = Revision(leader.rev > 0 ? UInt64(leader.rev) : .max)
        lease = LeaseID(UInt64(bitPattern: leader.lease))
    }

    var isHeld: Transaction.Comparison {
        Transaction.Comparison(key: key, target: .createRevision(created.rawValue), relation: .equal)
    }
}

/// `Observe`: tells who leads, and again whenever that, or what they publish, changes.
private final class Observation: WaitingCall, WatchSink, @unchecked Sendable {
    let eventLoop: any EventLoop
    private let rpc: RPC
    private let prefix: Bytes
    private var watch: WatchID?
    private var isOver = false
    private var isLooking = false
    /// Something changed since the last look.
    private var looksAgain = false
    private var told: (created: Revision, modified: Revision)?

    init(_ rpc: RPC, name: Bytes) {
        self.rpc = rpc
        eventLoop = rpc.loop
        prefix = WaitingLine.prefix(name)
        open()
    }

    private func open() {
        let request = WatchRequest(selections: [.prefix(prefix)], start: .next)
        let id = rpc.node.openWatch(request, timeout: rpc.timeout, sink: self) { [self] reply in
            guard !isOver else { return }
            if case .refused(let refusal, _) = reply { return rpc.refuse(refusal) }
            look()
        }
        if isOver { rpc.node.closeWatch(id) } else { watch = id }
    }

    /// One look at a time, and only while the client reads: what it is told is always the newest.
    private func look() {
        looksAgain = true
        guard !isLooking, rpc.isWritable else { return }
        isLooking = true
        looksAgain = false
        ElectionService.find(prefix, rpc) { [self] leader, position in
            guard !isOver else { return }
            isLooking = false
            if let leader, told.map({ $0 != (leader.createRevision, leader.modRevision) }) ?? true {
                told = (leader.createRevision, leader.modRevision)
                rpc.send(ElectionService.response(leader, position, rpc).reply)
            }
            if looksAgain { look() }
        }
    }

    func deliver(_ batch: WatchBatch) { if !isOver { look() } }
    func leaderKnown(_ known: Bool) {}

    func ended(_ end: WatchEnd) {
        watch = nil
        if !isOver { rpc.end(.unhealthy) }
    }

    func cancelled() {
        isOver = true
        if let watch { rpc.node.closeWatch(watch) }
        watch = nil
    }

    func writabilityChanged(_ writable: Bool) { if writable, looksAgain { look() } }
}
