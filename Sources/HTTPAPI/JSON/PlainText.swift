internal import NIOCore

/// Text on its way into memory of a buffer that was made sure of before: what is written piece by piece into a `ByteBuffer` has
/// it look after its memory for each piece.
struct PlainText {
    private let memory: UnsafeMutableRawBufferPointer
    /// Bytes written.
    fileprivate private(set) var count = 0

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    private mutating func room(for bytes: Int) -> UnsafeMutableRawPointer {
        precondition(bytes <= memory.count - count, "a text is no longer than was said")
        defer { count += bytes }
        return memory.baseAddress.unsafelyUnwrapped + count
    }

    mutating func write(_ byte: UInt8) { room(for: 1).storeBytes(of: byte, as: UInt8.self) }

    mutating func write(_ text: StaticString) {
        room(for: text.utf8CodeUnitCount).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        room(for: bytes.count).copyMemory(from: start, byteCount: bytes.count)
    }

    /// The number in decimal digits.
    mutating func write(decimal value: UInt64) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var start = 20
            var rest = value
            while rest >= 100 {
                let pair = Int(truncatingIfNeeded: rest % 100) * 2
                rest /= 100
                start -= 2
                digits[start] = digitPairs.utf8Start[pair]
                digits[start + 1] = digitPairs.utf8Start[pair + 1]
            }
            let pair = Int(truncatingIfNeeded: rest) * 2
            start -= 1
            digits[start] = digitPairs.utf8Start[pair + 1]
            if rest >= 10 {
                start -= 1
                digits[start] = digitPairs.utf8Start[pair]
            }
            write(UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    /// The longest decimal number.
    static let digits = 20
}

extension ByteBuffer {
    /// Appends what `body` writes, which is `limit` bytes at most.
    mutating func writeText(atMost limit: Int, _ body: (inout PlainText) -> Void) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { memory in
            var text = PlainText(memory)
            body(&text)
            return text.count
        }
    }
}

/// 00 to 99.
private let digitPairs: StaticString = """
    0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
    5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
    """
