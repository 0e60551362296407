package import Primitives

/// One position of the replicated log.
package struct Entry: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term
    /// The leader's cluster time when it appended the entry; never smaller than the entry's before it.
    package var time: ClusterTime
    package var payload: Payload

    package enum Payload: Hashable, Sendable {
        /// Begins a leader's term; carries nothing (Raft §8).
        case noop
        /// Who belongs to the cluster from here on (Raft §4.1).
        case configuration(Configuration)
        /// A command for the state machine, encoded; consensus does not look inside.
        case command(Bytes)
    }

    package init(index: LogIndex, term: Term, time: ClusterTime, payload: Payload) {
        self.index = index
        self.term = term
        self.time = time
        self.payload = payload
    }

    /// Whether this can be what every member of a new cluster wrote at index 1.
    var isFirstConfiguration: Bool {
        if case .configuration = payload { index == LogIndex(1) && term == Term(1) } else { false }
    }
}

/// The voting members of the cluster, in the order of their ids.
package struct Configuration: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var id: NodeID
        package var name: String
        /// `host:port` where the others reach its peer listener.
        package var peerAddress: String
        package init(name: String, peerAddress: String) {
            id = NodeID(name: name)
            self.name = name
            self.peerAddress = peerAddress
        }
    }

    package private(set) var members: [Member]

    package init(members: [Member]) { self.members = members.sorted { $0.id < $1.id } }

    /// How many members make a majority.
    package var quorum: Int { members.count / 2 + 1 }
    package func contains(_ id: NodeID) -> Bool { members.contains { $0.id == id } }
    package func member(_ id: NodeID) -> Member? { members.first { $0.id == id } }
}

/// What a node must never forget about elections (Raft §5.2): written in one transaction with the log.
package struct HardState: Hashable, Sendable {
    package var term: Term
    package var votedFor: NodeID?
    package init(term: Term = .zero, votedFor: NodeID? = nil) {
        self.term = term
        self.votedFor = votedFor
    }
}

/// The last log position that a snapshot of the state covers, and what consensus must know of it.
package struct SnapshotPosition: Hashable, Sendable {
    package var index: LogIndex
    package var term: Term
    package var time: ClusterTime
    package var configuration: Configuration
    package init(index: LogIndex, term: Term, time: ClusterTime, configuration: Configuration) {
        self.index = index
        self.term = term
        self.time = time
        self.configuration = configuration
    }
}

// MARK: - Codec

extension Entry {
    /// Appends the entry's binary form to `writer`: index, term, time as varints, a tag, the payload.
    package func encode(into writer: inout ByteWriter) {
        writer.write(varint: index.rawValue)
        writer.write(varint: term.rawValue)
        writer.write(time.nanoseconds)
        switch payload {
        case .noop: writer.write(UInt8(0))
        case .configuration(let configuration):
            writer.write(UInt8(1))
            configuration.encode(into: &writer)
        case .command(let bytes):
            writer.write(UInt8(2))
            writer.write(bytes: bytes)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        index = LogIndex(try reader.readCounter())
        term = Term(try reader.readCounter())
        time = try reader.readClusterTime()
        switch try reader.readByte() {
        case 0: payload = .noop
        case 1: payload = .configuration(try Configuration(from: &reader))
        case 2: payload = .command(try reader.readBytes())
        case let tag: throw .invalid("entry payload tag \(tag)")
        }
    }
}

extension Configuration {
    package func encode(into writer: inout ByteWriter) {
        writer.write(varint: UInt64(members.count))
        for member in members {
            writer.write(string: member.name)
            writer.write(string: member.peerAddress)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let count = try reader.readCount()
        guard count <= Limits.members else { throw .tooLarge(limit: Limits.members) }
        var members: [Member] = []
        for _ in 0..<count {
            members.append(Member(name: try reader.readString(), peerAddress: try reader.readString()))
        }
        self.init(members: members)
    }
}

extension SnapshotPosition {
    package func encode(into writer: inout ByteWriter) {
        writer.write(varint: index.rawValue)
        writer.write(varint: term.rawValue)
        writer.write(time.nanoseconds)
        configuration.encode(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        index = LogIndex(try reader.readCounter())
        term = Term(try reader.readCounter())
        time = try reader.readClusterTime()
        configuration = try Configuration(from: &reader)
    }
}
