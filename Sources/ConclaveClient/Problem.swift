/// A problem document (RFC 9457) as the nodes write it.
struct Problem: Decodable {
    var error: ConclaveError

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        let type = try fields.decode(String.self, forKey: "type")
        let prefix = "urn:conclave:error:"
        let name = type.hasPrefix(prefix) ? String(type.dropFirst(prefix.count)) : type
        let title = try fields.decodeIfPresent(String.self, forKey: "title")
        let detail = try fields.decodeIfPresent(String.self, forKey: "detail")
        let outcome = try fields.decodeIfPresent(String.self, forKey: "outcome")
        error = ConclaveError(ConclaveError.Code(name: name), detail ?? title ?? name)
        error.outcome = outcome.flatMap(ConclaveError.Outcome.init(rawValue:)) ?? .unknown
        error.status = try fields.decodeIfPresent(Int.self, forKey: "status")
        // A key's holder is a key, a lock's is who holds it; the leader is a node's name, or who leads an election.
        error.holder = try? fields.decodeIfPresent(KeyRecord.self, forKey: "holder")
        error.incumbent =
            (try? fields.decodeIfPresent(Leader.self, forKey: "leader"))
            ?? (try? fields.decodeIfPresent(Leader.self, forKey: "holder"))
        error.leader = try? fields.decodeIfPresent(String.self, forKey: "leader")
        error.fence = try fields.decodeIfPresent(UInt64.self, forKey: "fence")
        error.revision = try fields.decodeIfPresent(UInt64.self, forKey: "revision")
        error.oldestRevision = try fields.decodeIfPresent(UInt64.self, forKey: "oldest_revision")
        error.retryAfter = try fields.decodeIfPresent(Int.self, forKey: "retry_after_ms").map { .milliseconds($0) }
    }
}

extension ConclaveError {
    /// Reads the failure out of an answer; one that is no problem document came from something in between, and whether
    /// the request passed it is unknown.
    init(answer: Answer) {
        if let problem = try? JSON.decode(Problem.self, from: answer.body) {
            self = problem.error
        } else {
            self.init(
                .malformedAnswer, "status \(answer.status) without a problem document",
                outcome: answer.status < 500 ? .notApplied : .unknown)
        }
        status = answer.status
        revision = revision ?? answer.header("Conclave-Revision")
        // A 503 passes as soon as a leader is elected, long before a header in whole seconds would allow.
        if retryAfter == nil, status == 429, let seconds = answer.headers.first(name: "Retry-After").flatMap(Int.init) {
            retryAfter = .seconds(seconds)
        }
    }
}
