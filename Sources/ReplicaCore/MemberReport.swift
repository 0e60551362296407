package import Consensus
package import Primitives

/// What one member tells the others of itself about once a second, for people to read.
///
/// No decision depends on it: a member that lies here changes what ``ReplicaCore`` does by nothing.
package struct MemberReport: Hashable, Sendable {
    package var role: ReplicaStatus.Role
    package var term: Term
    package var appliedIndex: LogIndex
    /// On a leader: how each of the others follows. Empty elsewhere.
    package var followers: [Follower]
    /// Where clients reach the member; `nil` before it listens. At most ``Limits/addressBytes``.
    package var clientAddress: String?
    /// Mean of recent syncs of its log; `nil` before the first.
    package var diskSync: TimeSpan?
    /// The release it runs. At most ``Limits/releaseBytes``.
    package var version: String
    /// How it is set to take part in elections of a leader.
    package var election: ElectionStrategy
    package var priority: UInt8

    /// How a leader sees another member.
    package struct Follower: Hashable, Sendable {
        package var node: NodeID
        /// Log entries that the leader does not know it to have.
        package var lag: UInt64
        package var roundTrip: TimeSpan?
        /// How long before the report it last answered the leader; `nil` when it never did in this term.
        package var silence: TimeSpan?
        package var isReceivingSnapshot: Bool

        package init(
            node: NodeID, lag: UInt64, roundTrip: TimeSpan?, silence: TimeSpan?, isReceivingSnapshot: Bool
        ) {
            self.node = node
            self.lag = lag
            self.roundTrip = roundTrip
            self.silence = silence
            self.isReceivingSnapshot = isReceivingSnapshot
        }
    }

    package init(
        role: ReplicaStatus.Role, term: Term, appliedIndex: LogIndex, followers: [Follower] = [],
        clientAddress: String?, diskSync: TimeSpan?, version: String, election: ElectionStrategy = .randomized,
        priority: UInt8 = Settings.standardPriority
    ) {
        self.role = role
        self.term = term
        self.appliedIndex = appliedIndex
        self.followers = followers
        self.clientAddress = clientAddress
        self.diskSync = diskSync
        self.version = version
        self.election = election
        self.priority = priority
    }
}

extension Replica {
    package var role: ReplicaStatus.Role { raft.isLeader ? .leader : raft.isLooking ? .looking : .follower }

    /// What this node tells of itself, with what only its shell knows.
    package func report(
        at now: Instant, clientAddress: String?, diskSync: TimeSpan?, version: String
    ) -> MemberReport {
        let followers = raft.peerProgress(at: now).map { peer in
            MemberReport.Follower(
                node: peer.id, lag: raft.log.lastIndex.rawValue - min(peer.match, raft.log.lastIndex).rawValue,
                roundTrip: peer.roundTrip, silence: peer.silence, isReceivingSnapshot: peer.isReceivingSnapshot)
        }
        return MemberReport(
            role: role, term: raft.term, appliedIndex: store.appliedIndex, followers: followers,
            clientAddress: clientAddress, diskSync: diskSync, version: version, election: raft.settings.election,
            priority: raft.settings.priority)
    }
}

// MARK: - Codec

extension MemberReport {
    func encode(into writer: inout ByteWriter) {
        writer.write(role.tag)
        writer.write(varint: term.rawValue)
        writer.write(varint: appliedIndex.rawValue)
        writer.write(string: clientAddress ?? "")
        writer.write(diskSync)
        writer.write(string: version)
        writer.write(election.tag)
        writer.write(priority)
        writer.write(varint: UInt64(followers.count))
        for follower in followers {
            writer.write(follower.node.rawValue)
            writer.write(varint: follower.lag)
            writer.write(follower.roundTrip)
            writer.write(follower.silence)
            writer.write(follower.isReceivingSnapshot)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        role = try ReplicaStatus.Role(tag: try reader.readByte())
        term = Term(try reader.readVarint())
        appliedIndex = LogIndex(try reader.readVarint())
        let address = try reader.readString(upTo: Limits.addressBytes)
        clientAddress = address.isEmpty ? nil : address
        diskSync = try reader.readSpan()
        version = try reader.readString(upTo: Limits.releaseBytes)
        election = try ElectionStrategy(tag: try reader.readByte())
        priority = try reader.readByte()
        let count = try reader.readCount()
        guard count <= Limits.members else { throw .tooLarge(limit: Limits.members) }
        followers = []
        for _ in 0..<count { followers.append(try Follower(from: &reader)) }
    }
}

extension MemberReport.Follower {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        node = NodeID(try reader.readUInt64())
        lag = try reader.readVarint()
        roundTrip = try reader.readSpan()
        silence = try reader.readSpan()
        isReceivingSnapshot = try reader.readBool()
    }
}

extension ReplicaStatus.Role {
    fileprivate var tag: UInt8 {
        switch self {
        case .looking: 0
        case .follower: 1
        case .leader: 2
        }
    }

    fileprivate init(tag: UInt8) throws(DecodingFailure) {
        switch tag {
        case 0: self = .looking
        case 1: self = .follower
        case 2: self = .leader
        default: throw .invalid("role \(tag)")
        }
    }
}

extension ElectionStrategy {
    fileprivate var tag: UInt8 {
        switch self {
        case .randomized: 0
        case .ranked: 1
        }
    }

    fileprivate init(tag: UInt8) throws(DecodingFailure) {
        switch tag {
        case 0: self = .randomized
        case 1: self = .ranked
        default: throw .invalid("election strategy \(tag)")
        }
    }
}

/// The longest time a report may name, so that a lie about it cannot overflow: 285 years.
private let longestSpan: UInt64 = 1 << 53

extension ByteWriter {
    /// Whole microseconds and one more, or 0 for none.
    fileprivate mutating func write(_ span: TimeSpan?) {
        write(varint: span.map { min(UInt64(clamping: $0.nanoseconds / 1_000), longestSpan - 1) + 1 } ?? 0)
    }
}

extension ByteReader {
    fileprivate mutating func readSpan() throws(DecodingFailure) -> TimeSpan? {
        let coded = try readVarint()
        guard coded <= longestSpan else { throw .invalid("time span \(coded)") }
        return coded == 0 ? nil : .microseconds(Int64(coded) - 1)
    }

    fileprivate mutating func readString(upTo limit: Int) throws(DecodingFailure) -> String {
        let text = try readString()
        guard text.utf8.count <= limit else { throw .tooLarge(limit: limit) }
        return text
    }
}
