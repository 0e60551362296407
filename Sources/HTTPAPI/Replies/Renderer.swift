import KeyValue
internal import NIOCore
internal import Primitives
import ReplicaCore

/// Memory for the body of one answer after the other. Whoever takes it holds the only reference, so that writing into
/// it copies nothing.
final class Scratch {
    private var buffer = ByteBuffer()
    /// Larger memory is rarely needed again and goes back at once.
    private static let keptCapacity = 64 * 1024

    func take() -> ByteBuffer {
        var taken = ByteBuffer()
        swap(&taken, &buffer)
        return taken
    }

    func give(back body: inout ByteBuffer) {
        guard body.capacity <= Self.keptCapacity else { return }
        swap(&buffer, &body)
        body = ByteBuffer()
        buffer.clear()
    }
}

/// Turns what the node answered into replies.
struct Renderer {
    let scratch: Scratch

    func json(
        _ status: Status, _ position: ReplyPosition?, type: ContentType = .json, fields: [Reply.Field] = [],
        _ content: (inout JSONWriter) -> Void
    ) -> Reply {
        var writer = JSONWriter(into: scratch.take())
        writer.object(content)
        var body = ByteBuffer()
        writer.exchangeBuffer(&body)
        body.writeStaticString("\n")
        return Reply(status: status, type: type, position: position, fields: fields, body: body)
    }

    func text(_ status: Status, _ text: String) -> Reply {
        var body = scratch.take()
        body.writeString(text)
        return Reply(status: status, type: .text, position: nil, body: body)
    }

    func problem(_ problem: Problem, at position: ReplyPosition? = nil) -> Reply {
        json(problem.code.status, position, type: .problem, fields: headerFields(problem)) { json in
            json.name("type")
            json.string("urn:conclave:error:\(problem.code.name)")
            json.field("title", problem.code.title)
            json.field("status", UInt64(problem.code.status.rawValue))
            json.field("detail", problem.detail)
            json.field("outcome", problem.outcome == .unknown ? "unknown" : "not_applied" as StaticString)
            if problem.code == .noLeader { json.null("leader") }
            switch problem.help {
            case .none, .allow: break
            case .holder(nil): json.null("holder")
            case .holder(let record?): json.object("holder") { $0.recordFields(record) }
            case .oldest(let revision): json.field("oldest_revision", revision.rawValue)
            case .revision(let revision): json.field("revision", revision.rawValue)
            case .election(let summary): json.electionHelp(summary, at: position?.time)
            case .fence(let fence): json.field("fence", fence.rawValue)
            case .retry(let span): json.field("retry_after_ms", UInt64(clamping: span.milliseconds))
            }
        }
    }

    private func headerFields(_ problem: Problem) -> [Reply.Field] {
        switch problem.help {
        // Whole seconds, rounded up: HTTP knows nothing finer.
        case .retry(let span): [.retryAfter(seconds: (span.milliseconds + 999) / 1_000)]
        case .allow(let methods): [.allow(methods)]
        case .holder(let record?): [.etag(record.modRevision)]
        default: []
        }
    }
}

// MARK: - Writes

extension Renderer {
    func written(_ result: CommandResult, of command: Command, at position: ReplyPosition) -> Reply {
        guard result.answers(command) else {
            let detail = "the idempotency key was used before, for another kind of request"
            return problem(Problem(code: .conflict, detail: detail), at: position)
        }
        return switch result {
        case .put(let put):
            json(put.created ? .created : .ok, position, fields: [.etag(put.record.modRevision)]) { $0.putFields(put) }
        case .deleted(let count, let revision):
            json(.ok, position) {
                $0.field("deleted", count)
                $0.field("revision", revision.rawValue)
            }
        case .transaction(let result):
            json(.ok, position) { $0.transactionFields(result, of: command) }
        case .leaseGranted(let grant):
            json(.created, position) {
                $0.field("id", grant.id)
                $0.leaseTimes(grant)
            }
        case .leaseRevoked(let id, let deletedKeys, let revision):
            json(.ok, position) {
                $0.field("id", id)
                $0.field("deleted", deletedKeys)
                $0.field("revision", revision.rawValue)
            }
        case .failed(let failure):
            problem(Problem(failure, of: command), at: position)
        case .candidacy(let result): candidacy(result, at: position)
        case .resigned(let result): resigned(result, at: position)
        case .leasesRenewed(let grants):
            json(.ok, position) { json in
                json.array("results") { for case let grant? in grants { $0.grant(grant) } }
            }
        case .leasesExpired, .compacted:
            // No client's command ends like this; the node's own commands have no reply over HTTP.
            json(.ok, position) { $0.field("revision", position.revision.rawValue) }
        }
    }

    func renewed(one id: LeaseID, _ grant: LeaseGrant?, at position: ReplyPosition) -> Reply {
        guard let grant else { return problem(.leaseNotFound(id), at: position) }
        return json(.ok, position) {
            $0.field("id", grant.id)
            $0.leaseTimes(grant)
        }
    }

