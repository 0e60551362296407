internal import NIOCore

/// The frames of HTTP/2 that a client of gRPC meets (RFC 9113 §6).
enum FrameKind {
    static let data: UInt8 = 0
    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let settings: UInt8 = 4
    static let ping: UInt8 = 6
    static let goAway: UInt8 = 7
    static let windowUpdate: UInt8 = 8
    static let continuation: UInt8 = 9
}

enum FrameFlags {
    static let endStream: UInt8 = 1
    static let acknowledgement: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let priority: UInt8 = 0x20
}

/// A frame as it came.
struct ReceivedFrame {
    var kind: UInt8
    var flags: UInt8
    var stream: UInt32
    var payload: ByteBuffer

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    /// The payload without padding and priority; `nil` when they do not fit into it.
    var content: ByteBuffer? {
        var content = payload
        if has(FrameFlags.padded) {
            guard let padding = content.readInteger(as: UInt8.self), Int(padding) <= content.readableBytes,
                let rest = content.readSlice(length: content.readableBytes - Int(padding))
            else { return nil }
            content = rest
        }
        if kind == FrameKind.headers, has(FrameFlags.priority) {
            guard content.readSlice(length: 5) != nil else { return nil }
        }
        return content
    }
}

extension ByteBuffer {
    /// The next frame; `nil` when more bytes are needed.
    mutating func readFrame() -> ReceivedFrame? {
        guard let first = getInteger(at: readerIndex, as: UInt32.self) else { return nil }
        let length = Int(first >> 8)
        guard readableBytes >= 9 + length, let flags = getInteger(at: readerIndex + 4, as: UInt8.self),
            let stream = getInteger(at: readerIndex + 5, as: UInt32.self)
        else { return nil }
        moveReaderIndex(forwardBy: 9)
        guard let payload = readSlice(length: length) else { return nil }
        return ReceivedFrame(
            kind: UInt8(truncatingIfNeeded: first), flags: flags, stream: stream & 0x7FFF_FFFF, payload: payload)
    }

    /// A frame's first nine bytes.
    mutating func writeFrameHead(_ kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, length: Int) {
        writeMultipleIntegers(UInt32(truncatingIfNeeded: length) << 8 | UInt32(kind), flags, stream)
    }

    mutating func writeWindowUpdate(stream: UInt32, by bytes: Int) {
        writeFrameHead(FrameKind.windowUpdate, stream: stream, length: 4)
        writeInteger(UInt32(bytes))
    }

    /// A client's first words: the preface, its settings, and a large window.
    mutating func writeHTTP2Greeting(streamWindow: Int, connectionWindow: Int) {
        writeStaticString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        writeFrameHead(FrameKind.settings, length: 12)
        // No pushes (2), and what a stream may receive (4).
        writeMultipleIntegers(UInt16(2), UInt32(0), UInt16(4), UInt32(streamWindow))
        writeWindowUpdate(stream: 0, by: connectionWindow - GRPCConnection.standardWindow)
    }
}
