/// Base64 with padding (RFC 4648 §4), as etcd's JSON gateway carries keys and values.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ text: String) -> String {
        var text = text
        return text.withUTF8 { encode($0) }
    }

    private static func encode(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { out in
            var written = 0
            var at = 0
            while at < bytes.count {
                let left = min(3, bytes.count - at)
                var word = UInt32(bytes[at]) << 16
                if left > 1 { word |= UInt32(bytes[at + 1]) << 8 }
                if left > 2 { word |= UInt32(bytes[at + 2]) }
                for digit in 0..<4 {
                    let padding = digit > left
                    out[written] = padding ? UInt8(ascii: "=") : alphabet[Int(word >> (18 - 6 * UInt32(digit))) & 63]
                    written += 1
                }
                at += 3
            }
            return written
        }
    }
}
