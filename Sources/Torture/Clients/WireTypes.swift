import FoundationEssentials
internal import HistoryChecker

// The JSON of the API, member by member as `openapi.yaml` names them.

/// What every problem says.
struct WireCode: Decodable {
    var type: String
    var outcome: String

    /// The last part of the type.
    var code: String { type.split(separator: ":").last.map(String.init) ?? type }
}

/// A condition on a key that did not hold.
struct WireProblem: Decodable {
    var holder: WireRecord?
}

struct WireRecord: Decodable {
    var key: String?
    var key_base64: Data?
    var value: String?
    var mod_revision: UInt64
    var create_revision: UInt64
    var version: UInt64
    var lease: String?

    var record: Record {
        get throws {
            Record(
                key: try keyWord(key, key_base64), value: value ?? "", revision: mod_revision,
                created: create_revision, version: version, lease: try leaseNumber(lease))
        }
    }
}

struct WireWritten: Decodable {
    var revision: UInt64
    var create_revision: UInt64
    var version: UInt64
    var created: Bool
    var lease: String?
    var ttl_ms: Int64?
    var valid_for_ms: Int64?

    var written: Response.Written {
        get throws {
            Response.Written(
                revision: revision, created: create_revision, version: version, isNew: created, grant: try grant)
        }
    }

    private var grant: Response.Grant? {
        get throws {
            guard let ttl_ms, let valid_for_ms else { return nil }
            return Response.Grant(lease: try leaseNumber(lease), ttl: ttl_ms, valid: valid_for_ms)
        }
    }
}

struct WireDeleted: Decodable {
    var deleted: Int
    /// Not there inside of a transaction.
    var revision: UInt64?
}

struct WirePage: Decodable {
    var kvs: [WireRecord]
    var count: Int
    var more: Bool
    /// Not there inside of a transaction.
    var revision: UInt64?

    var page: Response.Page {
        get throws { Response.Page(try kvs.map { try $0.record }, count: count, more: more) }
    }
}

struct WireTransaction: Decodable {
    var succeeded: Bool
    var results: [WireStep]
    var revision: UInt64
}

struct WireStep: Decodable {
    var put: WireWritten?
    var get: WirePage?
    var delete: WireDeleted?

    var result: Response.StepResult {
        get throws {
            if let put { return .put(try put.written) }
            if let get { return .read(try get.page) }
            guard let delete else { throw Missing(what: "a step's result") }
            return .deleted(delete.deleted)
        }
    }
}

struct WireGrant: Decodable {
    var id: String
    var ttl_ms: Int64
    var valid_for_ms: Int64

    var grant: Response.Grant {
        get throws { Response.Grant(lease: try leaseNumber(id), ttl: ttl_ms, valid: valid_for_ms) }
    }
}

struct WireRenewals: Decodable {
    var results: [Renewal]

    struct Renewal: Decodable {
        var valid_for_ms: Int64?
    }

    var spans: [Int64?] { results.map(\.valid_for_ms) }
}

struct WireLease: Decodable {
    var id: String
    var keys: [Key]?

    struct Key: Decodable {
        var key: String?
        var key_base64: Data?
    }

    /// The keys as words of a history.
    var words: [String] { get throws { try (keys ?? []).map { try keyWord($0.key, $0.key_base64) } } }
}

struct WireLeases: Decodable {
    var leases: [WireLease]
    var more: Bool

    var ids: [UInt64] { get throws { try leases.map { try leaseNumber($0.id) } } }
}

struct WireStatus: Decodable {
    var role: String
    var term: UInt64
    var revision: UInt64
    var digest: String
    var applied_index: UInt64
}

/// A key, text or base64, as a word of a history.
private func keyWord(_ text: String?, _ bytes: Data?) throws -> String {
    if let text { return escaped(text.utf8) }
    guard let bytes else { throw Missing(what: "a key") }
    return escaped(bytes)
}

/// A value, which may be empty, as a word of a history.
func escapedValue(_ bytes: some Sequence<UInt8>) -> String {
    let word = escaped(bytes)
    return word == "~" ? "" : word
}

func leaseNumber(_ text: String?) throws -> UInt64 {
    guard let text else { return 0 }
    guard let number = UInt64(text, radix: 16) else { throw Missing(what: "a lease's id") }
    return number
}
