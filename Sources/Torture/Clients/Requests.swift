internal import HistoryChecker
import LoadGenerator
import NIOCore
import NIOHTTP1

/// The HTTP request of an invocation (`Docs/API.md`). Keys and values are words of a history already, which are fit for a
/// path but for one character.
struct WireRequest {
    private var method = HTTPMethod.GET
    private var path = ""
    private var query: [String] = []
    private var headers: HTTPHeaders = ["Accept": "application/json"]
    private var body = ByteBuffer()

    /// - Parameters:
    ///   - time: how long the node may try.
    ///   - plain: whether a value is wanted as it is, and the rest in headers.
    init(_ invocation: Invocation, idempotencyKey: String?, time: Duration, plain: Bool = false) {
        ask(invocation)
        if plain, invocation.isGet { headers = [:] }
        if let idempotencyKey { headers.add(name: "Idempotency-Key", value: idempotencyKey) }
        query.append("timeout=\(max(1, time / .milliseconds(1)).rounded(.down).whole)ms")
    }

    private mutating func ask(_ invocation: Invocation) {
        switch invocation {
        case .put(let put):
            path = Self.path(put.key)
            method = .PUT
            body = ByteBuffer(string: put.value)
            demand(put.condition)
            attach(put.lease)
        case .delete(let key, let condition):
            path = Self.path(key)
            method = .DELETE
            demand(condition)
        case .clear(let prefix):
            path = "/v1/kv"
            method = .DELETE
            query = ["prefix=\(Self.word(prefix))"]
        case .get(let key, let point):
            path = Self.path(key)
            read(at: point)
        case .wait(let key, let after, let span):
            path = Self.path(key)
            query = ["after=\(after)", "wait=\(span)ms"]
        case .list(let listing):
            path = "/v1/kv"
            list(listing)
        case .transaction(let transaction):
            path = "/v1/txn"
            post(transaction.json)
        case .grant(let id, let ttl):
            path = "/v1/leases"
            post("{\"id\":\"\(leaseName(id))\",\"ttl_ms\":\(ttl)}")
        case .renew(let ids):
            path = ids.count == 1 ? "/v1/leases/\(leaseName(ids[0]))/renew" : "/v1/leases/renew"
            post(ids.count == 1 ? "" : "{\"ids\":[\(ids.map { "\"\(leaseName($0))\"" }.joined(separator: ","))]}")
        case .revoke(let id):
            path = "/v1/leases/\(leaseName(id))"
            method = .DELETE
        case .lease(let id): path = "/v1/leases/\(leaseName(id))"
        case .leases(let start, let limit):
            path = "/v1/leases"
            if let start { query.append("start=\(leaseName(start))") }
            if let limit { query.append("limit=\(limit)") }
        case .campaign(let campaign): take(OfficeRequest(campaign))
        case .resign(let resignation): take(OfficeRequest(resignation))
        case .offices(let question): take(OfficeRequest(question))
        case .under(let condition, let bare):
            headers.add(name: "If-Fence", value: condition.header)
            ask(bare)
        case .line, .compact: preconditionFailure("only etcd's API has \(invocation)")
        }
    }

    private mutating func take(_ request: OfficeRequest) {
        (method, path, query) = (request.method, request.path, request.query)
        for header in request.headers { headers.add(name: header.name, value: header.value) }
        if !request.body.isEmpty { body = ByteBuffer(string: request.body) }
    }

    var loadRequest: LoadRequest {
        LoadRequest(
            method, path + "?" + query.joined(separator: "&"), headers: headers, body: body,
            expected: Expectation(status: 200...599))
    }

    private static func path(_ key: String) -> String { "/v1/kv/" + word(key) }
    private static func word(_ word: String) -> String { word.replacing("#", with: "%23") }

    private mutating func demand(_ condition: Invocation.Condition) {
        switch condition {
        case .none: break
        case .absent: headers.add(name: "If-None-Match", value: "*")
        case .present: headers.add(name: "If-Match", value: "*")
        case .unchanged(let revision): headers.add(name: "If-Match", value: "\"\(revision)\"")
        }
    }

    private mutating func attach(_ lease: Invocation.Attachment) {
        switch lease {
        case .none: break
        case .existing(let id): query.append("lease=\(leaseName(id))")
        case .new(let ttl): query.append("ttl=\(ttl)ms")
        }
    }

    private mutating func read(at point: Invocation.Point) {
        switch point {
        case .newest: break
        case .stale: query.append("consistency=stale")
        case .at(let revision): query.append("at=\(revision)")
        }
    }

    private mutating func list(_ listing: Invocation.Listing) {
        query = ["prefix=\(Self.word(listing.prefix))"]
        if let start = listing.start { query.append("start=\(Self.word(start))") }
        if let limit = listing.limit { query.append("limit=\(limit)") }
        if listing.keysOnly { query.append("keys_only=true") }
        if listing.countOnly { query.append("count_only=true") }
        read(at: listing.point)
    }

    private mutating func post(_ json: String) {
        method = .POST
        headers.add(name: "Content-Type", value: "application/json")
        body = ByteBuffer(string: json)
    }
}

/// A lease's id as the API writes it.
func leaseName(_ id: UInt64) -> String {
    let digits = String(id, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

extension Invocation {
    fileprivate var isGet: Bool { if case .get = self { true } else { false } }
}

extension Double {
    fileprivate var whole: Int { Int(self) }
}

extension Transaction {
    /// As the API reads it; the keys and values are plain.
    fileprivate var json: String {
        let conditions = comparisons.map(\.json).joined(separator: ",")
        let steps = [then, otherwise].map { $0.map(\.json).joined(separator: ",") }
        return "{\"if\":[\(conditions)],\"then\":[\(steps[0])],\"else\":[\(steps[1])]}"
    }
}

extension Transaction.Comparison {
    fileprivate var json: String {
        let name =
            switch target {
            case .revision: "mod_revision"
            case .created: "create_revision"
            case .version: "version"
            case .value: "value"
            case .lease: "lease"
            }
        let value =
            switch target {
            case .value: "\"\(operand)\""
            case .lease: "\"\(leaseName(UInt64(operand, radix: 16) ?? 0))\""
            case .revision, .created, .version: operand
            }
        return "{\"key\":\"\(key)\",\"target\":\"\(name)\",\"op\":\"\(relation.rawValue)\",\"value\":\(value)}"
    }
}

extension Transaction.Step {
    fileprivate var json: String {
        switch self {
        case .put(let key, let value, let lease):
            let field = lease == 0 ? "" : ",\"lease\":\"\(leaseName(lease))\""
            return "{\"put\":{\"key\":\"\(key)\",\"value\":\"\(value)\"\(field)}}"
        case .get(let key): return "{\"get\":{\"key\":\"\(key)\"}}"
        case .list(let listing): return "{\"get\":{\"prefix\":\"\(listing.prefix)\"}}"
        case .delete(let key): return "{\"delete\":{\"key\":\"\(key)\"}}"
        case .clear(let prefix): return "{\"delete\":{\"prefix\":\"\(prefix)\"}}"
        case .keep, .transaction: preconditionFailure("only etcd's clients ask for it")
        }
    }
}
