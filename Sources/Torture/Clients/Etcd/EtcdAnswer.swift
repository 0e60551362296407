import FoundationEssentials
internal import HistoryChecker
import LoadGenerator
import NIOCore

/// Reads what etcd's gateway answers to an invocation.
struct EtcdAnswer {
    private let answer: Answer
    private let invocation: Invocation

    init(_ answer: Answer, to invocation: Invocation) {
        self.answer = answer
        self.invocation = invocation
    }

    var attempt: Attempt {
        do {
            return answer.status == 200 ? .answered(try success()) : refusal(try decode(EtcdError.self).message)
        } catch let refused as Refused {
            return refusal(refused.message)
        } catch {
            return .nonsense("\(invocation): status \(answer.status), \(String(buffer: answer.body)): \(error)")
        }
    }

    private func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: Data(answer.body.readableBytesView))
    }

    private func revision() throws -> UInt64 { try decode(EtcdHeaded.self).revision }

    private func success() throws -> Response {
        switch invocation {
        case .put(let put):
            guard put.asksPrevious else { return .done(revision: try revision()) }
            return .wrote(over: try decode(EtcdPut.self).prev_kv?.record, revision: try revision())
        case .delete, .clear:
            return .deleted(Int(try decode(EtcdDelete.self).deleted.signed), revision: try revision())
        case .get, .list: return .read(try decode(EtcdRange.self).page, revision: try revision())
        case .transaction:
            let told = try decode(EtcdTransaction.self)
            return .transaction(
                succeeded: told.succeeded ?? false, try (told.responses ?? []).map { try $0.result },
                revision: try revision())
        case .grant:
            let lease = try decode(EtcdLease.self)
            let ttl = lease.TTL.signed * 1000
            return .granted(.init(lease: lease.ID.unsigned, ttl: ttl, valid: ttl), revision: try revision())
        case .renew(let ids): return try renewed(ids)
        case .lease:
            let lease = try decode(EtcdLease.self)
            if lease.TTL.signed == -1 { return .gone(revision: try revision()) }
            return .lease((lease.keys ?? []).map { escaped($0) }, revision: try revision())
        case .leases:
            let ids = (try decode(EtcdLeases.self).leases ?? []).map(\.ID.unsigned)
            return .leases(ids, more: false, revision: try revision())
        case .line(let request): return try line(request)
        case .revoke, .compact: return .done(revision: try revision())
        case .wait, .campaign, .resign, .offices, .under: throw Missing(what: "an answer that etcd has")
        }
    }

    /// One line for each lease, in any order.
    private func renewed(_ ids: [UInt64]) throws -> Response {
        var spans: [UInt64: Int64] = [:]
        var reached: UInt64 = 0
        for line in answer.body.readableBytesView.split(separator: UInt8(ascii: "\n")) {
            let piece = try JSONDecoder().decode(EtcdPiece<EtcdLease>.self, from: Data(line))
            if let error = piece.error { throw Refused(message: error.message) }
            let header = try JSONDecoder().decode(EtcdPiece<EtcdHeaded>.self, from: Data(line))
            guard let lease = piece.result, let header = header.result else { throw Missing(what: "a result") }
            spans[lease.ID.unsigned] = lease.TTL.signed * 1000
            reached = max(reached, header.revision)
        }
        let told = try ids.map { id -> Int64? in
            guard let span = spans[id] else { throw Missing(what: "the answer for a lease") }
            return span == 0 ? nil : span
        }
        return .renewed(told, revision: reached)
    }

    private func line(_ request: LineRequest) throws -> Response {
        switch request {
        case .enter(_, let lease, .some):
            let place = try decode(EtcdLeader.self).leader
            guard place.lease.unsigned == lease else { throw Missing(what: "the lease that was named") }
            return .seated(escaped(place.key), created: place.rev.unsigned, revision: try revision())
        case .enter:
            return .seated(escaped(try decode(EtcdLock.self).key), created: 0, revision: try revision())
        case .front: return .read(.init(all: [try decode(EtcdFront.self).kv.record]), revision: try revision())
        case .proclaim, .resign, .unlock: return .done(revision: try revision())
        }
    }

    // MARK: - Errors

    private struct Refused: Error {
        var message: String
    }

    private func refusal(_ message: String) -> Attempt {
        // A place in a line may have been taken by then.
        if case .line(.enter) = invocation { return .unknown(escaped(message.utf8)) }
        switch message {
        case "etcdserver: no leader", "etcdserver: unhealthy cluster", "etcdserver: too many requests",
            "etcdserver: mvcc: database space exceeded":
            return .notApplied(escaped(message.utf8))
        case "etcdserver: request timed out", "etcdserver: server stopped": return .unknown(escaped(message.utf8))
        case "etcdserver: requested lease not found", "etcdserver: lease already exists",
            "etcdserver: mvcc: required revision has been compacted",
            "etcdserver: mvcc: required revision is a future revision", "election: not leader", "election: no leader":
            return .answered(.failed(escaped(message.utf8)))
        default: return .nonsense("\(invocation): status \(answer.status), \(message)")
        }
    }
}
