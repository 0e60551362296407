import Foundation
internal import KeyValue
internal import NIOCore
internal import Primitives
internal import ReplicaCore

/// A `WatchResponse`. Its events are encoded once for all who get them.
struct WatchReply: RPCMessage {
    var header: Etcdserverpb_ResponseHeader
    var watchID: Int64
    var isCreated = false
    var isCancelled = false
    var isFragment = false
    var compactRevision: Revision?
    var reason = ""
    var events: EncodedEvents?

    init(header: Etcdserverpb_ResponseHeader, watchID: Int64) {
        self.header = header
        self.watchID = watchID
    }

    private var message: Etcdserverpb_WatchResponse {
        var message = Etcdserverpb_WatchResponse()
        message.header = header
        message.watchID = watchID
        message.created = isCreated
        message.canceled = isCancelled
        message.fragment = isFragment
        message.compactRevision = compactRevision.map { Int64(clamping: $0.rawValue) } ?? 0
        message.cancelReason = reason
        return message
    }

    /// The fields of a message may follow each other in pieces.
    func writeProtobuf(into buffer: inout ByteBuffer) throws {
        let bytes: [UInt8] = try message.serializedBytes()
        buffer.writeBytes(bytes)
        if let events { buffer.writeImmutableBuffer(events.protobuf) }
    }

    func json() throws -> ByteBuffer {
        var message = message
        if let events { message.events = events.messages }
        return try GatewayJSON.encode(message)
    }
}

/// Which events a watch is told, and with what.
struct EventSelection: Hashable {
    var puts: Bool
    var deletes: Bool
    /// Whether each carries what it replaced.
    var previous: Bool
}

/// Some events of a batch, and their bytes as field 11 of a `WatchResponse`.
final class EncodedEvents {
    private let events: [Event]
    private let selection: EventSelection
    /// Where each event's bytes end.
    private let ends: [Int]
    let protobuf: ByteBuffer

    var count: Int { events.count }

    init(_ events: [Event], _ selection: EventSelection) {
        self.events = events
        self.selection = selection
        var buffer = ByteBufferAllocator().buffer(capacity: 64 * events.count)
        ends = events.map { event in
            buffer.writeLengthDelimited(11) { $0.write(event, withPrevious: selection.previous) }
            return buffer.writerIndex
        }
        protobuf = buffer
    }

    private init(_ whole: EncodedEvents, _ range: Range<Int>) {
        events = Array(whole.events[range])
        selection = whole.selection
        let start = range.lowerBound == 0 ? 0 : whole.ends[range.lowerBound - 1]
        let end = whole.ends[range.upperBound - 1]
        ends = whole.ends[range].map { $0 - start }
        protobuf = whole.protobuf.getSlice(at: start, length: end - start) ?? ByteBuffer()
    }

    /// Parts of at most so many bytes, or one event's more.
    func fragments(of limit: Int) -> [EncodedEvents] {
        guard protobuf.readableBytes > limit else { return [self] }
        var parts: [EncodedEvents] = []
        var first = 0
        for place in events.indices {
            let start = first == 0 ? 0 : ends[first - 1]
            if ends[place] - start > limit, place > first {
                parts.append(EncodedEvents(self, first..<place))
                first = place
            }
        }
        parts.append(EncodedEvents(self, first..<events.count))
        return parts
    }

    var messages: [Mvccpb_Event] {
        events.map { event in
            var message = Mvccpb_Event()
            switch event {
            case .put(let record, let previous):
                message.kv = record.message
                if selection.previous, let previous { message.prevKv = previous.message }
            case .delete(let key, let revision, _, let previous):
                message.type = .delete
                message.kv.key = Data(key)
                message.kv.modRevision = Int64(clamping: revision.rawValue)
                if selection.previous, let previous { message.prevKv = previous.message }
            }
            return message
        }
    }
}

/// Encodes a batch of events once for all watches of a loop that get it. Confined to that loop.
final class EventEncoder {
    private struct Entry {
        /// Held, so that its identity cannot pass to another batch.
        var batch: WatchBatch
        var selection: EventSelection
        var events: EncodedEvents
    }

    /// A few, because watches of different keys come interleaved.
    private var recent: [Entry] = []
    private var nextPlace = 0
    private static let capacity = 4
    /// Larger ones are not kept: memory that one watch needed once.
    private static let keptBytes = 64 * 1024
    /// How many batches were encoded, for tests.
    private(set) var encodings = 0

    func encoded(_ batch: WatchBatch, _ selection: EventSelection) -> EncodedEvents {
        for entry in recent where entry.batch === batch && entry.selection == selection { return entry.events }
        encodings += 1
        let events = batch.revisions.flatMap { $0.events.filter(selection.contains) }
        let encoded = EncodedEvents(events, selection)
        guard encoded.protobuf.readableBytes <= Self.keptBytes else { return encoded }
        let entry = Entry(batch: batch, selection: selection, events: encoded)
        if recent.count < Self.capacity {
            recent.append(entry)
        } else {
            recent[nextPlace] = entry
            nextPlace = (nextPlace + 1) % Self.capacity
        }
        return encoded
    }
}

extension EventSelection {
    fileprivate func contains(_ event: Event) -> Bool {
        switch event {
        case .put: puts
        case .delete: deletes
        }
    }
}
