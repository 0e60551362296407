package import Primitives

extension KeyRecord: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(bytes: key)
        writer.write(bytes: value)
        writer.write(createRevision)
        writer.write(modRevision)
        writer.write(varint: version)
        writer.write(optional: lease)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            key: try reader.readBytes(), value: try reader.readBytes(), createRevision: try reader.read(),
            modRevision: try reader.read(), version: try reader.readVarint(), lease: try reader.read())
    }
}

extension CommandResult: BinaryCoded {
    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .put(let result):
            writer.write(UInt8(1))
            writer.write(result)
        case .deleted(let count, let revision):
            writer.write(UInt8(2))
            writer.write(Int64(count))
            writer.write(revision)
        case .transaction(let result):
            writer.write(UInt8(3))
            writer.write(result)
        case .leaseGranted(let grant):
            writer.write(UInt8(4))
            writer.write(grant)
        case .leasesRenewed(let grants):
            writer.write(UInt8(5))
            writer.write(varint: UInt64(grants.count))
            for grant in grants { writer.write(optional: grant) }
        case .leaseRevoked(let id, let count, let revision):
            writer.write(UInt8(6))
            writer.write(id)
            writer.write(Int64(count))
            writer.write(revision)
        case .leasesExpired(let leases, let keys):
            writer.write(UInt8(7))
            writer.write(Int64(leases))
            writer.write(Int64(keys))
        case .compacted(let revision):
            writer.write(UInt8(8))
            writer.write(revision)
        case .failed(let failure):
            writer.write(UInt8(9))
            writer.write(failure)
        case .candidacy(let result):
            writer.write(UInt8(10))
            writer.write(result)
        case .resigned(let result):
            writer.write(UInt8(11))
            writer.write(result)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 1: self = .put(try reader.read())
        case 2: self = .deleted(count: try reader.readInt(), revision: try reader.read())
        case 3: self = .transaction(try reader.read())
        case 4: self = .leaseGranted(try reader.read())
        case 5:
            var grants: [LeaseGrant?] = []
            for _ in 0..<(try reader.readCount()) { grants.append(try reader.read()) }
            self = .leasesRenewed(grants)
        case 6:
            self = .leaseRevoked(
                try reader.read(), deletedKeys: try reader.readInt(), revision: try reader.read())
        case 7: self = .leasesExpired(leases: try reader.readInt(), keys: try reader.readInt())
        case 8: self = .compacted(through: try reader.read())
        case 9: self = .failed(try reader.read())
        case 10: self = .candidacy(try reader.read())
        case 11: self = .resigned(try reader.read())
        case let tag: throw .invalid("result tag \(tag)")
        }
    }
}

extension PutResult: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(record)
        writer.write(created)
        writer.write(optional: lease)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(record: try reader.read(), created: try reader.readBool(), lease: try reader.read())
    }
}

extension LeaseGrant: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(id)
        writer.write(ttl)
        writer.write(remaining)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(id: try reader.read(), ttl: try reader.read(), remaining: try reader.read())
    }
}

extension TransactionResult: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(succeeded)
        writer.write(results)
        writer.write(revision)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(succeeded: try reader.readBool(), results: try reader.read(), revision: try reader.read())
    }
}

extension OperationResult: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .put(let result):
            writer.write(UInt8(0))
            writer.write(result)
        case .get(let range):
            writer.write(UInt8(1))
            writer.write(range.records)
            writer.write(Int64(range.count))
            writer.write(range.more)
        case .deleted(let count):
            writer.write(UInt8(2))
            writer.write(Int64(count))
        case .transaction(let inner):
            writer.write(UInt8(0x20))
            writer.write(inner)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 0: self = .put(try reader.read())
        case 0x20:
            try reader.descend(limit: Limits.transactionDepth)
            self = .transaction(try reader.read())
            reader.ascend()
        case 1:
            self = .get(
                RangeResult(records: try reader.read(), count: try reader.readInt(), more: try reader.readBool()))
        case 2: self = .deleted(count: try reader.readInt())
        case let tag: throw .invalid("operation result tag \(tag)")
        }
    }
}

extension CommandFailure: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .preconditionFailed(let holder):
            writer.write(UInt8(1))
            writer.write(optional: holder)
        case .leaseNotFound(let id):
            writer.write(UInt8(2))
            writer.write(id)
        case .leaseExists(let id):
            writer.write(UInt8(3))
            writer.write(id)
        case .compacted(let oldest):
            writer.write(UInt8(4))
            writer.write(oldest)
        case .futureRevision(let current):
            writer.write(UInt8(5))
            writer.write(current)
        case .duplicateKey(let key):
            writer.write(UInt8(6))
            writer.write(bytes: key)
        case .tooManyLeases(let limit):
            writer.write(UInt8(7))
            writer.write(Int64(limit))
        case .quotaExceeded(let limit):
            writer.write(UInt8(8))
            writer.write(Int64(limit))
        case .keyNotFound(let key):
            writer.write(UInt8(0x20))
            writer.write(bytes: key)
        case .fenced(let election, let fence):
            writer.write(UInt8(9))
            writer.write(election)
            writer.write(fence)
        case .candidacyNotFound(let summary):
            writer.write(UInt8(10))
            writer.write(summary)
        case .candidacyTaken(let summary):
            writer.write(UInt8(11))
            writer.write(summary)
        case .candidacyCondition(let summary):
            writer.write(UInt8(12))
            writer.write(summary)
        case .tooManyCandidates(let limit):
            writer.write(UInt8(13))
            writer.write(Int64(limit))
        case .tooManyElections(let limit):
            writer.write(UInt8(14))
            writer.write(Int64(limit))
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 1: self = .preconditionFailed(holder: try reader.read())
        case 2: self = .leaseNotFound(try reader.read())
        case 3: self = .leaseExists(try reader.read())
        case 4: self = .compacted(oldest: try reader.read())
        case 5: self = .futureRevision(current: try reader.read())
        case 6: self = .duplicateKey(try reader.readBytes())
        case 7: self = .tooManyLeases(limit: try reader.readInt())
        case 8: self = .quotaExceeded(limit: try reader.readInt())
        case 0x20: self = .keyNotFound(try reader.readBytes())
        case 9: self = .fenced(try reader.read(), now: try reader.read())
        case 10: self = .candidacyNotFound(try reader.read())
        case 11: self = .candidacyTaken(try reader.read())
        case 12: self = .candidacyCondition(try reader.read())
        case 13: self = .tooManyCandidates(limit: try reader.readInt())
        case 14: self = .tooManyElections(limit: try reader.readInt())
        case let tag: throw .invalid("failure tag \(tag)")
        }
    }
}
