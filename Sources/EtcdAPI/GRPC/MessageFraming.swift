internal import NIOCore
internal import Primitives

/// Puts the messages of one direction of a call together from pieces of any size: a flag, a length, the message.
struct MessageDeframer {
    /// Bytes of a message at most.
    let limit: Int
    private var pending = ByteBuffer()

    init(limit: Int = Limits.bodyBytes) { self.limit = limit }

    /// Bytes of a message that is not complete.
    var pendingBytes: Int { pending.readableBytes }

    mutating func append(_ bytes: inout ByteBuffer) {
        if pending.readableBytes == 0 { pending = bytes } else { pending.writeBuffer(&bytes) }
    }

    /// The next complete message; `nil` when more bytes are needed. Throws what the call ends with: nothing after it can be
    /// told apart.
    mutating func next() throws(RPCStatus) -> ByteBuffer? {
        guard
            let flag = pending.getInteger(at: pending.readerIndex, as: UInt8.self),
            let length = pending.getInteger(at: pending.readerIndex + 1, as: UInt32.self)
        else { return nil }
        switch flag {
        case 0: break
        case 1: throw RPCStatus(.unimplemented, "grpc: messages are compressed; only identity is understood")
        default: throw RPCStatus(.internalError, "grpc: a message begins with \(flag); 0 or 1 is allowed")
        }
        guard length <= UInt32(clamping: limit) else {
            throw RPCStatus(.resourceExhausted, "grpc: received message larger than max (\(length) vs. \(limit))")
        }
        guard pending.readableBytes >= Int(length) + messagePrefixBytes else { return nil }
        pending.moveReaderIndex(forwardBy: messagePrefixBytes)
        return pending.readSlice(length: Int(length))
    }
}

/// Flag and length before every message.
let messagePrefixBytes = 5

extension RPCMessage {
    /// Appends the message with its flag and length.
    func writeFramed(into buffer: inout ByteBuffer) throws {
        let start = buffer.writerIndex
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt32(0))
        try writeProtobuf(into: &buffer)
        buffer.setInteger(UInt32(buffer.writerIndex - start - messagePrefixBytes), at: start + 1)
    }
}
