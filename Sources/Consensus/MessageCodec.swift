package import Primitives

extension Message {
    private enum Tag: UInt8 {
        case preVote = 1, preVoteReply, vote, voteReply, append, appendReply
        case snapshotChunk, snapshotReply, readRequest, readReply, campaignNow, credentials, introduction
        case heldByOthers
    }

    private var tag: Tag {
        switch self {
        case .preVote: .preVote
        case .preVoteReply: .preVoteReply
        case .vote: .vote
        case .voteReply: .voteReply
        case .append: .append
        case .appendReply: .appendReply
        case .snapshotChunk: .snapshotChunk
        case .snapshotReply: .snapshotReply
        case .readRequest: .readRequest
        case .readReply: .readReply
        case .campaignNow: .campaignNow
        case .credentials: .credentials
        case .introduction: .introduction
        case .heldByOthers: .heldByOthers
        }
    }

    /// Appends a tag byte, the term and the message's fields.
    package func encode(into writer: inout ByteWriter) {
        writer.write(tag.rawValue)
        writer.write(varint: term.rawValue)
        switch self {
        case .preVote(let m), .vote(let m): m.encodeBody(into: &writer)
        case .preVoteReply(let m), .voteReply(let m): writer.write(m.granted)
        case .append(let m): m.encodeBody(into: &writer)
        case .appendReply(let m): m.encodeBody(into: &writer)
        case .snapshotChunk(let m): m.encodeBody(into: &writer)
        case .snapshotReply(let m):
            writer.write(varint: m.index.rawValue)
            writer.write(varint: m.next)
            writer.write(varint: m.round)
        case .readRequest(let m): writer.write(m.batch)
        case .readReply(let m):
            writer.write(m.batch)
            writer.write(varint: m.index.rawValue)
            writer.write(m.time.nanoseconds)
        case .campaignNow: break
        case .credentials(let m): m.encodeBody(into: &writer)
        case .introduction(let m): m.encodeBody(into: &writer)
        case .heldByOthers(let m): writer.write(varint: m.index.rawValue)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let raw = try reader.readByte()
        guard let tag = Tag(rawValue: raw) else { throw .invalid("message tag \(raw)") }
        let term = Term(try reader.readCounter())
        switch tag {
        case .preVote: self = .preVote(try VoteRequest(term: term, from: &reader))
        case .vote: self = .vote(try VoteRequest(term: term, from: &reader))
        case .preVoteReply: self = .preVoteReply(VoteReply(term: term, granted: try reader.readBool()))
        case .voteReply: self = .voteReply(VoteReply(term: term, granted: try reader.readBool()))
        case .append: self = .append(try Append(term: term, from: &reader))
        case .appendReply: self = .appendReply(try AppendReply(term: term, from: &reader))
        case .snapshotChunk: self = .snapshotChunk(try SnapshotChunk(term: term, from: &reader))
        case .snapshotReply:
            self = .snapshotReply(
                SnapshotReply(
                    term: term, index: LogIndex(try reader.readCounter()), next: try reader.readCounter(),
                    round: try reader.readCounter()))
        case .readRequest: self = .readRequest(ReadRequest(term: term, batch: try reader.readUInt64()))
        case .readReply:
            self = .readReply(
                ReadReply(
                    term: term, batch: try reader.readUInt64(), index: LogIndex(try reader.readCounter()),
                    time: try reader.readClusterTime()))
        case .campaignNow: self = .campaignNow(CampaignNow(term: term))
        case .credentials: self = .credentials(try Credentials(term: term, from: &reader))
        case .introduction: self = .introduction(try Introduction(term: term, from: &reader))
        case .heldByOthers:
            self = .heldByOthers(HeldByOthers(term: term, index: LogIndex(try reader.readCounter())))
        }
    }
}

extension VoteRequest {
    fileprivate func encodeBody(into writer: inout ByteWriter) {
        writer.write(varint: lastIndex.rawValue)
        writer.write(varint: lastTerm.rawValue)
        writer.write(handOver)
    }

