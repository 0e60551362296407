import FoundationEssentials

/// The name of a JSON member, written as a literal where it is used.
struct Field: CodingKey, ExpressibleByStringLiteral {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringLiteral value: String) { stringValue = value }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// JSON as the API speaks it.
enum JSON {
    static func decode<T: Decodable>(_ type: T.Type, from bytes: some Sequence<UInt8>) throws -> T {
        try JSONDecoder().decode(type, from: Data(bytes))
    }

    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}

extension KeyedDecodingContainer<Field> {
    /// Bytes, either as text under `name` or in base64 under `name_base64`; `nil` when neither is there.
    func bytesIfPresent(_ name: String) throws -> ByteString? {
        if let text = try decodeIfPresent(String.self, forKey: Field(stringValue: name)) { return ByteString(text) }
        let encoded = Field(stringValue: name + "_base64")
        guard let base64 = try decodeIfPresent(String.self, forKey: encoded) else { return nil }
        guard let data = Data(base64Encoded: base64) else {
            throw DecodingError.dataCorruptedError(forKey: encoded, in: self, debugDescription: "not base64")
        }
        return ByteString(data)
    }

    func bytes(_ name: String) throws -> ByteString {
        guard let bytes = try bytesIfPresent(name) else {
            throw DecodingError.keyNotFound(
                Field(stringValue: name), .init(codingPath: codingPath, debugDescription: "no \(name)"))
        }
        return bytes
    }
}

extension KeyedEncodingContainer<Field> {
    mutating func encode(_ bytes: ByteString, named name: String) throws {
        if let text = bytes.text {
            try encode(text, forKey: Field(stringValue: name))
        } else {
            try encode(Data(bytes.bytes).base64EncodedString(), forKey: Field(stringValue: name + "_base64"))
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// As the API's parameters write durations.
    var parameter: String { "\(milliseconds)ms" }
}
