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
    /// Without what guards it.
    private let invocation: Invocation

    init(_ answer: Answer, to invocation: Invocation) {
        self.answer = answer
        self.invocation = invocation.bare
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
        case 404, 409, 410, 412: return try refusal()
        default:
            let problem = try decode(WireCode.self)
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
        case .get(let key, _) where answer.headers["Content-Type"].first?.hasPrefix("application/json") != true:
            return .read(Response.Page(all: [try plainRecord(key)]), revision: try position())
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
        case .leases:
            let page = try decode(WireLeases.self)
            return .leases(try page.ids, more: page.more, revision: try position())
        case .campaign, .resign, .offices: return .offices(try officeAnswer(), revision: try position())
        case .under, .line, .compact: throw Missing(what: "an answer that the native API has")
        }
    }

    /// A value as it is, with the rest of its record in headers.
    private func plainRecord(_ key: String) throws -> Record {
        func number(_ name: String) throws -> UInt64 {
            guard let text = answer.headers[name].first, let number = UInt64(text.filter { $0 != "\"" }) else {
                throw Missing(what: name)
            }
            return number
        }
        return Record(
            key: key, value: escapedValue(answer.body.readableBytesView), revision: try number("ETag"),
            created: try number("Conclave-Create-Revision"), version: try number("Conclave-Version"),
            lease: try leaseNumber(answer.headers["Conclave-Lease"].first))
    }

    private func officeAnswer() throws -> OfficeAnswer {
        switch invocation {
        case .campaign:
            return .candidacy(
                try decode(WireCandidacy.self).candidacy(
                    try decode(WireStanding.self).standing, isNew: answer.status == 201))
        case .resign:
            let was = try decode(WireResigned.self).was
            return .resigned(wasLeading: was != "waiting", try decode(WireStanding.self).standing)
        case .offices(.list):
            let offices = try decode(WireOffices.self)
            return .list(try offices.listed, more: offices.more)
        case .offices(.past): return .past(try decode(WirePast.self).history.map { try $0.past })
        default:
            return .standing(try decode(WireStanding.self).standing, waiting: try decode(WireOffice.self).ids)
        }
    }

    private func refusal() throws -> Attempt {
        let problem = try decode(WireCode.self)
        if problem.code == "fenced" {
            let fence = try decode(WireFenced.self).fence
            return .answered(.offices(.fenced(fence), revision: try position()))
        }
        if let office = try officeRefusal(problem.code) { return office }
        switch problem.code {
        case "not-found": return .answered(.read(Response.Page(all: []), revision: try position()))
        case "lease-not-found":
            if case .renew = invocation { return .answered(.renewed([nil], revision: try position())) }
            return .answered(.gone(revision: try position()))
        case "precondition-failed":
            let holder = try decode(WireProblem.self).holder
            return .answered(.refused(holder: try holder.map { try $0.record }, revision: try position()))
        default: return .notApplied(problem.code)
        }
    }
}

extension WireAnswer {
    /// What a refusal says of an office; `nil` when the request was not about one.
    private func officeRefusal(_ code: String) throws -> Attempt? {
        switch (invocation, code) {
        case (.campaign, "not-found"), (.campaign, "precondition-failed"), (.campaign, "conflict"),
            (.resign, "not-found"), (.resign, "precondition-failed"), (.resign, "conflict"):
            return .answered(
                .offices(.denied(code, try decode(WireStanding.self).standing), revision: try position()))
        case (.offices(.past), "not-found"): return .answered(.offices(.past([]), revision: try position()))
        case (.offices, "not-found"):
            return .answered(
                .offices(.standing(.init(fence: 0, nil), waiting: []), revision: try position()))
        default: return nil
        }
    }
}

/// A part of an answer that is not there.
struct Missing: Error {
    var what: String
}