    fileprivate init(term: Term, from reader: inout ByteReader) throws(DecodingFailure) {
        self.term = term
        lastIndex = LogIndex(try reader.readCounter())
        lastTerm = Term(try reader.readCounter())
        handOver = try reader.readBool()
    }
}

extension Append {
    fileprivate func encodeBody(into writer: inout ByteWriter) {
        writer.write(varint: previousIndex.rawValue)
        writer.write(varint: previousTerm.rawValue)
        writer.write(varint: commit.rawValue)
        writer.write(varint: round)
        writer.write(roundIsUrgent)
        writer.write(time.nanoseconds)
        writer.write(varint: digestIndex.rawValue)
        writer.write(digest)
        writer.write(varint: UInt64(entries.count))
        for entry in entries { entry.encode(into: &writer) }
    }

    fileprivate init(term: Term, from reader: inout ByteReader) throws(DecodingFailure) {
        self.term = term
        previousIndex = LogIndex(try reader.readCounter())
        previousTerm = Term(try reader.readCounter())
        commit = LogIndex(try reader.readCounter())
        round = try reader.readCounter()
        roundIsUrgent = try reader.readBool()
        time = try reader.readClusterTime()
        digestIndex = LogIndex(try reader.readCounter())
        digest = try reader.readUInt64()
        entries = []
        var expected = previousIndex
        var newest = previousTerm
        for _ in 0..<(try reader.readCount()) {
            let entry = try Entry(from: &reader)
            // Gaps would break the log's invariant, so they are a decoding error and never reach consensus.
            guard entry.index == expected.next else {
                throw .invalid("entry \(entry.index.rawValue) after \(expected.rawValue)")
            }
            guard entry.term >= newest, entry.term <= term else {
                throw .invalid("entry of term \(entry.term.rawValue) after \(newest.rawValue)")
            }
            // All members wrote the same one; without it nobody would be a member.
            guard entry.index > LogIndex(1) || entry.isFirstConfiguration else {
                throw .invalid("entry 1 that is not a first configuration")
            }
            expected = entry.index
            newest = entry.term
            entries.append(entry)
        }
    }
}

extension AppendReply {
    fileprivate func encodeBody(into writer: inout ByteWriter) {
        writer.write(varint: round)
        writer.write(counts)
        writer.write(needsSnapshot)
        switch outcome {
        case .matching(let through):
            writer.write(true)
            writer.write(varint: through.rawValue)
        case .mismatch(let previous, let hint, let hintTerm):
            writer.write(false)
            writer.write(varint: previous.rawValue)
            writer.write(varint: hint.rawValue)
            writer.write(varint: hintTerm.rawValue)
        }
    }

    fileprivate init(term: Term, from reader: inout ByteReader) throws(DecodingFailure) {
        self.term = term
        round = try reader.readCounter()
        counts = try reader.readBool()
        needsSnapshot = try reader.readBool()
        if try reader.readBool() {
            outcome = .matching(through: LogIndex(try reader.readCounter()))
        } else {
            outcome = .mismatch(
                previous: LogIndex(try reader.readCounter()), hint: LogIndex(try reader.readCounter()),
                hintTerm: Term(try reader.readCounter()))
        }
    }
}

extension SnapshotChunk {
    fileprivate func encodeBody(into writer: inout ByteWriter) {
        position.encode(into: &writer)
        writer.write(varint: number)
        writer.write(isLast)
        writer.write(varint: round)
        writer.write(bytes: bytes)
    }

    fileprivate init(term: Term, from reader: inout ByteReader) throws(DecodingFailure) {
        self.term = term
        position = try SnapshotPosition(from: &reader)
        guard position.term <= term else {
            throw .invalid("snapshot of term \(position.term.rawValue) from a leader of term \(term.rawValue)")
        }
        number = try reader.readCounter()
        isLast = try reader.readBool()
        round = try reader.readCounter()
        bytes = try reader.readBytes()
    }
}
