/// The lines of a history file; see `Docs/TESTING.md`.
extension Operation {
    package var line: String {
        let key = idempotencyKey.map { " id=\($0)" } ?? ""
        return "op \(client) \(node) \(call) \(end)\(key) \(invocation.words) => \(response.words)"
    }
}

extension Change {
    package var line: String { "log \(words)" }

    fileprivate var words: String {
        switch effect {
        case .put(let record): "put \(record.word)"
        case .delete(let reason): "delete \(key) \(revision) \(reason.rawValue)"
        }
    }
}

extension Watched.Delivery {
    package func line(of watch: String) -> String { "watch \(watch) \(time) \(event.words)" }
}

extension Watched.Selection {
    /// The line that says what a watch looks at; before all its deliveries.
    package func line(of watch: String) -> String {
        switch self {
        case .key(let key): "select \(watch) key \(key)"
        case .prefix(let prefix): "select \(watch) prefix \(prefix.word)"
        case .office(let office): "select \(watch) office \(office.word)"
        }
    }
}

extension RecordedHistory {
    /// The line every history begins with.
    package static let firstLine = "history 1"
    /// The line that says when a run ended, and that the history is whole.
    package static func lastLine(end: Int64) -> String { "end \(end)" }
}

extension Invocation {
    var words: String {
        switch self {
        case .put(let put): "put \(put.key) \(put.value.word)\(put.condition.words)\(put.lease.words)"
        case .delete(let key, let condition): "delete \(key)\(condition.words)"
        case .clear(let prefix): "clear \(prefix.word)"
        case .get(let key, let point): "get \(key)\(point.words)"
        case .wait(let key, let after, let span): "wait \(key) \(after) \(span)"
        case .list(let listing): "list \(listing.words)"
        case .transaction(let transaction): "txn\(transaction.words)"
        case .grant(let id, let ttl): "grant \(hexadecimal(id)) \(ttl)"
        case .renew(let ids): "renew " + ids.map(hexadecimal).joined(separator: " ")
        case .revoke(let id): "revoke \(hexadecimal(id))"
        case .lease(let id): "lease \(hexadecimal(id))"
        case .leases(let start, let limit):
            "leases" + (start.map { " start=\(hexadecimal($0))" } ?? "") + (limit.map { " limit=\($0)" } ?? "")
        case .campaign(let campaign): campaign.words
        case .resign(let resignation): resignation.words
        case .offices(let query): query.words
        case .under(let condition, let bare): "under \(condition.office.word) \(condition.fence) \(bare.words)"
        case .line(let request): request.words
        case .compact(let revision): "compact \(revision)"
        }
    }
}

extension Invocation.Condition {
    fileprivate var words: String {
        switch self {
        case .none: ""
        case .absent: " if=absent"
        case .present: " if=present"
        case .unchanged(let revision): " if=\(revision)"
        }
    }
}

extension Invocation.Attachment {
    fileprivate var words: String {
        switch self {
        case .none: ""
        case .existing(let id): " lease=\(hexadecimal(id))"
        case .new(let ttl): " ttl=\(ttl)"
        }
    }
}

extension Invocation.Point {
    fileprivate var words: String {
        switch self {
        case .newest: ""
        case .stale: " stale"
        case .at(let revision): " at=\(revision)"
        }
    }
}

extension Invocation.Listing {
    fileprivate var words: String {
        var words = prefix.word
        if let start { words += " start=\(start)" }
        if let limit { words += " limit=\(limit)" }
        return words + point.words + (keysOnly ? " keys" : "") + (countOnly ? " count" : "")
    }
}

extension Transaction {
    fileprivate var words: String {
        let conditions = comparisons.map {
            " \($0.isPrefix ? "all \($0.key.word)" : "if \($0.key)") \($0.target.rawValue) \($0.relation.rawValue) "
                + $0.operand.word
        }
        return (conditions + then.map { " then \($0.words)" } + otherwise.map { " else \($0.words)" }).joined()
    }
}

