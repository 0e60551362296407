import FoundationEssentials
internal import HistoryChecker
import LoadGenerator
import NIOCore

/// The request of an invocation over etcd's gateway (`Docs/ETCD.md`).
struct EtcdRequest {
    let path: String
    let body: String

    init(_ invocation: Invocation) {
        (path, body) = Self.parts(invocation)
    }

    var loadRequest: LoadRequest {
        LoadRequest(.POST, path, body: ByteBuffer(string: body), expected: Expectation(status: 200...599))
    }

    private static func parts(_ invocation: Invocation) -> (String, String) {
        switch invocation {
        case .put(let put): ("/v3/kv/put", Self.put(put))
        case .delete(let key, _): ("/v3/kv/deleterange", "{\(field("key", key))}")
        case .clear(let prefix): ("/v3/kv/deleterange", "{\(range(prefix))}")
        case .get(let key, let point): ("/v3/kv/range", "{\(field("key", key))\(Self.point(point))}")
        case .list(let listing): ("/v3/kv/range", "{\(Self.list(listing))}")
        case .transaction(let transaction): ("/v3/kv/txn", transaction.etcdJSON)
        case .grant(let id, let ttl): ("/v3/lease/grant", "{\"ID\":\"\(id)\",\"TTL\":\"\(ttl / 1000)\"}")
        case .renew(let ids): ("/v3/lease/keepalive", ids.map { "{\"ID\":\"\($0)\"}" }.joined(separator: "\n"))
        case .revoke(let id): ("/v3/lease/revoke", "{\"ID\":\"\(id)\"}")
        case .lease(let id): ("/v3/lease/timetolive", "{\"ID\":\"\(id)\",\"keys\":true}")
        case .leases: ("/v3/lease/leases", "{}")
        case .compact(let revision): ("/v3/kv/compaction", "{\"revision\":\"\(revision)\"}")
        case .line(let request): line(request)
        case .wait, .campaign, .resign, .offices, .under:
            preconditionFailure("only the native API has \(invocation)")
        }
    }

    private static func line(_ request: LineRequest) -> (String, String) {
        switch request {
        case .enter(let name, let lease, let value?):
            ("/v3/election/campaign", "{\(field("name", name)),\"lease\":\"\(lease)\",\(field("value", value))}")
        case .enter(let name, let lease, nil): ("/v3/lock/lock", "{\(field("name", name)),\"lease\":\"\(lease)\"}")
        case .proclaim(let place, let value):
            ("/v3/election/proclaim", "{\(leader(place)),\(field("value", value))}")
        case .resign(let place): ("/v3/election/resign", "{\(leader(place))}")
        case .unlock(let name, let lease): ("/v3/lock/unlock", "{\(field("key", LineRequest.key(name, lease)))}")
        case .front(let name, let observing):
            ("/v3/election/\(observing ? "observe" : "leader")", "{\(field("name", name))}")
        }
    }

    private static func leader(_ place: LineRequest.Place) -> String {
        "\"leader\":{\(field("name", place.name)),\(field("key", place.key)),\"rev\":\"\(place.created)\","
            + "\"lease\":\"\(place.lease)\"}"
    }

    /// Every other put asks what was there before.
    private static func put(_ put: Invocation.Put) -> String {
        var json = "{\(field("key", put.key)),\(field("value", put.value))"
        if case .existing(let lease) = put.lease { json += ",\"lease\":\"\(lease)\"" }
        if put.asksPrevious { json += ",\"prev_kv\":true" }
        return json + "}"
    }

    private static func point(_ point: Invocation.Point) -> String {
        switch point {
        case .newest: ""
        case .stale: ",\"serializable\":true"
        case .at(let revision): ",\"revision\":\"\(revision)\""
        }
    }

    fileprivate static func list(_ listing: Invocation.Listing) -> String {
        var json = range(listing.prefix, from: listing.start)
        if let limit = listing.limit { json += ",\"limit\":\"\(limit)\"" }
        if listing.keysOnly { json += ",\"keys_only\":true" }
        if listing.countOnly { json += ",\"count_only\":true" }
        return json + point(listing.point)
    }

