/// Raw bytes: keys, values, encoded commands. Shared, not copied, when passed on.
package typealias Bytes = [UInt8]

/// Appends little-endian integers and length-prefixed bytes.
package struct ByteWriter: Sendable {
    package private(set) var bytes: Bytes

    package init(reserving capacity: Int = 64) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package mutating func write(_ value: UInt8) { bytes.append(value) }
    package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }
    package mutating func write(_ value: UInt32) { append(value.littleEndian) }
    package mutating func write(_ value: UInt64) { append(value.littleEndian) }
    package mutating func write(_ value: Int64) { append(value.littleEndian) }

    /// An unsigned LEB128 number: one byte below 128.
    package mutating func write(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// A varint length, then the bytes.
    package mutating func write(bytes value: Bytes) {
        write(varint: UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// A varint length, then the UTF-8 bytes.
    package mutating func write(string value: String) {
        let utf8 = value.utf8
        write(varint: UInt64(utf8.count))
        bytes.append(contentsOf: utf8)
    }

    /// The bytes alone, without a length.
    package mutating func write(raw value: Bytes) { bytes.append(contentsOf: value) }

    private mutating func append<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }
}

/// What ``ByteReader`` found wrong with its input.
package enum DecodingFailure: Error, Hashable, Sendable {
    /// The bytes end inside a value.
    case truncated
    /// A length or count above what the format allows; carries what is allowed.
    case tooLarge(limit: Int)
    /// A tag, enum case or number that the format does not have.
    case invalid(String)
    /// Bytes are left after the last value.
    case trailingBytes(Int)
}

/// Reads what ``ByteWriter`` wrote. Every method throws ``DecodingFailure`` instead of trapping, whatever the bytes.
package struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    /// How many values of a kind that contains itself are being read.
    private var depth = 0

    package init(_ bytes: Bytes) { self.init(bytes[...]) }
    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// How many bytes are not read yet.
    package var remaining: Int { bytes.endIndex - position }

    package mutating func readByte() throws(DecodingFailure) -> UInt8 {
        guard position < bytes.endIndex else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    package mutating func readBool() throws(DecodingFailure) -> Bool {
        switch try readByte() {
        case 0: false
        case 1: true
        case let other: throw .invalid("boolean \(other)")
        }
    }

    package mutating func readUInt32() throws(DecodingFailure) -> UInt32 { try readFixed() }
    package mutating func readUInt64() throws(DecodingFailure) -> UInt64 { try readFixed() }
    package mutating func readInt64() throws(DecodingFailure) -> Int64 { try readFixed() }

    package mutating func readVarint() throws(DecodingFailure) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try readByte()
            if shift == 63 && byte > 1 { throw .invalid("varint above 64 bits") }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return result }
            shift += 7
            if shift > 63 { throw .invalid("varint above 64 bits") }
        }
    }

    /// A varint that something counted up to: below ``Limits/counters``, so that counting on from it cannot overflow.
    package mutating func readCounter() throws(DecodingFailure) -> UInt64 {
        let count = try readVarint()
        guard count < Limits.counters else { throw .invalid("counter \(count)") }
        return count
    }

    /// A moment of cluster time, which begins at zero, below ``Limits/counters``.
    package mutating func readClusterTime() throws(DecodingFailure) -> ClusterTime {
        let time = try readInt64()
        guard time >= 0, time < Int64(Limits.counters) else { throw .invalid("cluster time \(time)") }
        return ClusterTime(nanoseconds: time)
    }

    /// A count of things that each take at least one byte, so that a lie about it cannot reserve memory.
    package mutating func readCount() throws(DecodingFailure) -> Int {
        let count = try readVarint()
        guard count <= UInt64(remaining) else { throw .truncated }
        return Int(count)
    }

    /// Length-prefixed bytes.
    package mutating func readBytes() throws(DecodingFailure) -> Bytes {
        let count = try readCount()
        let offset = position - bytes.startIndex
        position += count
        // Not by a slice, which would hold on to all bytes for the moment: other threads count who holds them, too.
        return bytes.withUnsafeBytes { bytes in
            Bytes(unsafeUninitializedCapacity: count) { memory, written in
                UnsafeMutableRawBufferPointer(memory).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
                written = count
            }
        }
    }

    package mutating func readString() throws(DecodingFailure) -> String {
        guard let string = String(validating: try readBytes(), as: UTF8.self) else { throw .invalid("UTF-8") }
        return string
    }

    /// A value that may contain its own kind begins; until ``ascend()`` it counts as one level. Throws
    /// ``DecodingFailure/tooLarge(limit:)`` above `limit`, so that no input can use up the stack.
    package mutating func descend(limit: Int) throws(DecodingFailure) {
        guard depth < limit else { throw .tooLarge(limit: limit) }
        depth += 1
    }

    package mutating func ascend() { depth -= 1 }

    /// Throws ``DecodingFailure/trailingBytes(_:)`` unless everything was read.
    package func expectEnd() throws(DecodingFailure) {
        if remaining > 0 { throw .trailingBytes(remaining) }
    }

    private mutating func readFixed<T: FixedWidthInteger>() throws(DecodingFailure) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { throw .truncated }
        let offset = position - bytes.startIndex
        position += size
        return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }
}
