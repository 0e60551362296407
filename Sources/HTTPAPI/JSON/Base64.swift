internal import NIOCore
internal import Primitives

private let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
private let padding = UInt8(ascii: "=")

extension ByteBuffer {
    /// The bytes in base64 with padding (RFC 4648 §4).
    mutating func writeBase64(_ bytes: Bytes) {
        var position = 0
        while position < bytes.count {
            let left = bytes.count - position
            let group =
                UInt32(bytes[position]) << 16
                | (left > 1 ? UInt32(bytes[position + 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[position + 2]) : 0)
            writeInteger(alphabet[Int(group >> 18)])
            writeInteger(alphabet[Int(group >> 12 & 0x3F)])
            writeInteger(left > 1 ? alphabet[Int(group >> 6 & 0x3F)] : padding)
            writeInteger(left > 2 ? alphabet[Int(group & 0x3F)] : padding)
            position += 3
        }
    }
}

/// The bytes that padded base64 text stands for; `nil` for anything that ``NIOCore/ByteBuffer/writeBase64(_:)`` would
/// not have written, so that every byte string has exactly one text.
func decodeBase64(_ text: Bytes) -> Bytes? {
    guard text.count % 4 == 0 else { return nil }
    var content = text[...]
    while content.last == padding, text.count - content.count < 2 { content.removeLast() }
    var bytes: Bytes = []
    bytes.reserveCapacity(content.count * 3 / 4)
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for character in content {
        guard let value = base64Value(character) else { return nil }
        pending = (pending << 6 | UInt32(value)) & 0xFFFF
        bits += 6
        if bits >= 8 {
            bits -= 8
            bytes.append(UInt8(truncatingIfNeeded: pending >> bits))
        }
    }
    // Bits that belong to no byte must be zero.
    return bits < 6 && pending & (1 << bits - 1) == 0 ? bytes : nil
}

private func base64Value(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
}
