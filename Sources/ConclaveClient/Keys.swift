import NIOCore
import NIOHTTP1

/// What must hold of a key for a write to be carried out.
public enum Condition: Hashable, Sendable {
    /// Nothing.
    case always
    /// The key does not exist: the first of many contenders wins.
    case absent
    /// The key exists.
    case present
    /// The key was not written since this revision, its ``KeyRecord/modRevision``.
    case unchanged(since: UInt64)

    var headers: HTTPHeaders {
        switch self {
        case .always: [:]
        case .absent: ["If-None-Match": "*"]
        case .present: ["If-Match": "*"]
        case .unchanged(let revision): ["If-Match": "\"\(revision)\""]
        }
    }
}

/// Which lease a written key hangs on.
public enum LeaseChoice: Hashable, Sendable {
    /// None; a key that had one is detached from it.
    case none
    /// One that exists.
    case existing(LeaseID)
    /// A new one, granted in the same step; from 100 ms to 24 h.
    case new(ttl: Duration)
}

/// How current a read must be.
public enum Consistency: Hashable, Sendable {
    /// Reflects everything acknowledged anywhere before the read began.
    case linearizable
    /// Whatever the node that is asked has in memory.
    case stale
}

/// What a write of a key came to.
public struct PutResult: Sendable {
    /// The revision of the write, by which ``Condition/unchanged(since:)`` recognises it.
    public var revision: UInt64
    /// The revision at which the key came into being.
    public var createRevision: UInt64
    /// 1 when the key is new, one more for each write since.
    public var version: UInt64
    /// Whether the key did not exist before.
    public var created: Bool
    /// The lease the key hangs on, where there is one.
    public var lease: Lease?
}

/// One page of keys in byte order.
public struct KeyPage: Sendable {
    /// The keys of the page.
    public var records: [KeyRecord]
    /// How many keys the whole range has.
    public var count: Int
    /// Whether keys follow; ask for them from the last key's ``ByteString/successor`` on.
    public var more: Bool
    /// The revision the page reflects; reading further pages at it gives one consistent picture.
    public var revision: UInt64
}

/// The answer to waiting for a change of one key.
public enum KeyChange: Hashable, Sendable {
    /// It was written; what it is now.
    case changed(KeyRecord)
    /// It does not exist, as of this revision.
    case absent(revision: UInt64)
    /// Nothing happened while waiting.
    case unchanged
}

extension ClusterClient {
    /// Writes a key.
    ///
    /// - Parameters:
    ///   - key: 1 to 4096 bytes.
    ///   - value: at most 1 MiB.
    ///   - condition: what must hold of the key.
    ///   - lease: whose end takes the key along.
    ///   - fence: the leadership in whose name it is written; nothing is when that does not stand any more.
    ///   - idempotencyKey: makes the write safe to repeat by the caller; by default the client draws one of its own.
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/preconditionFailed`` and the holder when the condition
    ///   does not hold, with ``ConclaveError/Code/fenced`` when the leadership does not stand.
    @discardableResult
    public func put(
        _ key: ByteString, _ value: ByteString, when condition: Condition = .always, lease: LeaseChoice = .none,
        fence: Fence? = nil, idempotencyKey: IdempotencyKey? = nil
    ) async throws -> PutResult {
        var call = try Call(key: key, method: .PUT)
        call.headers = condition.headers
        call.body = ByteBuffer(bytes: value.bytes)
        switch lease {
        case .none: break
        case .existing(let id): call.query = [("lease", id.description)]
        case .new(let ttl): call.query = [("ttl", ttl.parameter)]
        }
        let answer = try await perform(identified(call, by: idempotencyKey, fence: fence))
        let wire = try answer.decode(WirePut.self)
        // A repeated write is answered as the first copy was: what it promised counts from the first.
        return PutResult(
            revision: wire.revision, createRevision: wire.createRevision, version: wire.version,
            created: wire.created, lease: wire.lease?.lease(sent: answer.firstSent))
    }

    /// Reads a key.
    ///
    /// - Parameters:
    ///   - key: which one.
    ///   - revision: the past revision to read at; `nil` reads the present.
    ///   - consistency: how current the answer must be.
    /// - Returns: the record, or `nil` when there is no such key.
    public func get(
        _ key: ByteString, at revision: UInt64? = nil, consistency: Consistency = .linearizable
    ) async throws -> KeyRecord? {
        var call = try Call(key: key)
        if let revision { call.query.append(("at", String(revision))) }
        if consistency == .stale { call.query.append(("consistency", "stale")) }
        do {
            return try await perform(call).record(of: key)
        } catch let error as ConclaveError where error.code == .notFound {
            return nil
        }
    }

    /// Waits until a key was written or deleted after `revision`, for at most `wait`.
    public func waitForChange(
        of key: ByteString, after revision: UInt64, for wait: Duration = .seconds(30)
    ) async throws -> KeyChange {
        var call = try Call(key: key)
        call.query = [("after", String(revision)), ("wait", wait.parameter)]
        call.wait = wait
        do {
            let answer = try await perform(call)
            return answer.status == 304 ? .unchanged : .changed(try answer.record(of: key))
        } catch let error as ConclaveError where error.code == .notFound {
            return .absent(revision: error.revision ?? revision)
        }
    }

