import NIOCore
import NIOHTTP1

/// A lease as its holder may rely on it.
public struct Lease: Hashable, Sendable {
    /// Its id.
    public var id: LeaseID
    /// The time each renewal gives it.
    public var ttl: Duration
    /// What the answer promised, counted from the moment the request was sent.
    public var validFor: Duration
    /// Until when the holder may act on it: the moment the request was sent, plus ``validFor``. Counted on this machine's
    /// own monotonic clock; past it, somebody else may hold what this lease protected.
    public var validUntil: ContinuousClock.Instant
}

/// A lease as anybody sees it.
public struct LeaseStatus: Hashable, Sendable {
    /// Its id.
    public var id: LeaseID
    /// The time each renewal gives it.
    public var ttl: Duration
    /// What is left of it, where the answer tells.
    public var remaining: Duration?
    /// The keys that hang on it, in order; empty in a list of leases.
    public var keys: [ByteString]
}

/// A page of the leases.
public struct LeasePage: Hashable, Sendable {
    /// In the order of their ids, without their keys.
    public var leases: [LeaseStatus]
    /// How many leases there are in all.
    public var count: Int
    /// Whether there are leases behind the last one of the page.
    public var more: Bool
}

extension ClusterClient {
    /// Grants a lease.
    ///
    /// - Parameters:
    ///   - ttl: from 100 ms to 24 h.
    ///   - id: the id it shall have; the cluster draws one when `nil`.
    ///   - fence: the leadership in whose name it is granted; it is not when that does not stand any more.
    ///   - idempotencyKey: makes the grant safe to repeat by the caller; by default the client draws one of its own.
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/conflict`` when the id is taken, with
    ///   ``ConclaveError/Code/fenced`` when the leadership does not stand.
    public func grantLease(
        ttl: Duration, id: LeaseID? = nil, fence: Fence? = nil, idempotencyKey: IdempotencyKey? = nil
    ) async throws -> Lease {
        var call = Call(method: .POST, path: "/v1/leases")
        call.setJSON(try JSON.encode(GrantBody(ttl: ttl.parameter, id: id)))
        let answer = try await perform(identified(call, by: idempotencyKey, fence: fence))
        return try answer.decode(WireLease.self).lease(sent: answer.firstSent)
    }

    /// Renews a lease: it ends one TTL from now. Safe to repeat.
    ///
    /// - Parameters:
    ///   - id: which one.
    ///   - fence: the leadership in whose name it is renewed; it is not when that does not stand any more. Such a renewal costs
    ///     a log entry, one without a fence a share of one.
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/leaseNotFound`` when it is gone, with
    ///   ``ConclaveError/Code/fenced`` when the leadership does not stand.
    @discardableResult
    public func renewLease(_ id: LeaseID, fence: Fence? = nil) async throws -> Lease {
        let answer = try await perform(Call(method: .POST, path: "/v1/leases/\(id)/renew").guarded(by: fence))
        return try answer.decode(WireLease.self).lease(sent: answer.sent)
    }

    /// Renews many leases in one request.
    ///
    /// - Parameters:
    ///   - ids: which ones.
    ///   - fence: the leadership in whose name they are renewed; none is when that does not stand any more.
    /// - Returns: one result per id, in the order given; `nil` where the lease is gone.
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/fenced`` when the leadership does not stand.
    public func renewLeases(_ ids: [LeaseID], fence: Fence? = nil) async throws -> [Lease?] {
        var call = Call(method: .POST, path: "/v1/leases/renew")
        call.setJSON(try JSON.encode(["ids": ids]))
        let answer = try await perform(call.guarded(by: fence))
        let leases = try answer.decode(WireRenewals.self).results
        guard leases.count == ids.count else {
            throw answer.malformed("\(leases.count) results for \(ids.count) leases")
        }
        return leases.map { $0?.lease(sent: answer.sent) }
    }

