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
    func encode(into writer: inout ByteWriter) {
        writer.write(bytes: key)
        writer.write(relation.rawValue)
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
        guard let relation = Transaction.Relation(rawValue: tag) else { throw .invalid("relation tag \(tag)") }
        let target: Transaction.Target
        switch try reader.readByte() {
        case 0: target = .modRevision(try reader.readVarint())
        case 1: target = .createRevision(try reader.readVarint())
        case 2: target = .version(try reader.readVarint())
        case 3: target = .lease(try reader.readVarint())
        case 4: target = .value(try reader.readBytes())
        case let tag: throw .invalid("comparison target tag \(tag)")
        }
        self.init(key: key, target: target, relation: relation)
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
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.readByte() {
        case 0: self = .put(try reader.read())
        case 1: self = .get(try reader.read())
        case 2: self = .delete(try reader.read())
        case let tag: throw .invalid("operation tag \(tag)")
        }
    }
}
