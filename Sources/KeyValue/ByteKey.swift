internal import Primitives

/// A key in the byte order of the key space.
struct ByteKey: Comparable, Sendable {
    let bytes: Bytes

    init(_ bytes: Bytes) { self.bytes = bytes }

    static func == (a: ByteKey, b: ByteKey) -> Bool { a.bytes == b.bytes }

    static func < (a: ByteKey, b: ByteKey) -> Bool { a.bytes.precedes(b.bytes) }
}

extension Bytes {
    /// Byte order, eight bytes a step: what `lexicographicallyPrecedes` says, sooner.
    func precedes(_ other: Bytes) -> Bool {
        withUnsafeBytes { left in
            other.withUnsafeBytes { right in
                let shared = Swift.min(left.count, right.count)
                var offset = 0
                while offset + 8 <= shared {
                    let a = left.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    let b = right.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    if a != b { return a.bigEndian < b.bigEndian }
                    offset += 8
                }
                while offset < shared {
                    if left[offset] != right[offset] { return left[offset] < right[offset] }
                    offset += 1
                }
                return left.count < right.count
            }
        }
    }
}
