internal import Primitives

/// A key in the byte order of the key space.
struct ByteKey: OrderedKey {
    let bytes: Bytes

    init(_ bytes: Bytes) { self.bytes = bytes }

    static func == (a: ByteKey, b: ByteKey) -> Bool {
        a.bytes.count == b.bytes.count && a.bytes.shared(with: b.bytes) == a.bytes.count
    }

    static func < (a: ByteKey, b: ByteKey) -> Bool { a.bytes.precedes(b.bytes) }

    func shared(with other: ByteKey) -> Int { bytes.shared(with: other.bytes) }

    /// Bytes that are not there count as zeros: they come first, or are equal.
    func fragment(from offset: Int) -> UInt64 {
        bytes.withUnsafeBytes { bytes in
            if offset + 8 <= bytes.count {
                return UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            guard offset < bytes.count else { return 0 }
            if bytes.count >= 8 {
                // The last eight, of which some were before the offset.
                let last = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self))
                return last << UInt64((offset + 8 - bytes.count) * 8)
            }
            var fragment: UInt64 = 0
            for place in offset..<(offset + 8) {
                fragment = fragment << 8 | (place < bytes.count ? UInt64(bytes[place]) : 0)
            }
            return fragment
        }
    }
}

extension Bytes {
    /// Byte order: what `lexicographicallyPrecedes` says, sooner.
    func precedes(_ other: Bytes) -> Bool {
        let common = shared(with: other)
        guard common < count, common < other.count else { return count < other.count }
        return self[common] < other[common]
    }

    /// How many bytes at the beginning are the same, looked at eight at a time.
    func shared(with other: Bytes) -> Int {
        withUnsafeBytes { left in
            other.withUnsafeBytes { right in
                let end = Swift.min(left.count, right.count)
                var offset = 0
                while offset + 8 <= end {
                    let a = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    let b = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    if a != b { return offset + (a ^ b).littleEndian.trailingZeroBitCount / 8 }
                    offset += 8
                }
                while offset < end, left[offset] == right[offset] { offset += 1 }
                return offset
            }
        }
    }
}
