internal import Primitives

extension StaticString {
    /// Whether these are exactly the bytes.
    package func equals(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.count == utf8CodeUnitCount else { return false }
        return bytes.withUnsafeBufferPointer { bytes in bytes.indices.allSatisfy { bytes[$0] == utf8Start[$0] } }
    }
}

extension ArraySlice<UInt8> {
    /// What follows `prefix`; `nil` when the bytes do not begin with it.
    package func dropping(prefix: StaticString) -> ArraySlice<UInt8>? {
        let count = prefix.utf8CodeUnitCount
        guard self.count >= count, prefix.equals(self[startIndex..<startIndex + count]) else { return nil }
        return self[(startIndex + count)...]
    }
}

/// A request's target, split but not yet decoded.
struct RequestTarget {
    let path: ArraySlice<UInt8>
    /// What follows the first `?`; empty when there is none.
    let query: ArraySlice<UInt8>

    init(uri: String) throws(Problem) {
        let bytes = Array(uri.utf8)
        // The HTTP parser turns other bytes into text by guessing; a key must not depend on that.
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .badRequest("the request's target has bytes outside printable ASCII; write them as %XX")
        }
        var target = bytes[...]
        if target.first != UInt8(ascii: "/"),
            let absolute = target.dropping(prefix: "http://") ?? target.dropping(prefix: "https://")
        {
            target = absolute[(absolute.firstIndex(of: UInt8(ascii: "/")) ?? absolute.endIndex)...]
        }
        let end = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        path = target[..<end]
        query = end < target.endIndex ? target[(end + 1)...] : []
    }
}

/// The bytes that percent-encoded text stands for (RFC 3986 §2.1); `nil` when a `%` is not followed by two digits.
/// A `+` is a plus.
func percentDecoded(_ text: ArraySlice<UInt8>) -> Bytes? {
    guard text.contains(UInt8(ascii: "%")) else { return Bytes(text) }
    var bytes: Bytes = []
    bytes.reserveCapacity(text.count)
    var position = text.startIndex
    while position < text.endIndex {
        guard text[position] == UInt8(ascii: "%") else {
            bytes.append(text[position])
            position += 1
            continue
        }
        guard position + 2 < text.endIndex, let high = hexadecimalValue(text[position + 1]),
            let low = hexadecimalValue(text[position + 2])
        else { return nil }
        bytes.append(high << 4 | low)
        position += 3
    }
    return bytes
}
