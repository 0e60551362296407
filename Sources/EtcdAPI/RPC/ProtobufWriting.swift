internal import KeyValue
internal import NIOCore
internal import Primitives

/// The few messages that are sent most, written without a detour. Fields and rules are those of the generated messages.
extension ByteBuffer {
    mutating func writeVarint(_ value: UInt64) {
        guard value >= 0x80 else {
            writeInteger(UInt8(truncatingIfNeeded: value))
            return
        }
        // Each write to the buffer has its price: ids have ten bytes.
        writeWithUnsafeMutableBytes(minimumWritableBytes: 10) { bytes in
            var rest = value
            var count = 0
            while rest >= 0x80 {
                bytes[count] = UInt8(truncatingIfNeeded: rest) | 0x80
                count += 1
                rest >>= 7
            }
            bytes[count] = UInt8(truncatingIfNeeded: rest)
            return count + 1
        }
    }

    /// A number that is left out when it is zero.
    mutating func writeField(_ number: UInt64, _ value: UInt64) {
        guard value != 0 else { return }
        writeVarint(number << 3)
        writeVarint(value)
    }

    /// Bytes that are left out when there are none.
    mutating func writeField(_ number: UInt64, _ bytes: Bytes) {
        guard !bytes.isEmpty else { return }
        writeVarint(number << 3 | 2)
        writeVarint(UInt64(bytes.count))
        writeBytes(bytes)
    }

    /// A message inside; its length is filled in when it is written.
    mutating func writeLengthDelimited(_ number: UInt64, _ content: (inout ByteBuffer) -> Void) {
        writeVarint(number << 3 | 2)
        let start = writerIndex
        // Most are short: one byte is set aside, and more are made room for when they are needed.
        writeInteger(UInt8(0))
        content(&self)
        let length = writerIndex - start - 1
        if length < 0x80 {
            setInteger(UInt8(length), at: start)
            return
        }
        var prefix = ByteBuffer()
        prefix.writeVarint(UInt64(length))
        let extra = prefix.readableBytes - 1
        writeRepeatingByte(0, count: extra)
        let place = start - readerIndex + 1
        withUnsafeMutableReadableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            (base + place + extra).copyMemory(from: base + place, byteCount: length)
        }
        setBuffer(prefix, at: start)
    }

    mutating func write(_ record: KeyRecord, withValue: Bool = true) {
        writeField(1, record.key)
        writeField(2, record.createRevision.rawValue)
        writeField(3, record.modRevision.rawValue)
        writeField(4, record.version)
        if withValue { writeField(5, record.value) }
        writeField(6, record.lease?.rawValue ?? 0)
    }

    mutating func write(_ event: Event, withPrevious: Bool) {
        let before: KeyRecord?
        switch event {
        case .put(let record, let previous):
            writeLengthDelimited(2) { $0.write(record) }
            before = previous
        case .delete(let key, let revision, _, let previous):
            writeField(1, 1)
            writeLengthDelimited(2) { buffer in
                buffer.writeField(1, key)
                buffer.writeField(3, revision.rawValue)
            }
            before = previous
        }
        if withPrevious, let before { writeLengthDelimited(3) { $0.write(before) } }
    }
}
