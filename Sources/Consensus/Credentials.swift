package import Primitives

/// What a member tells the others when they settle who campaigns, and its leader from time to time. Nobody's vote depends
/// on it.
package struct Credentials: Hashable, Sendable {
    package var term: Term
    package var lastTerm: Term
    package var lastIndex: LogIndex
    /// 0 when the sender never leads.
    package var priority: UInt8
    /// Whether the sender wants the receiver's own in return.
    package var asks: Bool
}

extension Credentials {
    func encodeBody(into writer: inout ByteWriter) {
        writer.write(varint: lastTerm.rawValue)
        writer.write(varint: lastIndex.rawValue)
        writer.write(priority)
        writer.write(asks)
    }

    init(term: Term, from reader: inout ByteReader) throws(DecodingFailure) {
        self.term = term
        lastTerm = Term(try reader.readCounter())
        lastIndex = LogIndex(try reader.readCounter())
        priority = try reader.readByte()
        asks = try reader.readBool()
    }
}

/// A member with its credentials, in the order in which members go first: the newest log, then the highest priority, then
/// the highest id, so that no two are equal.
struct Contender: Comparable, Sendable {
    var id: NodeID
    var credentials: Credentials

    private var rank: (Term, LogIndex, UInt8, NodeID) {
        (credentials.lastTerm, credentials.lastIndex, credentials.priority, id)
    }

    static func == (a: Contender, b: Contender) -> Bool { a.rank == b.rank }
    static func < (a: Contender, b: Contender) -> Bool { a.rank < b.rank }

    /// Whether this one's log is no reason for `voter` to refuse it a vote (Raft §5.4.1).
    func isVotable(by voter: Contender) -> Bool {
        (credentials.lastTerm, credentials.lastIndex) >= (voter.credentials.lastTerm, voter.credentials.lastIndex)
    }
}
