internal import HTTPAPI
internal import Primitives

/// The value of a field of an object in JSON.
enum GatewayValue {
    /// A text without escapes; valid while the field is looked at.
    case text(UnsafeRawBufferPointer)
    case number(Int64)
    case flag(Bool)

    /// A 64-bit number, which may be written either way.
    var integer: Int64? {
        switch self {
        case .number(let number): number
        case .text(let text): parseInteger(text)
        case .flag: nil
        }
    }

    /// Bytes, as base64.
    var bytes: Bytes? { if case .text(let text) = self { decodeBase64(text) } else { nil } }

    var flag: Bool? { if case .flag(let flag) = self { flag } else { nil } }
}

/// Hands over the fields of a flat object. Stops, and returns false, at anything else, and at a field that is not taken: then
/// the message is one for SwiftProtobuf.
func readGatewayFields(_ json: Bytes, _ take: (_ name: UnsafeRawBufferPointer, GatewayValue) -> Bool) -> Bool {
    json.withUnsafeBytes { bytes in
        var scanner = FlatScanner(bytes: bytes)
        guard scanner.skip(UInt8(ascii: "{")) else { return false }
        if scanner.skip(UInt8(ascii: "}")) { return scanner.isAtEnd }
        repeat {
            guard let name = scanner.text(), scanner.skip(UInt8(ascii: ":")), let value = scanner.value(),
                take(name, value)
            else { return false }
        } while scanner.skip(UInt8(ascii: ","))
        return scanner.skip(UInt8(ascii: "}")) && scanner.isAtEnd
    }
}

extension UnsafeRawBufferPointer {
    static func == (bytes: UnsafeRawBufferPointer, name: StaticString) -> Bool {
        guard bytes.count == name.utf8CodeUnitCount else { return false }
        for place in bytes.indices where bytes[place] != name.utf8Start[place] { return false }
        return true
    }
}

private struct FlatScanner {
    let bytes: UnsafeRawBufferPointer
    private var place = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func skipSpace() {
        while place < bytes.count, bytes[place].isJSONSpace { place += 1 }
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return place == bytes.count
        }
    }

    mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard place < bytes.count, bytes[place] == byte else { return false }
        place += 1
        return true
    }

    /// A text of printable ASCII without escapes.
    mutating func text() -> UnsafeRawBufferPointer? {
        guard skip(UInt8(ascii: "\"")) else { return nil }
        let start = place
        while place < bytes.count {
            if bytes.count - place >= 8, isPlain(bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)) {
                place += 8
                continue
            }
            let byte = bytes[place]
            if byte == UInt8(ascii: "\"") {
                place += 1
                return UnsafeRawBufferPointer(rebasing: bytes[start..<(place - 1)])
            }
            guard (0x20...0x7E).contains(byte), byte != UInt8(ascii: "\\") else { return nil }
            place += 1
        }
        return nil
    }

    /// Whether eight bytes are all printable ASCII, and none a quotation mark or a backslash: then no byte of what is combined
    /// here has its highest bit set.
    private func isPlain(_ eight: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let isControl = eight &- ones &* 0x20
        let isDelete = eight &+ ones
        let isQuote = (eight ^ ones &* UInt64(UInt8(ascii: "\""))) &- ones
        let isBackslash = (eight ^ ones &* UInt64(UInt8(ascii: "\\"))) &- ones
        return (eight | isControl | isDelete | isQuote | isBackslash) & (ones &* 0x80) == 0
    }

    mutating func value() -> GatewayValue? {
        skipSpace()
        guard place < bytes.count else { return nil }
        if bytes[place] == UInt8(ascii: "\"") { return text().map { .text($0) } }
        let start = place
        while place < bytes.count, isWordByte(bytes[place]) { place += 1 }
        let word = UnsafeRawBufferPointer(rebasing: bytes[start..<place])
        if word == "true" { return .flag(true) }
        if word == "false" { return .flag(false) }
        return parseInteger(word).map { .number($0) }
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// Up to 18 digits without zeros in front, perhaps with a sign.
private func parseInteger(_ text: UnsafeRawBufferPointer) -> Int64? {
    let isNegative = text.first == UInt8(ascii: "-")
    let digits = isNegative ? UnsafeRawBufferPointer(rebasing: text[1...]) : text
    guard let first = digits.first, digits.count <= 18, first != UInt8(ascii: "0") || (digits.count == 1 && !isNegative)
    else { return nil }
    var value: Int64 = 0
    for digit in digits {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
        value = value * 10 + Int64(digit - UInt8(ascii: "0"))
    }
    return isNegative ? -value : value
}
