package import Primitives

/// A data directory of one member, by a number drawn when it was begun: two of the same member have different ones.
package struct DirectoryID: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ value: UInt64) { rawValue = value }
}

/// A data directory that is known to be its member's first one, so that whoever has it has forgotten nothing.
package struct FirstDirectory: Hashable, Sendable {
    package var member: NodeID
    package var directory: DirectoryID
}

/// What members tell each other about data directories that have not joined the cluster (`Decisions/0005-blank-members.md`).
package struct Introduction: Hashable, Sendable {
    package var term: Term
    /// The sender's directory, while that has not joined and holds nothing.
    package var directory: DirectoryID?
    /// Whether the sender's log holds more than what every member of a new cluster begins with: somebody led then.
    package var holdsEntries: Bool
    /// Asks for the receiver's own introduction; a number never used twice. Only a member in doubt asks.
    package var question: UInt64?
    /// The question that this answers.
    package var answered: UInt64?
    /// What the sender knows to be first directories.
    package var firsts: [FirstDirectory]
    /// An entry that the sender appended as the leader of `term` after the question had come.
    package var later: LogIndex?
}

extension Introduction {
    func encodeBody(into writer: inout ByteWriter) {
        for number in [directory?.rawValue, question, answered, later?.rawValue] {
            writer.write(number != nil)
            if let number { writer.write(number) }
        }
        writer.write(holdsEntries)
        writer.write(varint: UInt64(firsts.count))
        for first in firsts {
            writer.write(first.member.rawValue)
            writer.write(first.directory.rawValue)
        }
    }

    init(term: Term, from reader: inout ByteReader) throws(DecodingFailure) {
        self.term = term
        directory = try Self.readNumber(from: &reader).map { DirectoryID($0) }
        question = try Self.readNumber(from: &reader)
        answered = try Self.readNumber(from: &reader)
        later = try Self.readNumber(from: &reader).map { LogIndex($0) }
        if let later, later.rawValue >= Limits.counters { throw .invalid("log index \(later.rawValue)") }
        holdsEntries = try reader.readBool()
        firsts = []
        for _ in 0..<(try reader.readCount()) {
            firsts.append(
                FirstDirectory(
                    member: NodeID(try reader.readUInt64()), directory: DirectoryID(try reader.readUInt64())))
        }
    }

    private static func readNumber(from reader: inout ByteReader) throws(DecodingFailure) -> UInt64? {
        try reader.readBool() ? try reader.readUInt64() : nil
    }
}

/// What a member remembers while it may have forgotten votes and entries that the others count on: its log lost some, or its
/// data directory has not joined the cluster, and whether that is the first one it cannot know by itself.
struct Doubt: Sendable {
    /// The data directory, while it has not joined.
    var directory: DirectoryID?
    /// Whether the log lost entries: that takes a leader's repair in any case.
    let lostEntries: Bool
    /// The newest question, and what was known of the others when it was first asked.
    var question: UInt64 = 0
    var knownBefore: [NodeID: DirectoryID] = [:]
    /// Those that since then were as they had been known before.
    var confirmed: [NodeID] = []
    /// Whether another holds entries, so that the cluster cannot be new.
    var isLate = false
    /// The blank directories of others that were heard of.
    var known: [NodeID: DirectoryID] = [:]
    /// Whom to ask with the next flush.
    var unasked: [NodeID] = []
    /// When the others are asked again, and how long after that once more: often at first, when links come up.
    var asksAt: Instant
    var pause: TimeSpan
    /// An entry that its leader appended in this life of this member.
    var later: (index: LogIndex, term: Term)?
    /// How it ends, once that is settled, and the write that makes it durable.
    var settled: (LogWrite.Settlement, write: WriteID?)?
}
