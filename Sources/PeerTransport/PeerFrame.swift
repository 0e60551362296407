internal import CChecksum
internal import NIOCore
internal import Primitives

/// What travels between nodes: whose life of which node sent it, and a body this module does not look into.
///
/// On the wire, little-endian: `UInt32` bytes that follow, `UInt32` CRC-32C of those after it, `UInt64` cluster,
/// `UInt64` incarnation, `UInt64` sender, body.
struct PeerFrame: Hashable {
    /// The sender's side of every frame it sends.
    struct Origin: Hashable {
        var cluster: ClusterID
        var incarnation: Incarnation
        var node: NodeID
    }

    var origin: Origin
    var body: Bytes

    /// Bytes before the checksum, and before the body.
    static let lengthBytes = 4
    static let headerBytes = lengthBytes + 4 + 3 * 8
}

/// What is wrong with received bytes; the connection they came on is closed.
enum PeerFrameError: Error, Hashable, CustomStringConvertible {
    case length(Int, limit: Int)
    case checksum

    var description: String {
        switch self {
        case .length(let length, let limit): "a frame claims \(length) bytes, at most \(limit) are allowed"
        case .checksum: "a frame differs from its checksum"
        }
    }
}

extension ByteBuffer {
    /// Appends one frame.
    mutating func writeFrame(_ body: Bytes, from origin: PeerFrame.Origin) {
        let start = writerIndex
        reserveCapacity(minimumWritableBytes: PeerFrame.headerBytes + body.count)
        writeInteger(UInt32(PeerFrame.headerBytes - PeerFrame.lengthBytes + body.count), endianness: .little)
        writeInteger(UInt32(0), endianness: .little)
        writeInteger(origin.cluster.rawValue, endianness: .little)
        writeInteger(origin.incarnation.rawValue, endianness: .little)
        writeInteger(origin.node.rawValue, endianness: .little)
        writeBytes(body)
        let checksum = frameChecksum(at: start + 8, bytes: writerIndex - start - 8)
        setInteger(checksum, at: start + 4, endianness: .little)
    }

    fileprivate func frameChecksum(at start: Int, bytes: Int) -> UInt32 {
        withUnsafeReadableBytes {
            processorsCRC32C(UnsafeRawBufferPointer(rebasing: $0[(start - readerIndex)...].prefix(bytes)))
        }
    }
}

/// CRC-32C by the processor where it can, else by the tables.
func processorsCRC32C(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    processorHasCRC ? conclave_crc32c(bytes.baseAddress, bytes.count) : crc32c(bytes)
}

private let processorHasCRC = conclave_has_crc32c()

/// Cuts a connection's bytes into frames. A length is checked before anything is kept for it; the first frame, by
/// which the sender introduces itself, has to be small.
struct PeerFrameDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = PeerFrame

    private var limit = Limits.helloBytes

    mutating func decode(buffer: inout ByteBuffer) throws -> PeerFrame? {
        guard let claimed = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: UInt32.self) else {
            return nil
        }
        let length = Int(claimed)
        guard length <= limit, length >= PeerFrame.headerBytes - PeerFrame.lengthBytes else {
            throw PeerFrameError.length(length, limit: limit)
        }
        guard var content = buffer.readSlice(frameOf: length) else { return nil }
        limit = Limits.frameBytes
        return try Self.frame(&content)
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> PeerFrame? {
        if let frame = try decode(buffer: &buffer) { return frame }
        // What an ended connection leaves half sent is no error.
        buffer.moveReaderIndex(to: buffer.writerIndex)
        return nil
    }

    /// From the bytes after the length.
    private static func frame(_ content: inout ByteBuffer) throws -> PeerFrame {
        let sum = content.readInteger(endianness: .little, as: UInt32.self)
        let isWhole = sum == content.frameChecksum(at: content.readerIndex, bytes: content.readableBytes)
        guard isWhole, let ids = content.readMultipleIntegers(endianness: .little, as: (UInt64, UInt64, UInt64).self)
        else { throw PeerFrameError.checksum }
        let origin = PeerFrame.Origin(
            cluster: ClusterID(rawValue: ids.0), incarnation: Incarnation(ids.1), node: NodeID(ids.2))
        return PeerFrame(origin: origin, body: Bytes(content.readableBytesView))
    }
}

extension ByteBuffer {
    /// The `length` bytes after a frame's length field, once they are all there.
    fileprivate mutating func readSlice(frameOf length: Int) -> ByteBuffer? {
        guard readableBytes >= PeerFrame.lengthBytes + length else { return nil }
        moveReaderIndex(forwardBy: PeerFrame.lengthBytes)
        return readSlice(length: length)
    }
}