    /// Reads a page of the keys that begin with `prefix`, in byte order.
    ///
    /// - Parameters:
    ///   - prefix: empty for all keys.
    ///   - limit: keys at most; the node's own bound when `nil`.
    ///   - start: the first key of the page; the range's own beginning when `nil`.
    ///   - revision: the past revision to read at; `nil` reads the present.
    ///   - keysOnly: leaves the values empty.
    public func list(
        prefix: ByteString = "", limit: Int? = nil, from start: ByteString? = nil, at revision: UInt64? = nil,
        keysOnly: Bool = false, consistency: Consistency = .linearizable
    ) async throws -> KeyPage {
        var call = Call(path: "/v1/kv", query: [("prefix", prefix.queryEscaped)])
        if let limit { call.query.append(("limit", String(limit))) }
        if let start { call.query.append(("start", start.queryEscaped)) }
        if let revision { call.query.append(("at", String(revision))) }
        if keysOnly { call.query.append(("keys_only", "true")) }
        if consistency == .stale { call.query.append(("consistency", "stale")) }
        return try await perform(call).decode(WirePage.self).page
    }

    /// How many keys begin with `prefix`.
    public func count(prefix: ByteString = "") async throws -> Int {
        let call = Call(path: "/v1/kv", query: [("prefix", prefix.queryEscaped), ("count_only", "true")])
        return try await perform(call).decode(WirePage.self).page.count
    }

    /// Deletes a key.
    ///
    /// - Parameters:
    ///   - key: which one.
    ///   - condition: what must hold of it.
    ///   - fence: the leadership in whose name it is deleted; nothing is when that does not stand any more.
    ///   - idempotencyKey: makes the deletion safe to repeat by the caller; by default the client draws one of its own.
    /// - Returns: whether it existed.
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/preconditionFailed`` when the condition does not hold, with
    ///   ``ConclaveError/Code/fenced`` when the leadership does not stand.
    @discardableResult
    public func delete(
        _ key: ByteString, when condition: Condition = .always, fence: Fence? = nil,
        idempotencyKey: IdempotencyKey? = nil
    ) async throws -> Bool {
        var call = try Call(key: key, method: .DELETE)
        call.headers = condition.headers
        return try await perform(identified(call, by: idempotencyKey, fence: fence)).decode(WireDelete.self).deleted > 0
    }

    /// Deletes all keys that begin with `prefix`, in one revision.
    ///
    /// - Parameters:
    ///   - prefix: empty for all keys.
    ///   - fence: the leadership in whose name they are deleted; nothing is when that does not stand any more.
    ///   - idempotencyKey: makes the deletion safe to repeat by the caller; by default the client draws one of its own.
    /// - Returns: how many there were.
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/fenced`` when the leadership does not stand.
    @discardableResult
    public func delete(
        prefix: ByteString, fence: Fence? = nil, idempotencyKey: IdempotencyKey? = nil
    ) async throws -> Int {
        let call = Call(method: .DELETE, path: "/v1/kv", query: [("prefix", prefix.queryEscaped)])
        return try await perform(identified(call, by: idempotencyKey, fence: fence)).decode(WireDelete.self).deleted
    }
}

extension Call {
    /// A request for one key.
    init(key: ByteString, method: HTTPMethod = .GET) throws {
        guard (1...4096).contains(key.count) else {
            throw ConclaveError(.badRequest, "a key has 1 to 4096 bytes, this one has \(key.count)")
        }
        self.init(method: method, path: "/v1/kv/" + key.pathEscaped)
    }
}

extension Answer {
    /// The record that a raw answer describes in its headers.
    fileprivate func record(of key: ByteString) throws -> KeyRecord {
        let tag = headers.first(name: "ETag").map { $0.filter { $0 != "\"" } }
        guard let modRevision = tag.flatMap({ UInt64($0) }), let created = header("Conclave-Create-Revision"),
            let version = header("Conclave-Version")
        else { throw malformed("the node's answer carries no revisions") }
        return KeyRecord(
            key: key, value: ByteString(body), createRevision: created, modRevision: modRevision, version: version,
            lease: headers.first(name: "Conclave-Lease").flatMap { LeaseID($0) })
    }
}

/// The JSON answer to a PUT.
struct WirePut: Decodable {
    var revision: UInt64
    var createRevision: UInt64
    var version: UInt64
    var created: Bool
    var lease: WireLease?

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        revision = try fields.decode(UInt64.self, forKey: "revision")
        createRevision = try fields.decode(UInt64.self, forKey: "create_revision")
        version = try fields.decode(UInt64.self, forKey: "version")
        created = try fields.decode(Bool.self, forKey: "created")
        lease = try fields.decodeIfPresent(LeaseID.self, forKey: "lease").map { try WireLease(id: $0, fields) }
    }
}

/// The JSON answer to a range read.
struct WirePage: Decodable {
    var page: KeyPage

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        page = KeyPage(
            records: try fields.decodeIfPresent([KeyRecord].self, forKey: "kvs") ?? [],
            count: try fields.decode(Int.self, forKey: "count"),
            more: try fields.decodeIfPresent(Bool.self, forKey: "more") ?? false,
            revision: try fields.decodeIfPresent(UInt64.self, forKey: "revision") ?? 0)
    }
}

/// The JSON answer to a deletion.
struct WireDelete: Decodable {
    var deleted: Int
}
