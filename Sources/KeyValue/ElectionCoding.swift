package import Primitives

// The binary forms of elections: in commands, results and the state.

extension ElectionID: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        writer.write(bytes: name)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let tag = try reader.readByte()
        guard let kind = Kind(rawValue: tag) else { throw .invalid("election kind \(tag)") }
        self.init(kind: kind, name: try reader.readBytes())
    }
}

extension CandidacyID: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(election)
        writer.write(bytes: candidate)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(election: try reader.read(), candidate: try reader.readBytes())
    }
}

extension Fence: BinaryCoded {
    func encode(into writer: inout ByteWriter) { writer.write(varint: rawValue) }
    init(from reader: inout ByteReader) throws(DecodingFailure) { self.init(try reader.readVarint()) }
}

extension FenceCondition: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(election)
        writer.write(fence)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(election: try reader.read(), fence: try reader.read())
    }
}

extension ByteWriter {
    fileprivate mutating func write(priority: Int32) { write(UInt32(bitPattern: priority)) }
}

extension ByteReader {
    fileprivate mutating func readPriority() throws(DecodingFailure) -> Int32 { Int32(bitPattern: try readUInt32()) }
}

// MARK: - Commands

extension CandidacyLease: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .drawn(let id, let ttl):
            writer.write(UInt8(0))
            writer.write(id)
            writer.write(ttl)
        case .named(let id, let ttl):
            writer.write(UInt8(1))
            writer.write(id)
            writer.write(optional: ttl)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 0: self = .drawn(try reader.read(), ttl: try reader.read())
        case 1: self = .named(try reader.read(), ttl: try reader.read())
        case let tag: throw .invalid("candidacy lease tag \(tag)")
        }
    }
}

extension Campaign: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(candidacy)
        writer.write(bytes: value)
        writer.write(priority: priority)
        writer.write(lease)
        writer.write(mode.rawValue)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            candidacy: try reader.read(), value: try reader.readBytes(), priority: try reader.readPriority(),
            lease: try reader.read())
        let tag = try reader.readByte()
        guard let mode = Mode(rawValue: tag) else { throw .invalid("campaign mode \(tag)") }
        self.mode = mode
    }
}

extension Resignation: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(candidacy)
        writer.write(optional: lease)
        writer.write(optional: fence)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(candidacy: try reader.read(), lease: try reader.read(), fence: try reader.read())
    }
}

// MARK: - Leaderships

extension Leadership.End: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(fence)
        writer.write(time)
        writer.write(reason.rawValue)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let (fence, time): (Fence, ClusterTime) = (try reader.read(), try reader.read())
        let tag = try reader.readByte()
        guard let reason = EndReason(rawValue: tag) else { throw .invalid("end reason \(tag)") }
        self.init(fence: fence, time: time, reason: reason)
    }
}

extension Leadership: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(fence)
        writer.write(bytes: candidate)
        writer.write(bytes: value)
        writer.write(priority: priority)
        writer.write(lease)
        writer.write(began)
        writer.write(optional: end)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            fence: try reader.read(), candidate: try reader.readBytes(), value: try reader.readBytes(),
            priority: try reader.readPriority(), lease: try reader.read(), began: try reader.read(),
            end: try reader.read())
    }
}

// MARK: - Results

extension ElectionSummary: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(election)
        writer.write(fence)
        writer.write(optional: leader)
        writer.write(Int64(waiting))
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            election: try reader.read(), fence: try reader.read(), leader: try reader.read(),
            waiting: try reader.readInt())
    }
}

extension CandidacyResult: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(bytes: candidate)
        writer.write(created)
        switch standing {
        case .leading: writer.write(UInt8(0))
        case .waiting(let position):
            writer.write(UInt8(1))
            writer.write(Int64(position))
        case .ended: writer.write(UInt8(2))
        }
        writer.write(optional: grant)
        writer.write(summary)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let (candidate, created) = (try reader.readBytes(), try reader.readBool())
        let standing: Standing
        switch try reader.readByte() {
        case 0: standing = .leading
        case 1: standing = .waiting(position: try reader.readInt())
        case 2: standing = .ended
        case let tag: throw .invalid("standing tag \(tag)")
        }
        self.init(
            candidate: candidate, created: created, standing: standing, grant: try reader.read(),
            summary: try reader.read())
    }
}

extension ResignationResult: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(bytes: candidate)
        writer.write(wasLeading)
        writer.write(summary)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            candidate: try reader.readBytes(), wasLeading: try reader.readBool(), summary: try reader.read())
    }
}

// MARK: - State

extension StoredElection: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(id)
        writer.write(created)
        writer.write(forgotten)
        writer.write(leaderships)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            id: try reader.read(), created: try reader.read(), forgotten: try reader.read(),
            leaderships: try reader.read())
    }

    /// The leaderships alone, as `state.db` keeps them.
    package var encodedLeaderships: Bytes {
        var writer = ByteWriter()
        writer.write(leaderships)
        return writer.bytes
    }

    package init?(id: ElectionID, created: Fence, forgotten: Fence, encodedLeaderships: Bytes) {
        var reader = ByteReader(encodedLeaderships)
        guard let leaderships: [Leadership] = try? reader.read(), reader.remaining == 0 else { return nil }
        self.init(id: id, created: created, forgotten: forgotten, leaderships: leaderships)
    }
}

extension StoredCandidacy: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(id)
        writer.write(bytes: value)
        writer.write(priority: priority)
        writer.write(lease)
        writer.write(hasNamedLease)
        writer.write(madeLease)
        writer.write(varint: order)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            id: try reader.read(), value: try reader.readBytes(), priority: try reader.readPriority(),
            lease: try reader.read(), hasNamedLease: try reader.readBool(), madeLease: try reader.readBool(),
            order: try reader.readVarint())
    }
}
