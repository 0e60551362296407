internal import Primitives

extension Transaction: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        writer.write(comparisons)
        writer.write(then)
        writer.write(otherwise)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        self.init(comparisons: try reader.read(), then: try reader.read(), otherwise: try reader.read())
    }
}

extension Transaction.Comparison: BinaryCoded {
    /// Added to the relation's tag when a range is compared, and when the range has an upper end.
    private static let rangeMark: UInt8 = 0x20
    private static let boundedMark: UInt8 = 0x40

    func encode(into writer: inout ByteWriter) {
        switch selection {
        case .key(let key):
            writer.write(bytes: key)
            writer.write(relation.rawValue)
        case .range(let from, let to):
            writer.write(bytes: from)
            writer.write(relation.rawValue | Self.rangeMark | (to == nil ? 0 : Self.boundedMark))
            if let to { writer.write(bytes: to) }
        }
        switch target {
        case .modRevision(let number): writer.write(0, number)
        case .createRevision(let number): writer.write(1, number)
        case .version(let number): writer.write(2, number)
        case .lease(let number): writer.write(3, number)
        case .value(let bytes):
            writer.write(UInt8(4))
            writer.write(bytes: bytes)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let key = try reader.readBytes()
        let tag = try reader.readByte()
        let (isRange, isBounded) = (tag & Self.rangeMark != 0, tag & Self.boundedMark != 0)
        guard isRange || !isBounded,
            let relation = Transaction.Relation(rawValue: tag & ~(Self.rangeMark | Self.boundedMark))
        else { throw .invalid("relation tag \(tag)") }
        let selection: KeySelection =
            isRange ? .range(from: key, to: isBounded ? try reader.readBytes() : nil) : .key(key)
        let target: Transaction.Target
        switch try reader.readByte() {
        case 0: target = .modRevision(try reader.readVarint())
        case 1: target = .createRevision(try reader.readVarint())
        case 2: target = .version(try reader.readVarint())
        case 3: target = .lease(try reader.readVarint())
        case 4: target = .value(try reader.readBytes())
        case let tag: throw .invalid("comparison target tag \(tag)")
        }
        self.init(selection: selection, target: target, relation: relation)
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ tag: UInt8, _ number: UInt64) {
        write(tag)
        write(varint: number)
    }
}

extension Transaction.Operation: BinaryCoded {
    func encode(into writer: inout ByteWriter) {
        switch self {
        case .put(let put):
            writer.write(UInt8(0))
            writer.write(put)
        case .get(let query):
            writer.write(UInt8(1))
            writer.write(query)
        case .delete(let selection):
            writer.write(UInt8(2))
            writer.write(selection)
        case .transaction(let inner):
            writer.write(UInt8(0x20))
            writer.write(inner)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 0: self = .put(try reader.read())
        case 1: self = .get(try reader.read())
        case 2: self = .delete(try reader.read())
        case 0x20:
            try reader.descend(limit: Limits.transactionDepth)
            self = .transaction(try reader.read())
            reader.ascend()
        case let tag: throw .invalid("operation tag \(tag)")
        }
    }
}
