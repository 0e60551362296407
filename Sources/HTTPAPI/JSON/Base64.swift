internal import NIOCore
internal import Primitives

private let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
private let padding = UInt8(ascii: "=")

extension ByteBuffer {
    /// The bytes in base64 with padding (RFC 4648 §4).
    mutating func writeBase64(_ bytes: Bytes) {
        let length = (bytes.count + 2) / 3 * 4
        writeWithUnsafeMutableBytes(minimumWritableBytes: length) { text in
            alphabet.withUnsafeBufferPointer { alphabet in
                bytes.withUnsafeBufferPointer { encodeBase64($0, alphabet, into: text) }
            }
            return length
        }
    }
}

/// Large values make this the most expensive part of an event, so it works on plain memory.
private func encodeBase64(
    _ bytes: UnsafeBufferPointer<UInt8>, _ alphabet: UnsafeBufferPointer<UInt8>,
    into text: UnsafeMutableRawBufferPointer
) {
    var position = 0
    var place = 0
    while position < bytes.count {
        let left = bytes.count - position
        let first = Int(bytes[position])
        let second = left > 1 ? Int(bytes[position + 1]) : 0
        let third = left > 2 ? Int(bytes[position + 2]) : 0
        text[place] = alphabet[first >> 2]
        text[place + 1] = alphabet[(first & 0x3) << 4 | second >> 4]
        text[place + 2] = left > 1 ? alphabet[(second & 0xF) << 2 | third >> 6] : padding
        text[place + 3] = left > 2 ? alphabet[third & 0x3F] : padding
        position += 3
        place += 4
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
