internal import NIOCore

/// The lower-case digit of a number below 16.
func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

/// Whether the byte is a decimal digit.
func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

/// The number a hexadecimal digit of either case stands for.
func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension ByteBuffer {
    /// The number in decimal digits, without going through a `String`.
    mutating func writeDecimal(_ value: UInt64) {
        writeText(atMost: PlainText.digits) { $0.write(decimal: value) }
    }

    /// The number in 16 hexadecimal digits.
    mutating func writeHexadecimal(_ value: UInt64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 16) { raw in
            for position in 0..<16 {
                raw[position] = hexadecimalDigit(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * position)) & 0xF)
            }
            return 16
        }
    }
}