extension Transaction.Step {
    fileprivate var words: String {
        switch self {
        case .put(let key, let value, let lease): "put \(key) \(value.word) \(hexadecimal(lease))"
        case .keep(let key, let value, let lease):
            "keep \(key)\(value.map { " value=\($0.word)" } ?? "")\(lease.map { " lease=\(hexadecimal($0))" } ?? "")"
        case .get(let key): "get \(key)"
        case .list(let listing): "list \(listing.words)"
        case .delete(let key): "delete \(key)"
        case .clear(let prefix): "clear \(prefix.word)"
        case .transaction(let inner): "txn (\(inner.words) )"
        }
    }
}

extension Response {
    var words: String {
        switch self {
        case .put(let written): written.words
        case .deleted(let count, let revision): "deleted \(count) at \(revision)"
        case .read(let page, let revision): "read \(page.words) at \(revision)"
        case .transaction(let succeeded, let results, let revision):
            (succeeded ? "then" : "else") + results.map { " \($0.words)" }.joined() + " at \(revision)"
        case .granted(let grant, let revision): "granted\(grant.words) at \(revision)"
        case .renewed(let spans, let revision):
            "renewed " + spans.map { $0.map(String.init) ?? "gone" }.joined(separator: " ") + " at \(revision)"
        case .revoked(let count, let revision): "revoked \(count) at \(revision)"
        case .lease(let keys, let revision): "lease \(keys.count)" + keys.map { " \($0)" }.joined() + " at \(revision)"
        case .leases(let ids, let more, let revision):
            "leases\(more ? " more" : "")" + ids.map { " \(hexadecimal($0))" }.joined() + " at \(revision)"
        case .offices(let answer, let revision): "\(answer.words) at \(revision)"
        case .wrote(let previous, let revision): "wrote\(previous.map { " \($0.word)" } ?? "") at \(revision)"
        case .done(let revision): "done at \(revision)"
        case .seated(let key, let created, let revision): "seated \(key) \(created) at \(revision)"
        case .refused(let holder, let revision): "refused\(holder.map { " \($0.word)" } ?? "") at \(revision)"
        case .gone(let revision): "gone at \(revision)"
        case .failed(let code): "failed \(code)"
        case .unknown: "unknown"
        }
    }
}

extension Response.Written {
    fileprivate var words: String {
        "\(isNew ? "created" : "replaced") \(revision) \(created) \(version)\(grant.map(\.words) ?? "")"
    }
}

extension Response.Grant {
    var words: String { " lease=\(hexadecimal(lease)) ttl=\(ttl) valid=\(valid)" }
}

extension Response.Page {
    fileprivate var words: String {
        "\(count)\(more ? " more" : "")" + records.map { " \($0.word)" }.joined()
    }
}

extension Response.StepResult {
    fileprivate var words: String {
        switch self {
        case .put(let written): written.words
        case .read(let page): "read \(page.words)"
        case .deleted(let count): "deleted \(count)"
        case .wrote: "wrote"
        case .transaction(let succeeded, let results, let revision):
            "( \(succeeded ? "then" : "else")" + results.map { " \($0.words)" }.joined() + " at \(revision) )"
        }
    }
}

extension Watched.Event {
    fileprivate var words: String {
        switch self {
        case .opened(let revision): "opened \(revision)"
        case .state(let records, let revision): "state \(revision)" + records.map { " \($0.word)" }.joined()
        case .change(let change, let previous): change.words + (previous.map { " was \($0.word)" } ?? "")
        case .office(let change): "office \(change.words)"
        case .progress(let revision): "progress \(revision)"
        case .broken: "broken"
        case .closed(let revision): "closed \(revision)"
        }
    }
}

extension Record {
    /// `key=value@revision,created,version`, and `,lease` where there is one.
    var word: String {
        let lease = lease == 0 ? "" : ",\(hexadecimal(lease))"
        return "\(key)=\(value.word)@\(revision),\(created),\(version)\(lease)"
    }
}

extension String {
    /// Text that is there or not: an empty word could not be seen.
    var word: String { isEmpty ? "~" : self }
}

func hexadecimal(_ id: UInt64) -> String { String(id, radix: 16) }
