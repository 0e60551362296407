internal import KeyValue
package import Consensus
package import Primitives

/// Everything one node says to another.
package enum PeerMessage: Hashable, Sendable {
    case consensus(Message)
    /// Writes and renewals that a follower's clients asked for, handed to the leader.
    case forward(Forward)
    /// A forward the sender did not take; nothing of it was appended.
    case forwardRefused(ForwardRefused)
    /// What the sender tells of itself, for people to read.
    case report(MemberReport)
}

/// A follower's batch for the leader of `term`.
package struct Forward: Hashable, Sendable {
    package var term: Term
    package var items: [Item]

    package struct Item: Hashable, Sendable {
        package var origin: Origin
        package var content: Content
    }

    package enum Content: Hashable, Sendable {
        /// A ``KeyValue/Proposal``, encoded.
        case proposal(Bytes)
        case renewal([LeaseID])
    }
}

package struct ForwardRefused: Hashable, Sendable {
    package var term: Term
    package var origins: [Origin]
    package var reason: Reason

    package enum Reason: UInt8, Hashable, Sendable {
        /// The sender does not lead (any more).
        case notLeading
        /// Too much waits at the leader.
        case overloaded
        /// The leader's disk is nearly full.
        case outOfSpace
    }
}

/// Who waits for a log entry's result: a node, and a number it never uses twice, not even in a later life.
package struct Origin: Hashable, Sendable {
    package var node: NodeID
    package var number: UInt64
}

/// A log entry's command, with those who wait for it: so each node finds the results of its own clients while it applies.
struct LoggedCommand {
    var origins: [Origin]
    var proposal: Bytes

    func encoded() -> Bytes {
        var writer = ByteWriter(reserving: proposal.count + 2 + origins.count * 16)
        writer.write(varint: UInt64(origins.count))
        for origin in origins { origin.encode(into: &writer) }
        writer.write(raw: proposal)
        return writer.bytes
    }

    static func decode(_ bytes: Bytes) throws(DecodingFailure) -> (origins: [Origin], proposal: Proposal) {
        var reader = ByteReader(bytes)
        var origins: [Origin] = []
        for _ in 0..<(try reader.readCount()) { origins.append(try Origin(from: &reader)) }
        return (origins, try Proposal(endOf: &reader))
    }
}

// MARK: - Codec

extension PeerMessage {
    /// The frame body for this message: a tag byte, then its content.
    package func encoded() -> Bytes {
        var writer = ByteWriter(reserving: reservation)
        switch self {
        case .consensus(let message):
            writer.write(UInt8(1))
            message.encode(into: &writer)
        case .forward(let forward):
            writer.write(UInt8(2))
            forward.encode(into: &writer)
        case .forwardRefused(let refused):
            writer.write(UInt8(3))
            refused.encode(into: &writer)
        case .report(let report):
            writer.write(UInt8(4))
            report.encode(into: &writer)
        }
        return writer.bytes
    }

    private var reservation: Int {
        switch self {
        case .consensus(.append(let append)): append.entries.reduce(96) { $0 + $1.weight }
        case .consensus(.snapshotChunk(let chunk)): chunk.bytes.count + 512
        case .forward(let forward): forward.items.count * 160 + 16
        default: 64
        }
    }

    package init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        switch try reader.readByte() {
        case 1: self = .consensus(try Message(from: &reader))
        case 2: self = .forward(try Forward(from: &reader))
        case 3: self = .forwardRefused(try ForwardRefused(from: &reader))
        case 4: self = .report(try MemberReport(from: &reader))
        case let tag: throw .invalid("peer message tag \(tag)")
        }
        try reader.expectEnd()
    }
}

extension Origin {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(node.rawValue)
        writer.write(number)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        node = NodeID(try reader.readUInt64())
        number = try reader.readUInt64()
    }
}

extension Forward {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(varint: term.rawValue)
        writer.write(varint: UInt64(items.count))
        for item in items {
            item.origin.encode(into: &writer)
            switch item.content {
            case .proposal(let bytes):
                writer.write(UInt8(0))
                writer.write(bytes: bytes)
            case .renewal(let leases):
                writer.write(UInt8(1))
                writer.write(varint: UInt64(leases.count))
                for lease in leases { writer.write(lease.rawValue) }
            }
        }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        term = Term(try reader.readCounter())
        items = []
        for _ in 0..<(try reader.readCount()) {
            let origin = try Origin(from: &reader)
            switch try reader.readByte() {
            case 0: items.append(Item(origin: origin, content: .proposal(try reader.readBytes())))
            case 1:
                var leases: [LeaseID] = []
                for _ in 0..<(try reader.readCount()) { leases.append(LeaseID(try reader.readUInt64())) }
                items.append(Item(origin: origin, content: .renewal(leases)))
            case let tag: throw .invalid("forward tag \(tag)")
            }
        }
    }
}

extension ForwardRefused {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.write(varint: term.rawValue)
        writer.write(reason.rawValue)
        writer.write(varint: UInt64(origins.count))
        for origin in origins { origin.encode(into: &writer) }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        term = Term(try reader.readCounter())
        let raw = try reader.readByte()
        guard let reason = Reason(rawValue: raw) else { throw .invalid("refusal reason \(raw)") }
        self.reason = reason
        origins = []
        for _ in 0..<(try reader.readCount()) { origins.append(try Origin(from: &reader)) }
    }
}
