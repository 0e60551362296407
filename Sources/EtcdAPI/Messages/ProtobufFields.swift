internal import NIOCore
internal import Primitives

/// What one field of a message carries.
enum ProtobufValue {
    case number(UInt64)
    /// Valid while the field is looked at.
    case bytes(UnsafeRawBufferPointer)
}

extension ByteBuffer {
    /// Hands over the readable bytes' fields as they come. Stops, and returns false, at what is no whole field of these two
    /// forms, and at a field that is not taken: then the message is one for SwiftProtobuf.
    func readProtobufFields(_ take: (_ number: UInt64, ProtobufValue) -> Bool) -> Bool {
        withUnsafeReadableBytes { bytes in
            var place = 0
            while place < bytes.count {
                guard let tag = varint(bytes, &place), let value = varint(bytes, &place) else { return false }
                switch tag & 7 {
                case 0:
                    guard take(tag >> 3, .number(value)) else { return false }
                case 2:
                    guard value <= UInt64(bytes.count - place) else { return false }
                    let end = place + Int(value)
                    guard take(tag >> 3, .bytes(UnsafeRawBufferPointer(rebasing: bytes[place..<end]))) else {
                        return false
                    }
                    place = end
                default: return false
                }
            }
            return true
        }
    }
}

/// A number of at most nine bytes or, as negative ones have, ten.
@inline(__always)
private func varint(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while place < bytes.count, shift < 64 {
        let byte = bytes[place]
        place += 1
        // The tenth byte has room for one bit.
        if shift == 63, byte > 1 { return nil }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
    }
    return nil
}
