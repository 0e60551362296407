extension Transaction: Codable {
    /// Reads `{"if":[…],"then":[…],"else":[…]}`.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        comparisons = try fields.decodeIfPresent([Comparison].self, forKey: "if") ?? []
        then = try fields.decodeIfPresent([Operation].self, forKey: "then") ?? []
        otherwise = try fields.decodeIfPresent([Operation].self, forKey: "else") ?? []
    }

    /// Writes `{"if":[…],"then":[…],"else":[…]}`.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Field.self)
        try fields.encode(comparisons, forKey: "if")
        try fields.encode(then, forKey: "then")
        try fields.encode(otherwise, forKey: "else")
    }
}

extension Transaction.Comparison: Codable {
    /// Reads `{"key":…,"target":…,"op":…,"value":…}`.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        key = try fields.bytes("key")
        relation = try fields.decode(Transaction.Relation.self, forKey: "op")
        let name = try fields.decode(String.self, forKey: "target")
        switch name {
        case "mod_revision": target = .modRevision(try fields.decode(UInt64.self, forKey: "value"))
        case "create_revision": target = .createRevision(try fields.decode(UInt64.self, forKey: "value"))
        case "version": target = .version(try fields.decode(UInt64.self, forKey: "value"))
        case "value": target = .value(try fields.bytes("value"))
        case "lease":
            let text = try fields.decode(String.self, forKey: "value")
            target = .lease(LeaseID(text))
        default:
            throw DecodingError.dataCorruptedError(
                forKey: "target", in: fields, debugDescription: "\(name) is not a target")
        }
    }

    /// Writes `{"key":…,"target":…,"op":…,"value":…}`.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Field.self)
        try fields.encode(key, named: "key")
        try fields.encode(relation, forKey: "op")
        switch target {
        case .modRevision(let number): try write("mod_revision", number, to: &fields)
        case .createRevision(let number): try write("create_revision", number, to: &fields)
        case .version(let number): try write("version", number, to: &fields)
        case .value(let bytes):
            try fields.encode("value", forKey: "target")
            try fields.encode(bytes, named: "value")
        case .lease(let id): try write("lease", (id ?? LeaseID(rawValue: 0)).description, to: &fields)
        }
    }

    private func write(
        _ target: String, _ value: some Encodable, to fields: inout KeyedEncodingContainer<Field>
    ) throws {
        try fields.encode(target, forKey: "target")
        try fields.encode(value, forKey: "value")
    }
}

extension Transaction.Operation: Codable {
    /// Reads `{"put":{…}}`, `{"get":{…}}` or `{"delete":{…}}`.
    public init(from decoder: any Decoder) throws {
        let outer = try decoder.container(keyedBy: Field.self)
        guard let name = ["put", "get", "delete"].first(where: { outer.contains(Field(stringValue: $0)) }) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "an operation is a put, a get or a delete"))
        }
        let fields = try outer.nestedContainer(keyedBy: Field.self, forKey: Field(stringValue: name))
        let prefix = try fields.bytesIfPresent("prefix")
        switch (name, prefix) {
        case ("put", _):
            self = .put(
                try fields.bytes("key"), try fields.bytes("value"),
                lease: try fields.decodeIfPresent(LeaseID.self, forKey: "lease"))
        case ("get", let prefix?):
            self = .getPrefix(prefix, limit: try fields.decodeIfPresent(Int.self, forKey: "limit"))
        case ("get", nil): self = .get(try fields.bytes("key"))
        case (_, let prefix?): self = .deletePrefix(prefix)
        case (_, nil): self = .delete(try fields.bytes("key"))
        }
    }

    /// Writes `{"put":{…}}`, `{"get":{…}}` or `{"delete":{…}}`.
    public func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: Field.self)
        var fields = outer.nestedContainer(keyedBy: Field.self, forKey: Field(stringValue: name))
        switch self {
        case .put(let key, let value, let lease):
            try fields.encode(key, named: "key")
            try fields.encode(value, named: "value")
            try fields.encodeIfPresent(lease, forKey: "lease")
        case .get(let key), .delete(let key): try fields.encode(key, named: "key")
        case .getPrefix(let prefix, let limit):
            try fields.encode(prefix, named: "prefix")
            try fields.encodeIfPresent(limit, forKey: "limit")
        case .deletePrefix(let prefix): try fields.encode(prefix, named: "prefix")
        }
    }

    private var name: String {
        switch self {
        case .put: "put"
        case .get, .getPrefix: "get"
        case .delete, .deletePrefix: "delete"
        }
    }
}