    func renewed(many ids: [LeaseID], _ grants: [LeaseGrant?], at position: ReplyPosition) -> Reply {
        json(.ok, position) { json in
            json.array("results") { json in
                for (id, grant) in zip(ids, grants) {
                    if let grant {
                        json.grant(grant)
                    } else {
                        json.object {
                            $0.field("id", id)
                            $0.field("error", "lease-not-found" as StaticString)
                        }
                    }
                }
            }
        }
    }
}

extension CommandResult {
    /// Whether a command of this kind ends like this. A repeated idempotency key gets the result of the first command that
    /// had it, whatever the second one is.
    fileprivate func answers(_ command: Command) -> Bool {
        switch (self, command) {
        case (.failed, _), (.put, .put), (.deleted, .delete), (.transaction, .transaction),
            (.leaseGranted, .grantLease), (.leasesRenewed, .renewLeases), (.leaseRevoked, .revokeLease),
            (.leasesExpired, .expireLeases), (.compacted, .compact), (.candidacy, .campaign), (.resigned, .resign):
            true
        default: false
        }
    }
}

extension JSONWriter {
    fileprivate mutating func transactionFields(_ result: TransactionResult, of command: Command) {
        let operations: [Transaction.Operation] =
            switch command {
            case .transaction(let transaction): result.succeeded ? transaction.then : transaction.otherwise
            default: []
            }
        field("succeeded", result.succeeded)
        array("results") { json in
            for (place, operation) in result.results.enumerated() {
                let asked = place < operations.count ? operations[place] : nil
                json.object { $0.operationField(operation, asked: asked) }
            }
        }
        field("revision", result.revision.rawValue)
    }

    private mutating func operationField(_ result: OperationResult, asked: Transaction.Operation?) {
        switch result {
        case .put(let put):
            object("put") { $0.putFields(put) }
        case .get(let range):
            let keysOnly = if case .get(let query)? = asked { query.keysOnly } else { false }
            object("get") { $0.pageFields(range, keysOnly: keysOnly) }
        case .deleted(let count):
            object("delete") { $0.field("deleted", count) }
        // No native request has transactions inside.
        case .transaction(let inner):
            object("txn") { $0.field("succeeded", inner.succeeded) }
        }
    }
}

// MARK: - Reads

extension Renderer {
    func read(_ result: QueryResult, as form: Call.ReadForm, at position: ReplyPosition) -> Reply {
        switch (result, form) {
        case (.failed(let failure), _):
            problem(Problem(failure), at: position)
        case (.range(let range), .key(let json, let unless)):
            key(range.records.first, json: json, unless: unless, at: position)
        case (.range(let range), .page(let keysOnly)):
            json(.ok, position) {
                $0.pageFields(range, keysOnly: keysOnly)
                $0.field("revision", position.revision.rawValue)
            }
        case (.lease(let status?), _):
            json(.ok, position) { json in
                json.leaseFields(status.grant)
                json.array("keys") { json in
                    for key in status.keys { json.object { $0.field("key", or: "key_base64", key) } }
                }
            }
        case (.lease(nil), .lease(let id)):
            problem(.leaseNotFound(id), at: position)
        case (.leases(let page), _):
            json(.ok, position) { json in
                json.array("leases") { json in for grant in page.grants { json.object { $0.leaseFields(grant) } } }
                json.field("count", page.count)
                json.field("more", page.more)
                json.field("revision", position.revision.rawValue)
            }
        case (.election(let view?), _): election(view, at: position)
        case (.election(nil), .election(let id)), (.leaderships(nil), .leaderships(let id)):
            problem(.notFound("nobody has campaigned in this \(id.kind.word)"), at: position)
        case (.elections(let page), .elections(let kind)): elections(page, of: kind, at: position)
        case (.leaderships(let page?), .leaderships(let id)): leaderships(page, of: id, at: position)
        case (.range, _), (.lease, _), (.election, _), (.elections, _), (.leaderships, _), (.candidacy, _):
            preconditionFailure("a node answered a read with the result of another kind of read")
        }
    }

    func key(_ record: KeyRecord?, json asJSON: Bool, unless known: Revision?, at position: ReplyPosition) -> Reply {
        guard let record else { return problem(.notFound("the key is absent"), at: position) }
        if record.modRevision == known { return unchanged(etag: record.modRevision, at: position) }
        if asJSON {
            return json(.ok, position, fields: [.etag(record.modRevision)]) { $0.recordFields(record) }
        }
        var body = scratch.take()
        body.writeBytes(record.value)
        var fields: [Reply.Field] = [
            .etag(record.modRevision), .createRevision(record.createRevision), .version(record.version),
        ]
        if let lease = record.lease { fields.append(.lease(lease)) }
        return Reply(status: .ok, type: .bytes, position: position, fields: fields, body: body)
    }

    func unchanged(etag: Revision?, at position: ReplyPosition?) -> Reply {
        Reply(
            status: .notModified, type: .bytes, position: position, fields: etag.map { [.etag($0)] } ?? [],
            body: ByteBuffer())
    }
}
