import FoundationEssentials
internal import HistoryChecker
import LoadGenerator
import NIOCore
import NIOHTTP1

/// What one attempt of a request came to.
enum Attempt {
    /// The state machine answered.
    case answered(Response)
    /// It was certainly not carried out, and may be sent again.
    case notApplied(String)
    /// It may have been carried out.
    case unknown(String)
    /// The answer is not what the API says.
    case nonsense(String)
}

/// Reads a node's answer to an invocation.
struct WireAnswer {
    private let answer: Answer
    private let invocation: Invocation

    init(_ answer: Answer, to invocation: Invocation) {
        self.answer = answer
        self.invocation = invocation
    }

    var attempt: Attempt {
        do {
            return try read()
        } catch {
            return .nonsense("status \(answer.status), \(String(buffer: answer.body)): \(error)")
        }
    }

    private func read() throws -> Attempt {
        switch answer.status {
        case 200, 201: return .answered(try success())
        case 304: return .answered(.failed("unchanged"))
        case 404, 410, 412: return try refusal()
        default:
            let problem = try decode(WireProblem.self)
            return problem.outcome == "not_applied" ? .notApplied(problem.code) : .unknown(problem.code)
        }
    }

    private func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: Data(answer.body.readableBytesView))
    }

    /// The state that the answer reflects.
    private func position() throws -> UInt64 {
        guard let text = answer.headers["Conclave-Revision"].first, let revision = UInt64(text) else {
            throw Missing(what: "Conclave-Revision")
        }
        return revision
    }

    private func success() throws -> Response {
        switch invocation {
        case .put: return .put(try decode(WireWritten.self).written)
        case .delete, .clear:
            let deleted = try decode(WireDeleted.self)
            return .deleted(deleted.deleted, revision: deleted.revision ?? 0)
        case .get, .wait:
            return .read(Response.Page(all: [try decode(WireRecord.self).record]), revision: try position())
        case .list:
            let page = try decode(WirePage.self)
            return .read(try page.page, revision: page.revision ?? 0)
        case .transaction:
            let result = try decode(WireTransaction.self)
            return .transaction(
                succeeded: result.succeeded, try result.results.map { try $0.result }, revision: result.revision)
        case .grant: return .granted(try decode(WireGrant.self).grant, revision: try position())
        case .renew(let ids) where ids.count == 1:
            return .renewed([try decode(WireGrant.self).valid_for_ms], revision: try position())
        case .renew: return .renewed(try decode(WireRenewals.self).spans, revision: try position())
        case .revoke:
            let deleted = try decode(WireDeleted.self)
            return .revoked(deleted.deleted, revision: deleted.revision ?? 0)
        case .lease: return .lease(try decode(WireLease.self).words, revision: try position())
        case .leases: return .leases(try decode(WireLeases.self).ids, revision: try position())
        }
    }

    private func refusal() throws -> Attempt {
        let problem = try decode(WireProblem.self)
        switch problem.code {
        case "not-found": return .answered(.read(Response.Page(all: []), revision: try position()))
        case "lease-not-found":
            if case .renew = invocation { return .answered(.renewed([nil], revision: try position())) }
            return .answered(.gone(revision: try position()))
        case "precondition-failed":
            return .answered(.refused(holder: try problem.holder.map { try $0.record }, revision: try position()))
        default: return .notApplied(problem.code)
        }
    }
}

/// A part of an answer that is not there.
struct Missing: Error {
    var what: String
}
