package import Primitives

extension StateRecord: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .version(let version):
            writer.write(UInt8(1))
            writer.write(version)
        case .lease(let lease):
            writer.write(UInt8(2))
            writer.write(lease)
        case .remembered(let request):
            writer.write(UInt8(3))
            writer.write(request)
        case .election(let election):
            writer.write(UInt8(4))
            writer.write(election)
        case .candidacy(let candidacy):
            writer.write(UInt8(5))
            writer.write(candidacy)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 1: self = .version(try reader.read())
        case 2: self = .lease(try reader.read())
        case 3: self = .remembered(try reader.read())
        case 4: self = .election(try reader.read())
        case 5: self = .candidacy(try reader.read())
        case let tag: throw .invalid("state record tag \(tag)")
        }
    }
}

extension VersionPosition: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(revision)
        writer.write(varint: UInt64(ordinal))
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let revision: Revision = try reader.read()
        guard let ordinal = UInt32(exactly: try reader.readVarint()) else { throw .invalid("ordinal") }
        self.init(revision: revision, ordinal: ordinal)
    }
}

extension StoredVersion: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(position)
        writer.write(time)
        switch content {
        case .put(let record):
            writer.write(UInt8(0))
            writer.write(record)
        case .tombstone(let key, let reason):
            writer.write(UInt8(1))
            writer.write(bytes: key)
            writer.write(reason)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let position: VersionPosition = try reader.read()
        let time: ClusterTime = try reader.read()
        switch try reader.readByte() {
        case 0: self.init(position: position, content: .put(try reader.read()), time: time)
        case 1:
            let content = Content.tombstone(key: try reader.readBytes(), reason: try reader.read())
            self.init(position: position, content: content, time: time)
        case let tag: throw .invalid("version content tag \(tag)")
        }
    }
}

extension StoredLease: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(id)
        writer.write(ttl)
        writer.write(deadline)
        writer.write(varint: generation)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            id: try reader.read(), ttl: try reader.read(), deadline: try reader.read(),
            generation: try reader.readVarint())
    }
}

extension StoredRequest: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(varint: order)
        writer.write(key)
        writer.write(result)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(order: try reader.readVarint(), key: try reader.read(), result: try reader.read())
    }
}

extension StateHeader: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(varint: appliedIndex.rawValue)
        writer.write(varint: appliedTerm.rawValue)
        writer.write(time)
        writer.write(revision)
        writer.write(compactedRevision)
        writer.write(digest)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            appliedIndex: LogIndex(try reader.readVarint()), appliedTerm: Term(try reader.readVarint()),
            time: try reader.read(), revision: try reader.read(), compactedRevision: try reader.read(),
            digest: try reader.readUInt64())
    }
}

extension StateDelta: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        writer.write(header)
        writer.write(upserts)
        writer.write(removedVersions)
        writer.write(removedLeases)
        writer.write(removedRequests)
        writer.write(removedElections)
        writer.write(removedCandidacies)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            header: try reader.read(), upserts: try reader.read(), removedVersions: try reader.read(),
            removedLeases: try reader.read(), removedRequests: try reader.read(), removedElections: try reader.read(),
            removedCandidacies: try reader.read())
    }
}