    /// Ends a lease; its keys go in one revision.
    ///
    /// - Parameters:
    ///   - id: which one.
    ///   - fence: the leadership in whose name it is ended; it is not when that does not stand any more.
    ///   - idempotencyKey: makes it safe to repeat by the caller; by default the client draws one of its own.
    /// - Throws: ``ConclaveError`` with ``ConclaveError/Code/leaseNotFound`` when it is gone already, with
    ///   ``ConclaveError/Code/fenced`` when the leadership does not stand.
    public func revokeLease(
        _ id: LeaseID, fence: Fence? = nil, idempotencyKey: IdempotencyKey? = nil
    ) async throws {
        let call = Call(method: .DELETE, path: "/v1/leases/\(id)")
        _ = try await perform(identified(call, by: idempotencyKey, fence: fence))
    }

    /// A lease with what is left of it and its keys, or `nil` when there is none with this id.
    public func lease(_ id: LeaseID) async throws -> LeaseStatus? {
        do {
            return try await perform(Call(path: "/v1/leases/\(id)")).decode(WireLease.self).status
        } catch let error as ConclaveError where error.code == .leaseNotFound || error.code == .notFound {
            return nil
        }
    }

    /// Reads a page of the leases, in the order of their ids.
    ///
    /// - Parameters:
    ///   - limit: leases at most; the node's own bound when `nil`.
    ///   - start: the lowest id of the page; the lowest of all when `nil`. Behind a page goes on the number after the last.
    public func leases(
        limit: Int? = nil, from start: LeaseID? = nil, consistency: Consistency = .linearizable
    ) async throws -> LeasePage {
        var call = Call(path: "/v1/leases")
        if let limit { call.query.append(("limit", String(limit))) }
        if let start { call.query.append(("start", start.description)) }
        if consistency == .stale { call.query.append(("consistency", "stale")) }
        let wire = try await perform(call).decode(WireLeases.self)
        return LeasePage(leases: wire.leases.map(\.status), count: wire.count, more: wire.more)
    }
}

extension Call {
    mutating func setJSON(_ bytes: [UInt8]) {
        headers.replaceOrAdd(name: "Content-Type", value: "application/json")
        body = ByteBuffer(bytes: bytes)
    }
}

private struct GrantBody: Encodable {
    var ttl: String
    var id: LeaseID?
}

/// A lease in an answer; which of the times are there depends on the request.
struct WireLease: Decodable {
    var id: LeaseID
    var ttl: Duration
    var validFor: Duration?
    var remaining: Duration?
    var keys: [ByteString]

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        try self.init(id: try fields.decode(LeaseID.self, forKey: "id"), fields)
    }

    init(id: LeaseID, _ fields: KeyedDecodingContainer<Field>) throws {
        self.id = id
        ttl = .milliseconds(try fields.decode(Int.self, forKey: "ttl_ms"))
        validFor = try fields.decodeIfPresent(Int.self, forKey: "valid_for_ms").map { .milliseconds($0) }
        remaining = try fields.decodeIfPresent(Int.self, forKey: "remaining_ms").map { .milliseconds($0) }
        keys = try fields.decodeIfPresent([WireKey].self, forKey: "keys")?.map(\.key) ?? []
    }

    func lease(sent: ContinuousClock.Instant) -> Lease {
        let validFor = validFor ?? .zero
        return Lease(id: id, ttl: ttl, validFor: validFor, validUntil: sent + validFor)
    }

    var status: LeaseStatus { LeaseStatus(id: id, ttl: ttl, remaining: remaining, keys: keys) }
}

/// A key on its own: text, or an object that carries it in either form.
private struct WireKey: Decodable {
    var key: ByteString

    init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            key = ByteString(text)
        } else {
            key = try decoder.container(keyedBy: Field.self).bytes("key")
        }
    }
}

private struct WireLeases: Decodable {
    var leases: [WireLease]
    var count: Int
    var more: Bool
}

/// The answer to a renewal of many: each result is a lease, or an object without a time to live where it is gone.
private struct WireRenewals: Decodable {
    var results: [WireLease?]

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        results = try fields.decode([Renewal].self, forKey: "results").map(\.lease)
    }

    private struct Renewal: Decodable {
        var lease: WireLease?

        init(from decoder: any Decoder) throws {
            if try decoder.singleValueContainer().decodeNil() { return }
            let fields = try decoder.container(keyedBy: Field.self)
            lease = fields.contains("ttl_ms") ? try WireLease(from: decoder) : nil
        }
    }
}
