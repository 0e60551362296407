import KeyValue
internal import Primitives
import ReplicaCore

extension Call {
    /// The key in a path, decoded.
    private static func pathKey(_ name: ArraySlice<UInt8>) throws(Problem) -> Bytes {
        guard let bytes = percentDecoded(name) else {
            throw .badRequest("the key \(quoted(name)) has a % without two hexadecimal digits")
        }
        return try key("the key in the path", bytes)
    }

    static func putKey(
        _ name: ArraySlice<UInt8>, _ headers: RequestHeaders, _ parameters: inout QueryParameters, _ body: Bytes
    ) throws(Problem) -> Action {
        let put = Put(
            key: try pathKey(name), value: body, precondition: try Conditions.ofWrite(headers),
            lease: try leaseAttachment(ttl: try parameters.take("ttl"), lease: try parameters.take("lease"), at: ""))
        return .write(
            Proposal(idempotencyKey: try idempotencyKey(headers), command: .put(put)), drawnLease: put.lease.isNew)
    }

    static func getKey(
        _ name: ArraySlice<UInt8>, _ headers: RequestHeaders, _ parameters: inout QueryParameters
    ) throws(Problem) -> Action {
        let key = try pathKey(name)
        if headers.accepts("text/event-stream") {
            return .watch(try watch(headers, &parameters, selections: [.key(key)]))
        }
        if headers.lastEventID != nil {
            throw .badRequest("Last-Event-ID is for event streams, which take Accept: text/event-stream")
        }
        let json = headers.accepts("application/json")
        let unless = try Conditions.ofRead(headers)
        let wait = try parameters.take("wait")
        if let after = try parameters.take("after") {
            if unless != nil { throw .badRequest("after and If-None-Match exclude each other") }
            return .poll(
                PollCall(key: key, after: try revision("after", after), wait: try pollWait(wait), json: json))
        }
        if wait != nil { throw .badRequest("wait is there without after; it needs the revision to wait behind") }
        let at = try parameters.take("at").map { (text) throws(Problem) in try revision("at", text) }
        return .read(
            .range(RangeQuery(selection: .key(key), limit: 1, at: at)), try consistency(&parameters),
            .key(json: json, unless: unless))
    }

    static func pollWait(_ text: Bytes?) throws(Problem) -> TimeSpan {
        guard let text else { return Limits.longPoll }
        return try duration("wait", text, from: .milliseconds(1), to: Limits.maximumRequestTimeout)
    }

    static func deleteKey(_ name: ArraySlice<UInt8>, _ headers: RequestHeaders) throws(Problem) -> Action {
        if headers.ifNoneMatch != nil {
            throw .badRequest("If-None-Match is there; a deletion takes If-Match")
        }
        let delete = Delete(selection: .key(try pathKey(name)), precondition: try Conditions.ofWrite(headers))
        return .write(
            Proposal(idempotencyKey: try idempotencyKey(headers), command: .delete(delete)), drawnLease: false)
    }

    static func deleteKeys(_ headers: RequestHeaders, _ parameters: inout QueryParameters) throws(Problem) -> Action {
        try Conditions.none(headers)
        guard let prefix = try parameters.take("prefix") else {
            throw .badRequest("the parameter prefix is missing; to delete every key, say prefix=")
        }
        let delete = Delete(selection: .prefix(try keyPart("prefix", prefix)))
        return .write(
            Proposal(idempotencyKey: try idempotencyKey(headers), command: .delete(delete)), drawnLease: false)
    }

    static func listKeys(_ headers: RequestHeaders, _ parameters: inout QueryParameters) throws(Problem) -> Action {
        try Conditions.none(headers)
        var query = RangeQuery(selection: .prefix(try keyPart("prefix", try parameters.take("prefix") ?? [])))
        if let start = try parameters.take("start") {
            query.selection = query.selection.starting(at: try keyPart("start", start))
        }
        if let text = try parameters.take("limit") { query.limit = try pageLimit("limit", parseDecimal(text), text) }
        if let at = try parameters.take("at") { query.at = try revision("at", at) }
        query.keysOnly = try parameters.takeFlag("keys_only")
        query.countOnly = try parameters.takeFlag("count_only")
        return .read(.range(query), try consistency(&parameters), .page(keysOnly: query.keysOnly))
    }

    static func pageLimit(_ name: String, _ value: UInt64?, _ text: Bytes) throws(Problem) -> Int {
        guard let value, value >= 1, value <= UInt64(Limits.rangePage) else {
            throw .badRequest("\(name) is \(quoted(text)); it must be a whole number from 1 to \(Limits.rangePage)")
        }
        return Int(value)
    }

    /// The lease a written key is to hang on, from `ttl` and `lease`, which exclude each other.
    static func leaseAttachment(ttl: Bytes?, lease: Bytes?, at path: String) throws(Problem) -> LeaseAttachment {
        switch (ttl, lease) {
        case (nil, nil): return .none
        case (.some, .some): throw .badRequest("\(path)ttl and \(path)lease exclude each other")
        case (let ttl?, nil): return .new(drawLeaseID(), ttl: try leaseTTL("\(path)ttl", ttl))
        case (nil, let lease?): return .existing(try leaseID("\(path)lease", lease))
        }
    }

    static func leaseTTL(_ name: String, _ text: Bytes) throws(Problem) -> TimeSpan {
        try duration(name, text, from: Limits.minimumLease, to: Limits.maximumLease)
    }
}

extension LeaseAttachment {
    var isNew: Bool {
        if case .new = self { true } else { false }
    }
}

extension KeySelection {
    /// The part of a range from `start` on; empty, but still a range, when `start` lies behind it.
    func starting(at start: Bytes) -> KeySelection {
        guard case .range(let from, let to) = self, from.lexicographicallyPrecedes(start) else { return self }
        if let to, to.lexicographicallyPrecedes(start) { return .range(from: to, to: to) }
        return .range(from: start, to: to)
    }
}
