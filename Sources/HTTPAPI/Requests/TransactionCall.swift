import KeyValue
internal import Primitives

extension Call {
    /// `{"if":[…],"then":[…],"else":[…]}`
    static func transaction(_ headers: RequestHeaders, _ body: Bytes) throws(Problem) -> Action {
        try Conditions.none(headers)
        var fields = try JSONFields(body: body)
        let limit = Limits.transactionOperations
        let comparisons = try fields.takeArray("if", atMost: limit)
        let then = try fields.takeArray("then", atMost: limit)
        let otherwise = try fields.takeArray("else", atMost: limit)
        try fields.finish()
        let transaction = Transaction(
            comparisons: try parse(comparisons, "if", comparison),
            then: try parse(then, "then", operation),
            otherwise: try parse(otherwise, "else", operation))
        return .write(
            Proposal(idempotencyKey: try idempotencyKey(headers), command: .transaction(transaction)),
            drawnLease: false)
    }

    private static func parse<Element>(
        _ values: [JSONValue], _ name: String, _ element: (inout JSONFields) throws(Problem) -> Element
    ) throws(Problem) -> [Element] {
        var elements: [Element] = []
        elements.reserveCapacity(values.count)
        for (place, value) in values.enumerated() {
            var fields = try JSONFields(value, at: "\(name)[\(place)]")
            elements.append(try element(&fields))
            try fields.finish()
        }
        return elements
    }

    private static func requiredKey(_ fields: inout JSONFields) throws(Problem) -> Bytes {
        guard let bytes = try fields.takeBytes("key") else { throw fields.missing("key") }
        return try key(fields.name("key"), bytes)
    }
}

// MARK: - Comparisons

extension Call {
    private static func comparison(_ fields: inout JSONFields) throws(Problem) -> Transaction.Comparison {
        let key = try requiredKey(&fields)
        let target = try comparisonTarget(&fields)
        return Transaction.Comparison(key: key, target: target, relation: try relation(&fields))
    }

    private static func comparisonTarget(_ fields: inout JSONFields) throws(Problem) -> Transaction.Target {
        let allowed = "mod_revision, create_revision, version, value or lease"
        guard let name = try fields.takeString("target", allowed) else { throw fields.missing("target") }
        switch String(decoding: name, as: UTF8.self) {
        case "mod_revision": return .modRevision(try number(&fields))
        case "create_revision": return .createRevision(try number(&fields))
        case "version": return .version(try number(&fields))
        case "lease":
            guard let text = try fields.takeString("value", "a lease's id") else { throw fields.missing("value") }
            guard let lease = parseLease(text) else {
                throw .badRequest(
                    "\(fields.name("value")) is \(quoted(text)); it must be a lease's id, or 16 zeros for none")
            }
            return .lease(lease)
        case "value":
            guard let value = try fields.takeBytes("value") else { throw fields.missing("value") }
            return .value(value)
        default: throw .badRequest("\(fields.name("target")) is \(quoted(name)); it must be \(allowed)")
        }
    }

    private static func number(_ fields: inout JSONFields) throws(Problem) -> UInt64 {
        guard let value = try fields.takeInteger("value", "a whole number below 2^63") else {
            throw fields.missing("value")
        }
        return value
    }

    private static func relation(_ fields: inout JSONFields) throws(Problem) -> Transaction.Relation {
        guard let text = try fields.takeString("op", "==, !=, < or >") else { throw fields.missing("op") }
        switch String(decoding: text, as: UTF8.self) {
        case "==": return .equal
        case "!=": return .notEqual
        case "<": return .less
        case ">": return .greater
        default: throw .badRequest("\(fields.name("op")) is \(quoted(text)); it must be ==, !=, < or >")
        }
    }
}

// MARK: - Operations

extension Call {
    private static func operation(_ fields: inout JSONFields) throws(Problem) -> Transaction.Operation {
        let put = fields.take("put")
        let get = fields.take("get")
        let delete = fields.take("delete")
        switch (put, get, delete) {
        case (let value?, nil, nil): return .put(try parsed(value, fields.name("put"), putOperation))
        case (nil, let value?, nil): return .get(try parsed(value, fields.name("get"), getOperation))
        case (nil, nil, let value?): return .delete(try parsed(value, fields.name("delete"), selection))
        default: throw .badRequest("\(fields.path) must have exactly one of put, get and delete")
        }
    }

    private static func parsed<Element>(
        _ value: JSONValue, _ name: String, _ element: (inout JSONFields) throws(Problem) -> Element
    ) throws(Problem) -> Element {
        var fields = try JSONFields(value, at: name)
        let result = try element(&fields)
        try fields.finish()
        return result
    }

    private static func putOperation(_ fields: inout JSONFields) throws(Problem) -> Put {
        let key = try requiredKey(&fields)
        guard let value = try fields.takeBytes("value") else { throw fields.missing("value") }
        guard value.count <= Limits.valueBytes else {
            throw .tooLarge(
                "\(fields.name("value")) has \(value.count) bytes; at most \(Limits.valueBytes) are allowed")
        }
        let ttl = try leaseTTL(&fields)
        let lease = try fields.takeString("lease", "a lease's id")
        if ttl != nil && lease != nil {
            throw .badRequest("\(fields.name("ttl")) and \(fields.name("lease")) exclude each other")
        }
        if let ttl { return Put(key: key, value: value, lease: .new(drawLeaseID(), ttl: ttl)) }
        guard let lease else { return Put(key: key, value: value) }
        return Put(key: key, value: value, lease: .existing(try leaseID(fields.name("lease"), lease)))
    }

    private static func getOperation(_ fields: inout JSONFields) throws(Problem) -> RangeQuery {
        var query = RangeQuery(selection: try selection(&fields))
        if let limit = try fields.takeInteger("limit", "a whole number from 1 to \(Limits.rangePage)") {
            query.limit = try pageLimit(fields.name("limit"), limit, Array("\(limit)".utf8))
        }
        query.keysOnly = try fields.takeFlag("keys_only")
        query.countOnly = try fields.takeFlag("count_only")
        return query
    }

    /// `"key"` or `"prefix"`.
    private static func selection(_ fields: inout JSONFields) throws(Problem) -> KeySelection {
        let one = try fields.takeBytes("key")
        let prefix = try fields.takeBytes("prefix")
        switch (one, prefix) {
        case (let bytes?, nil): return .key(try key(fields.name("key"), bytes))
        case (nil, let bytes?): return .prefix(try keyPart(fields.name("prefix"), bytes))
        default: throw .badRequest("\(fields.path) must have exactly one of key and prefix")
        }
    }
}
