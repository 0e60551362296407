/// One version of a key, as a node told it.
package struct Record: Hashable, Sendable {
    package var key: String
    /// Empty where only keys were asked for.
    package var value: String
    /// Of the write that made this version; no two versions of a key share one.
    package var revision: UInt64
    /// The revision at which the key came into being; at most ``revision``.
    package var created: UInt64
    /// 1 on creation, one more for each write since.
    package var version: UInt64
    /// 0 for none.
    package var lease: UInt64

    package init(
        key: String, value: String, revision: UInt64, created: UInt64, version: UInt64, lease: UInt64 = 0
    ) {
        self.key = key
        self.value = value
        self.revision = revision
        self.created = created
        self.version = version
        self.lease = lease
    }
}

/// One change of one key in the service's own history.
package struct Change: Hashable, Sendable {
    /// All changes of one transaction share it.
    package var revision: UInt64
    package var key: String
    package var effect: Effect

    /// What became of the key.
    package enum Effect: Hashable, Sendable {
        /// It was written; the record's key and revision are the change's.
        case put(Record)
        case delete(Reason)
    }

    /// Why a key went.
    package enum Reason: String, Hashable, Sendable {
        case deleted, expired, revoked
        /// etcd's watches do not say.
        case untold
    }

    package init(put record: Record) {
        revision = record.revision
        key = record.key
        effect = .put(record)
    }

    package init(delete key: String, at revision: UInt64, _ reason: Reason) {
        self.revision = revision
        self.key = key
        effect = .delete(reason)
    }

    /// Whether what a watch told is this.
    func isTold(by told: Change) -> Bool {
        if told.reason == .untold { return record == nil && key == told.key && revision == told.revision }
        return self == told
    }

    /// The key's record afterwards; `nil` when it went.
    package var record: Record? { if case .put(let record) = effect { record } else { nil } }
    package var reason: Reason? { if case .delete(let reason) = effect { reason } else { nil } }
}
