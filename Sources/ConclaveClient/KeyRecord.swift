/// A key as it is stored: its value, its revisions and the lease it hangs on.
///
/// Its JSON is that of the API: `key` and `value` as text, or `key_base64` and `value_base64` for other bytes.
public struct KeyRecord: Hashable, Sendable {
    /// The key.
    public var key: ByteString
    /// The value; empty where only keys were asked for.
    public var value: ByteString
    /// The revision at which the key came into being.
    public var createRevision: UInt64
    /// The revision of the last write; what `If-Match` compares.
    public var modRevision: UInt64
    /// 1 on creation, one more for each write since.
    public var version: UInt64
    /// The lease whose end takes the key along.
    public var lease: LeaseID?

    /// A record as a node would tell it.
    public init(
        key: ByteString, value: ByteString, createRevision: UInt64, modRevision: UInt64, version: UInt64,
        lease: LeaseID? = nil
    ) {
        self.key = key
        self.value = value
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.version = version
        self.lease = lease
    }
}

extension KeyRecord: Codable {
    /// Reads the API's JSON.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        key = try fields.bytes("key")
        value = try fields.bytesIfPresent("value") ?? ""
        createRevision = try fields.decode(UInt64.self, forKey: "create_revision")
        modRevision = try fields.decode(UInt64.self, forKey: "mod_revision")
        version = try fields.decode(UInt64.self, forKey: "version")
        lease = try fields.decodeIfPresent(LeaseID.self, forKey: "lease")
    }

    /// Writes the API's JSON.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Field.self)
        try fields.encode(key, named: "key")
        try fields.encode(value, named: "value")
        try fields.encode(createRevision, forKey: "create_revision")
        try fields.encode(modRevision, forKey: "mod_revision")
        try fields.encode(version, forKey: "version")
        try fields.encodeIfPresent(lease, forKey: "lease")
    }
}

/// A lease's id: 16 hex digits.
public struct LeaseID: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The number; never 0.
    public let rawValue: UInt64

    /// The id with this number.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Reads up to 16 hex digits; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        guard (1...16).contains(text.utf8.count), text.first != "+", text.first != "-",
            let number = UInt64(text, radix: 16), number != 0
        else { return nil }
        rawValue = number
    }

    /// Reads the API's JSON, a string.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = LeaseID(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "\(text) is not a lease id"))
        }
        self = id
    }

    /// Writes the API's JSON, a string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// The 16 hex digits.
    public var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
