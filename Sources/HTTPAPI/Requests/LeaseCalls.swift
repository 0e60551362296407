import KeyValue
internal import Primitives

extension Call {
    /// `{"ttl":"3s"}` or `{"ttl_ms":3000}`, and an `"id"` if the client wants its own.
    static func createLease(_ headers: RequestHeaders, _ body: Bytes) throws(Problem) -> Action {
        try Conditions.none(headers)
        var fields = try JSONFields(body: body)
        let ttl = try leaseTTL(&fields)
        guard let ttl else { throw fields.missing("ttl") }
        let id = try fields.takeString("id", "a string of 16 hexadecimal digits")
            .map { (text) throws(Problem) in try leaseID("id", text) }
        try fields.finish()
        return .write(
            Proposal(
                idempotencyKey: try idempotencyKey(headers), command: .grantLease(id ?? drawLeaseID(), ttl: ttl)),
            drawnLease: id == nil)
    }

    /// A TTL from a string with a unit or from a number of milliseconds; `nil` when neither is there.
    static func leaseTTL(_ fields: inout JSONFields) throws(Problem) -> TimeSpan? {
        let text = try fields.takeString("ttl", "a string like \"3s\"")
        let milliseconds = try fields.takeInteger("ttl_ms", "a whole number of milliseconds")
        if text != nil && milliseconds != nil {
            throw .badRequest("\(fields.name("ttl")) and \(fields.name("ttl_ms")) exclude each other")
        }
        if let text { return try leaseTTL(fields.name("ttl"), text) }
        guard let milliseconds else { return nil }
        let (low, high) = (UInt64(Limits.minimumLease.milliseconds), UInt64(Limits.maximumLease.milliseconds))
        guard milliseconds >= low, milliseconds <= high else {
            throw .badRequest("\(fields.name("ttl_ms")) is \(milliseconds); it must be from \(low) to \(high)")
        }
        return .milliseconds(Int64(milliseconds))
    }

    /// `{"ids":[…]}`
    static func renewLeases(_ body: Bytes) throws(Problem) -> Action {
        var fields = try JSONFields(body: body)
        let elements = try fields.takeArray("ids", atMost: Limits.renewalsPerRequest)
        try fields.finish()
        guard !elements.isEmpty else { throw .badRequest("ids is missing or empty; it names the leases to renew") }
        var ids: [LeaseID] = []
        ids.reserveCapacity(elements.count)
        for (place, element) in elements.enumerated() {
            guard case .string(let text) = element else {
                throw fields.mistyped("ids[\(place)]", element, "a string of 16 hexadecimal digits")
            }
            ids.append(try leaseID("ids[\(place)]", text))
        }
        return .renewMany(ids, nil)
    }

    static func listLeases(_ parameters: inout QueryParameters) throws(Problem) -> Action {
        let start = try parameters.take("start").map { (text) throws(Problem) in try leaseID("start", text) }
        let limit = try parameters.take("limit").map { (text) throws(Problem) in
            try pageLimit("limit", parseDecimal(text), text)
        }
        return .read(.leases(from: start ?? LeaseID(1), limit: limit ?? 0), try consistency(&parameters), .leases)
    }

    static func revokeLease(_ name: ArraySlice<UInt8>, _ headers: RequestHeaders) throws(Problem) -> Action {
        try Conditions.none(headers)
        return .write(
            Proposal(
                idempotencyKey: try idempotencyKey(headers),
                command: .revokeLease(try leaseID("the lease in the path", name))),
            drawnLease: false)
    }
}
