import KeyValue
internal import NIOCore
internal import Primitives
import ReplicaCore

/// Bytes of an event stream, framed as one chunk (RFC 9112 §7.1), so that a stream writes them as they are.
struct StreamPiece {
    /// Eight digits, a line end, the events, a line end.
    let chunk: ByteBuffer

    /// Digits of a chunk's size; leading zeros are allowed, and let the size be filled in last.
    private static let sizeDigits = 8

    /// Frames what `content` writes.
    init(capacity: Int = 256, _ content: (inout ByteBuffer) -> Void) {
        var buffer = ByteBufferAllocator().buffer(capacity: capacity)
        buffer.writeStaticString("00000000\r\n")
        content(&buffer)
        let size = buffer.writerIndex - Self.sizeDigits - 2
        for place in 0..<Self.sizeDigits {
            let digit = UInt8(truncatingIfNeeded: size >> (4 * (Self.sizeDigits - 1 - place))) & 0xF
            buffer.setInteger(hexadecimalDigit(digit), at: place)
        }
        buffer.writeStaticString("\r\n")
        chunk = buffer
    }

    /// What goes to the client: framed for HTTP/1.1, the plain events for HTTP/1.0.
    func bytes(chunked: Bool) -> ByteBuffer {
        if chunked { return chunk }
        let start = Self.sizeDigits + 2
        return chunk.getSlice(at: start, length: chunk.readableBytes - start - 2) ?? ByteBuffer()
    }
}

/// Encodes a batch of events once for all streams that get it: two thousand watchers cost one encoding and two thousand
/// writes of the same memory. Confined to one event loop.
final class BatchEncoder {
    private struct Encoded {
        /// Held, so that its identity cannot pass to another batch.
        var batch: WatchBatch
        var showsPrevious: Bool
        var piece: StreamPiece
    }

    /// The encodings of this turn of the loop. A few, because watches of different keys may come interleaved.
    private var recent: [Encoded] = []
    private var nextPlace = 0
    private static let capacity = 8
    /// How many batches were encoded, for tests and metrics.
    private(set) var encodings: UInt64 = 0

    func piece(_ batch: WatchBatch, showsPrevious: Bool) -> StreamPiece {
        for entry in recent where entry.batch === batch && entry.showsPrevious == showsPrevious { return entry.piece }
        encodings += 1
        let piece = StreamPiece { buffer in
            for revision in batch.revisions { buffer.writeEvents(revision, showsPrevious: showsPrevious) }
            for event in batch.elections { buffer.write(event) }
        }
        let entry = Encoded(batch: batch, showsPrevious: showsPrevious, piece: piece)
        if recent.count < Self.capacity {
            recent.append(entry)
        } else {
            recent[nextPlace] = entry
            nextPlace = (nextPlace + 1) % Self.capacity
        }
        return piece
    }

    /// Lets go of the memory; the events of this turn have been handed out.
    func forget() {
        recent.removeAll(keepingCapacity: true)
        nextPlace = 0
    }
}
