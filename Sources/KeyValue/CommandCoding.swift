package import Primitives

extension Proposal {
    /// The binary form that the log carries.
    package func encoded() -> Bytes {
        var writer = ByteWriter(reserving: command.approximateBytes)
        writer.write(optional: idempotencyKey)
        if let fence {
            writer.write(Self.fenceTag)
            writer.write(fence)
        }
        writer.write(command)
        return writer.bytes
    }

    package init(decoding bytes: Bytes) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        try self.init(endOf: &reader)
    }

    /// Reads a proposal that takes up the rest of what `reader` has.
    package init(endOf reader: inout ByteReader) throws(DecodingFailure) {
        idempotencyKey = try reader.read()
        let tag = try reader.readByte()
        if tag == Self.fenceTag {
            fence = try FenceCondition(from: &reader)
            command = try reader.read()
        } else {
            command = try Command(tag, from: &reader)
        }
        try reader.expectEnd()
    }

    /// In the place of a command's tag: a condition comes first.
    private static let fenceTag: UInt8 = 128
}

extension IdempotencyKey: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(string: client)
        writer.write(varint: number)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(client: try reader.readString(), number: try reader.readVarint())
    }
}

extension Command: BinaryCoded {
    /// A guess at the encoded size, so that most commands are written into one allocation.
    fileprivate var approximateBytes: Int {
        switch self {
        case .put(let put): put.key.count + put.value.count + 96
        case .transaction: 512
        case .renewLeases(let ids): ids.count * 8 + 64
        case .expireLeases(let due, _): due.count * 12 + 64
        default: 96
        }
    }

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .put(let put):
            writer.write(UInt8(1))
            writer.write(put)
        case .delete(let delete):
            writer.write(UInt8(2))
            writer.write(delete.selection)
            writer.write(delete.precondition)
        case .transaction(let transaction):
            writer.write(UInt8(3))
            writer.write(transaction)
        case .grantLease(let id, let ttl):
            writer.write(UInt8(4))
            writer.write(id)
            writer.write(ttl)
        case .renewLeases(let ids):
            writer.write(UInt8(5))
            writer.write(ids)
        case .revokeLease(let id):
            writer.write(UInt8(6))
            writer.write(id)
        case .expireLeases(let due, let term):
            writer.write(UInt8(7))
            writer.write(due)
            writer.write(varint: term.rawValue)
        case .compact(let revision):
            writer.write(UInt8(8))
            writer.write(revision)
        case .discardHistory(let revision):
            writer.write(UInt8(0x20))
            writer.write(revision)
        case .campaign(let campaign):
            writer.write(UInt8(9))
            writer.write(campaign)
        case .resign(let resignation):
            writer.write(UInt8(10))
            writer.write(resignation)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) { try self.init(try reader.readByte(), from: &reader) }

    fileprivate init(_ tag: UInt8, from reader: inout ByteReader) throws(DecodingFailure) {
        switch tag {
        case 1: self = .put(try reader.read())
        case 2: self = .delete(Delete(selection: try reader.read(), precondition: try reader.read()))
        case 3: self = .transaction(try reader.read())
        case 4: self = .grantLease(try reader.read(), ttl: try reader.read())
        case 5: self = .renewLeases(try reader.read())
        case 6: self = .revokeLease(try reader.read())
        case 7: self = .expireLeases(try reader.read(), term: Term(try reader.readVarint()))
        case 8: self = .compact(through: try reader.read())
        case 0x20: self = .discardHistory(before: try reader.read())
        case 9: self = .campaign(try reader.read())
        case 10: self = .resign(try reader.read())
        default: throw .invalid("command tag \(tag)")
        }
    }
}

extension LeaseGeneration: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(lease)
        writer.write(varint: generation)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(lease: try reader.read(), generation: try reader.readVarint())
    }
}

extension Put: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(bytes: key)
        writer.write(bytes: value)
        if keepsValue { writer.write(Self.keepsValueMark) }
        writer.write(precondition)
        writer.write(lease)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let key = try reader.readBytes()
        let value = try reader.readBytes()
        var tag = try reader.readByte()
        let keepsValue = tag == Self.keepsValueMark
        if keepsValue { tag = try reader.readByte() }
        self.init(
            key: key, value: value, precondition: try Precondition(tag: tag, from: &reader), lease: try reader.read(),
            keepsValue: keepsValue)
    }

    /// Stands before a precondition, whose tags are smaller.
    private static let keepsValueMark: UInt8 = 0x80
}

extension Precondition: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .none: writer.write(UInt8(0))
        case .absent: writer.write(UInt8(1))
        case .present: writer.write(UInt8(2))
        case .unchanged(let since):
            writer.write(UInt8(3))
            writer.write(since)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        try self.init(tag: try reader.readByte(), from: &reader)
    }

    fileprivate init(tag: UInt8, from reader: inout ByteReader) throws(DecodingFailure) {
        switch tag {
        case 0: self = .none
        case 1: self = .absent
        case 2: self = .present
        case 3: self = .unchanged(since: try reader.read())
        case let tag: throw .invalid("precondition tag \(tag)")
        }
    }
}

extension LeaseAttachment: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .none: writer.write(UInt8(0))
        case .existing(let id):
            writer.write(UInt8(1))
            writer.write(id)
        case .new(let id, let ttl):
            writer.write(UInt8(2))
            writer.write(id)
            writer.write(ttl)
        case .kept: writer.write(UInt8(0x20))
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 0: self = .none
        case 1: self = .existing(try reader.read())
        case 2: self = .new(try reader.read(), ttl: try reader.read())
        case 0x20: self = .kept
        case let tag: throw .invalid("lease attachment tag \(tag)")
        }
    }
}

extension KeySelection: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .key(let key):
            writer.write(UInt8(0))
            writer.write(bytes: key)
        case .range(let from, let to):
            writer.write(UInt8(to == nil ? 1 : 2))
            writer.write(bytes: from)
            if let to { writer.write(bytes: to) }
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 0: self = .key(try reader.readBytes())
        case 1: self = .range(from: try reader.readBytes(), to: nil)
        case 2: self = .range(from: try reader.readBytes(), to: try reader.readBytes())
        case let tag: throw .invalid("key selection tag \(tag)")
        }
    }
}

extension RangeQuery: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(selection)
        writer.write(Int64(limit))
        writer.write(optional: at)
        writer.write(keysOnly)
        writer.write(countOnly)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(
            selection: try reader.read(), limit: try reader.readInt(), at: try reader.read(),
            keysOnly: try reader.readBool(), countOnly: try reader.readBool())
    }
}
