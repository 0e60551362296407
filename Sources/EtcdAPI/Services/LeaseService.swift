import Foundation
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// `etcdserverpb.Lease`: the native leases in whole seconds.
enum LeaseService {
    static let methods: [Method] = [
        .unary("etcdserverpb.Lease/LeaseGrant", "/lease/grant", serve: grant),
        .unary("etcdserverpb.Lease/LeaseRevoke", "/lease/revoke", "/kv/lease/revoke", serve: revoke),
        .frequentStream("etcdserverpb.Lease/LeaseKeepAlive", "/lease/keepalive") { KeepAliveCall($0) },
        .unary("etcdserverpb.Lease/LeaseTimeToLive", "/lease/timetolive", "/kv/lease/timetolive", serve: timeToLive),
        .unary("etcdserverpb.Lease/LeaseLeases", "/lease/leases", "/kv/lease/leases", serve: leases),
    ]

    @Sendable
    private static func grant(_ request: Etcdserverpb_LeaseGrantRequest, _ rpc: RPC) throws(RPCStatus) {
        guard request.ttl <= Limits.etcdLeaseSeconds.upperBound else { throw .leaseTooLong }
        guard request.id >= 0 else { throw .invalid("conclave: ID is \(request.id); a lease's id is positive") }
        let ttl = TimeSpan.seconds(max(request.ttl, Limits.etcdLeaseSeconds.lowerBound))
        grant(request.id == 0 ? nil : LeaseID(UInt64(request.id)), ttl, rpc)
    }

    private static func grant(_ wanted: LeaseID?, _ ttl: TimeSpan, _ rpc: RPC) {
        let id = wanted ?? LeaseID(UInt64.random(in: 1...UInt64(Int64.max)))
        rpc.node.submit(
            .write(Proposal(command: .grantLease(id, ttl: ttl))), timeout: rpc.timeout, on: rpc.loop
        ) { reply in
            switch reply {
            case .written(.leaseGranted(let grant), let position):
                var response = Etcdserverpb_LeaseGrantResponse()
                response.header = rpc.header(position)
                response.id = Int64(clamping: grant.id.rawValue)
                response.ttl = grant.ttl.wholeSeconds
                rpc.answer(response.reply)
            // The id drawn here was taken.
            case .written(.failed(.leaseExists), _) where wanted == nil: grant(nil, ttl, rpc)
            case .written(.failed(let failure), _): rpc.end(RPCStatus(failure))
            case .refused(let refusal, _): rpc.refuse(refusal)
            default: rpc.end(.wrongAnswer)
            }
        }
    }

    @Sendable
    private static func revoke(_ request: Etcdserverpb_LeaseRevokeRequest, _ rpc: RPC) throws(RPCStatus) {
        let id = LeaseID(UInt64(bitPattern: request.id))
        rpc.submit(.write(Proposal(command: .revokeLease(id)))) { reply in
            guard case .written(.leaseRevoked, let position) = reply else { return rpc.end(.wrongAnswer) }
            var response = Etcdserverpb_LeaseRevokeResponse()
            response.header = rpc.header(position)
            rpc.answer(response.reply)
        }
    }

    @Sendable
    private static func timeToLive(_ request: Etcdserverpb_LeaseTimeToLiveRequest, _ rpc: RPC) throws(RPCStatus) {
        let id = LeaseID(UInt64(bitPattern: request.id))
        let wantsKeys = request.keys
        rpc.submit(.read(.lease(id), .linearizable)) { reply in
            guard case .read(.lease(let status), let position) = reply else { return rpc.end(.wrongAnswer) }
            var response = Etcdserverpb_LeaseTimeToLiveResponse()
            response.header = rpc.header(position)
            response.id = Int64(bitPattern: id.rawValue)
            response.ttl = status?.grant.remaining.wholeSeconds ?? -1
            response.grantedTtl = status?.grant.ttl.wholeSeconds ?? 0
            if wantsKeys, let status { response.keys = status.keys.map { Data($0) } }
            rpc.answer(response.reply)
        }
    }

    @Sendable
    private static func leases(_ request: Etcdserverpb_LeaseLeasesRequest, _ rpc: RPC) throws(RPCStatus) {
        leases(from: LeaseID(1), known: [], rpc)
    }

    /// Reads all leases, page by page.
    private static func leases(from first: LeaseID, known: [Etcdserverpb_LeaseStatus], _ rpc: RPC) {
        rpc.submit(.read(.leases(from: first, limit: 0), .linearizable)) { reply in
            guard case .read(.leases(let page), let position) = reply else { return rpc.end(.wrongAnswer) }
            var all = known
            for grant in page.grants { all.append(.with { $0.id = Int64(clamping: grant.id.rawValue) }) }
            if page.more, let last = page.grants.last {
                return leases(from: LeaseID(last.id.rawValue + 1), known: all, rpc)
            }
            var response = Etcdserverpb_LeaseLeasesResponse()
            response.header = rpc.header(position)
            response.leases = all
            rpc.answer(response.reply)
        }
    }
}

/// `LeaseKeepAlive`: renews what it is told, and ends after the last answer when the client has ended.
final class KeepAliveCall: CallHandler, @unchecked Sendable {
    private let rpc: RPC
    /// What came together goes to the node together.
    private var leases: [LeaseID] = []
    private var unanswered = 0
    private var isLast = false

    init(_ rpc: RPC) { self.rpc = rpc }

    func received(_ request: KeepAliveRequest) {
        leases.append(LeaseID(UInt64(bitPattern: request.id)))
        if leases.count == Limits.renewalsPerRequest { renew() }
    }

    func readEnded() { renew() }

    private func renew() {
        guard !leases.isEmpty else { return }
        let asked = leases
        leases.removeAll(keepingCapacity: true)
        unanswered += 1
        rpc.submit(.renew(asked)) { [self] reply in
            guard case .renewed(let grants, let position) = reply else { return rpc.end(.wrongAnswer) }
            let header = rpc.replyHeader(position)
            for (lease, grant) in zip(asked, grants) {
                rpc.send(KeepAliveReply(header: header, lease: lease, seconds: grant?.ttl.wholeSeconds ?? 0))
            }
            unanswered -= 1
            endIfDone()
        }
    }

    func requestsEnded() {
        renew()
        isLast = true
        endIfDone()
    }

    private func endIfDone() { if isLast, unanswered == 0 { rpc.end(.ok) } }

    func cancelled() {}
    func writabilityChanged(_ writable: Bool) {}
    func finish() { rpc.end(.stopped) }
}

extension TimeSpan {
    /// In seconds, rounded up: what still lives is never shown as 0.
    var wholeSeconds: Int64 {
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return quotient + (remainder > 0 ? 1 : 0)
    }
}
