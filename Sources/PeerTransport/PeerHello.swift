internal import Primitives

/// The body of a connection's first frame in either direction.
struct PeerHello: Hashable {
    /// Changes when frames or their bodies are laid out differently.
    static let protocolVersion: UInt32 = 1
    private static let magic: UInt32 = 0x4C43_4E43

    var version = PeerHello.protocolVersion
    /// Whom the sender believes to talk to.
    var recipient: NodeID
    /// The sender's name, for messages to people.
    var name: String

    init(recipient: NodeID, name: String) {
        self.recipient = recipient
        self.name = name
    }

    func encoded() -> Bytes {
        var writer = ByteWriter()
        writer.write(Self.magic)
        writer.write(version)
        writer.write(recipient.rawValue)
        writer.write(string: name)
        return writer.bytes
    }

    /// Bytes after the name are a later release's business.
    init(_ body: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(body)
        guard try reader.readUInt32() == Self.magic else { throw .invalid("hello") }
        version = try reader.readUInt32()
        recipient = NodeID(try reader.readUInt64())
        name = try reader.readString()
        guard name.utf8.count <= Limits.nameBytes else { throw .tooLarge(limit: Limits.nameBytes) }
    }
}

/// Why a connection that introduced itself is not taken.
enum PeerRefusal: Error, Hashable, CustomStringConvertible {
    case malformed
    case version(UInt32)
    case otherCluster
    case itself
    case unknownMember(String)
    case otherRecipient(String)
    case earlierLife(Incarnation, newest: Incarnation)
    case unexpectedFrame

    var description: String {
        switch self {
        case .malformed: "the first frame is no introduction"
        case .version(let version): "it speaks protocol \(version), this node \(PeerHello.protocolVersion)"
        case .otherCluster: "it belongs to another cluster"
        case .itself: "this node is connected to itself; check the addresses in --cluster"
        case .unknownMember(let name): "\(name) is not a member of this cluster"
        case .otherRecipient(let name): "\(name) meant to reach another node; check the addresses in --cluster"
        case .earlierLife(let incarnation, let newest):
            "it is from incarnation \(incarnation.rawValue), but \(newest.rawValue) was already heard"
        case .unexpectedFrame: "a frame came that has no place on this connection"
        }
    }
}
