internal import NIOCore
package import Primitives

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
func decodeBase64(_ text: Bytes) -> Bytes? { text.withUnsafeBytes { decodeBase64($0) } }

/// As ``decodeBase64(_:)-(Bytes)``, of memory that holds the text.
package func decodeBase64(_ text: UnsafeRawBufferPointer) -> Bytes? {
    guard text.count % 4 == 0 else { return nil }
    var length = text.count
    while length > 0, text[length - 1] == padding, text.count - length < 2 { length -= 1 }
    let size = length * 3 / 4
    var isValid = true
    let bytes = Bytes(unsafeUninitializedCapacity: size) { bytes, count in
        count = size
        isValid = values.withUnsafeBufferPointer {
            decodeBase64(UnsafeRawBufferPointer(rebasing: text[..<length]), $0, into: bytes)
        }
    }
    return isValid ? bytes : nil
}

/// Whether all of `text` is digits of base64, and the bits that belong to no byte are zero.
private func decodeBase64(
    _ text: UnsafeRawBufferPointer, _ values: UnsafeBufferPointer<UInt8>,
    into bytes: UnsafeMutableBufferPointer<UInt8>
) -> Bool {
    let length = text.count
    var position = 0
    var place = 0
    if text.count >= 4, let text = text.baseAddress, let bytes = bytes.baseAddress, let values = values.baseAddress {
        let end = length - 3
        while position < end {
            let four = text.loadUnaligned(fromByteOffset: position, as: UInt32.self).littleEndian
            let first = values[Int(four & 0xFF)]
            let second = values[Int(four >> 8 & 0xFF)]
            let third = values[Int(four >> 16 & 0xFF)]
            let fourth = values[Int(four >> 24)]
            guard first | second | third | fourth < 64 else { return false }
            bytes[place] = first &<< 2 | second &>> 4
            bytes[place &+ 1] = second &<< 4 | third &>> 2
            bytes[place &+ 2] = third &<< 6 | fourth
            position &+= 4
            place &+= 3
        }
    }
    var pending: UInt32 = 0
    var bits: UInt32 = 0
    for character in text[position...] {
        let value = values[Int(character)]
        guard value < 64 else { return false }
        pending = pending << 6 | UInt32(value)
        bits += 6
        if bits >= 8 {
            bits -= 8
            bytes[place] = UInt8(truncatingIfNeeded: pending >> bits)
            place += 1
        }
    }
    return bits < 6 && pending & (1 << bits - 1) == 0
}

/// What each character stands for; 255 for one that is no digit of base64.
private let values = {
    var values = [UInt8](repeating: 255, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
}()