    fileprivate static func field(_ name: String, _ word: String) -> String { "\"\(name)\":\"\(base64(word))\"" }

    /// All keys with a prefix.
    static func range(_ prefix: String, from start: String? = nil) -> String {
        var end = unescaped(prefix)
        let first = start.map(unescaped) ?? end
        while let last = end.popLast() {
            if last < .max {
                end.append(last + 1)
                break
            }
        }
        let zero: [UInt8] = [0]
        return
            "\"key\":\"\(base64(first.isEmpty ? zero : first))\",\"range_end\":\"\(base64(end.isEmpty ? zero : end))\""
    }

    private static func base64(_ word: String) -> String { base64(unescaped(word)) }
    private static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}

extension Invocation.Put {
    /// Whether etcd is asked what was there before: every other time.
    var asksPrevious: Bool { (value.utf8.last ?? 0) % 2 == 0 }
}

extension Transaction {
    fileprivate var etcdJSON: String {
        let conditions = comparisons.map(\.etcdJSON).joined(separator: ",")
        let steps = [then, otherwise].map { $0.map(\.etcdJSON).joined(separator: ",") }
        return "{\"compare\":[\(conditions)],\"success\":[\(steps[0])],\"failure\":[\(steps[1])]}"
    }
}

extension Transaction.Comparison {
    fileprivate var etcdJSON: String {
        let (name, value) =
            switch target {
            case .revision: ("MOD", "\"mod_revision\":\"\(operand)\"")
            case .created: ("CREATE", "\"create_revision\":\"\(operand)\"")
            case .version: ("VERSION", "\"version\":\"\(operand)\"")
            case .value: ("VALUE", EtcdRequest.field("value", operand))
            case .lease: ("LEASE", "\"lease\":\"\(UInt64(operand, radix: 16) ?? 0)\"")
            }
        let result =
            switch relation {
            case .equal: "EQUAL"
            case .unequal: "NOT_EQUAL"
            case .less: "LESS"
            case .greater: "GREATER"
            }
        let place = isPrefix ? EtcdRequest.range(key) : EtcdRequest.field("key", key)
        return "{\(place),\"target\":\"\(name)\",\"result\":\"\(result)\",\(value)}"
    }
}

extension Transaction.Step {
    fileprivate var etcdJSON: String {
        switch self {
        case .put(let key, let value, let lease):
            let lease = lease == 0 ? "" : ",\"lease\":\"\(lease)\""
            return "{\"request_put\":{\(EtcdRequest.field("key", key)),\(EtcdRequest.field("value", value))\(lease)}}"
        case .get(let key): return "{\"request_range\":{\(EtcdRequest.field("key", key))}}"
        case .keep(let key, let value, let lease):
            let value = value.map { EtcdRequest.field("value", $0) } ?? "\"ignore_value\":true"
            let lease = lease.map { "\"lease\":\"\($0)\"" } ?? "\"ignore_lease\":true"
            return "{\"request_put\":{\(EtcdRequest.field("key", key)),\(value),\(lease)}}"
        case .list(let listing): return "{\"request_range\":{\(EtcdRequest.list(listing))}}"
        case .transaction(let inner): return "{\"request_txn\":\(inner.etcdJSON)}"
        case .delete(let key): return "{\"request_delete_range\":{\(EtcdRequest.field("key", key))}}"
        case .clear(let prefix): return "{\"request_delete_range\":{\(EtcdRequest.range(prefix))}}"
        }
    }
}

/// The bytes of a word of a history.
func unescaped(_ word: String) -> [UInt8] {
    guard word.utf8.contains(UInt8(ascii: "%")) else { return Array(word.utf8) }
    var bytes: [UInt8] = []
    var rest = Array(word.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%"), rest.count >= 2,
            let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
        else {
            bytes.append(byte)
            continue
        }
        bytes.append(code)
        rest = rest.dropFirst(2)
    }
    return bytes
}
