import FoundationEssentials

/// Raw bytes as keys and values are: any bytes at all, written as a string literal where they are text.
public struct ByteString: Hashable, Sendable {
    /// The bytes themselves.
    public var bytes: [UInt8]

    /// Wraps `bytes` as they are.
    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// The UTF-8 bytes of `text`.
    public init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

    /// The bytes as text, or `nil` when they are not valid UTF-8.
    public var text: String? { String(validating: bytes, as: UTF8.self) }

    /// How many bytes there are.
    public var count: Int { bytes.count }

    /// Whether there are none.
    public var isEmpty: Bool { bytes.isEmpty }

    /// The smallest byte string above this one: where the page after a page that ends here begins.
    public var successor: ByteString { ByteString(bytes + [0]) }
}

extension ByteString: ExpressibleByStringLiteral {
    /// The UTF-8 bytes of a literal.
    public init(stringLiteral value: String) { self.init(value) }
}

extension ByteString: Comparable {
    /// Byte order, the order of keys in the store.
    public static func < (a: ByteString, b: ByteString) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}

extension ByteString: CustomStringConvertible {
    /// The text, or `base64:…` for bytes that are not text.
    public var description: String { text ?? "base64:" + Data(bytes).base64EncodedString() }
}

extension ByteString {
    /// A path component of the URL: everything escaped that a URL parser could take for structure.
    var pathEscaped: String {
        var escaped = ""
        for (position, byte) in bytes.enumerated() {
            let plainSlash =
                byte == UInt8(ascii: "/") && position > 0 && position + 1 < bytes.count
                && bytes[position - 1] != byte && bytes[position + 1] != byte
            append(byte, to: &escaped, asIs: plainSlash || isUnreserved(byte) && byte != UInt8(ascii: "."))
        }
        return escaped
    }

    /// One segment of the path, whatever it contains.
    var segmentEscaped: String {
        var escaped = ""
        for byte in bytes { append(byte, to: &escaped, asIs: isUnreserved(byte) && byte != UInt8(ascii: ".")) }
        return escaped
    }

    /// A value of a query parameter.
    var queryEscaped: String {
        var escaped = ""
        for byte in bytes { append(byte, to: &escaped, asIs: isUnreserved(byte)) }
        return escaped
    }
}

/// RFC 3986 §2.3.
private func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        true
    default: false
    }
}

private func append(_ byte: UInt8, to escaped: inout String, asIs: Bool) {
    if asIs {
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
    } else {
        let digits = String(byte, radix: 16, uppercase: true)
        escaped += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
    }
}
