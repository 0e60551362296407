internal import Primitives

/// A piece of a larger binary form. Reading throws on any bytes that no writing makes, and never traps or reserves memory
/// on a mere claim.
protocol BinaryCoded {
    func encode(into writer: inout ByteWriter)
    init(from reader: inout ByteReader) throws(DecodingFailure)
}

extension ByteWriter {
    mutating func write(_ value: some BinaryCoded) { value.encode(into: &self) }

    mutating func write<Element: BinaryCoded>(_ elements: [Element]) {
        write(varint: UInt64(elements.count))
        for element in elements { element.encode(into: &self) }
    }

    /// Whether there is one, then it.
    mutating func write<Wrapped: BinaryCoded>(optional value: Wrapped?) {
        write(value != nil)
        value?.encode(into: &self)
    }
}

extension ByteReader {
    mutating func read<Value: BinaryCoded>() throws(DecodingFailure) -> Value { try Value(from: &self) }

    mutating func read<Element: BinaryCoded>() throws(DecodingFailure) -> [Element] {
        let count = try readCount()
        var elements: [Element] = []
        // An element takes more memory than the byte that claims it.
        elements.reserveCapacity(min(count, 64))
        for _ in 0..<count { elements.append(try Element(from: &self)) }
        return elements
    }

    mutating func read<Wrapped: BinaryCoded>() throws(DecodingFailure) -> Wrapped? {
        guard try readBool() else { return nil }
        return try Wrapped(from: &self)
    }

    /// A number that was an `Int`.
    mutating func readInt() throws(DecodingFailure) -> Int { Int(try readInt64()) }
}

// MARK: Identifiers and times

extension LeaseID: BinaryCoded {
    func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    init(from reader: inout ByteReader) throws(DecodingFailure) { self.init(try reader.readUInt64()) }
}

extension Revision: BinaryCoded {
    func encode(into writer: inout ByteWriter) { writer.write(varint: rawValue) }
    init(from reader: inout ByteReader) throws(DecodingFailure) { self.init(try reader.readVarint()) }
}

extension TimeSpan: BinaryCoded {
    func encode(into writer: inout ByteWriter) { writer.write(nanoseconds) }
    init(from reader: inout ByteReader) throws(DecodingFailure) { self.init(nanoseconds: try reader.readInt64()) }
}

extension ClusterTime: BinaryCoded {
    func encode(into writer: inout ByteWriter) { writer.write(nanoseconds) }
    init(from reader: inout ByteReader) throws(DecodingFailure) { self.init(nanoseconds: try reader.readInt64()) }
}

extension UInt64: BinaryCoded {
    func encode(into writer: inout ByteWriter) { writer.write(varint: self) }
    init(from reader: inout ByteReader) throws(DecodingFailure) { self = try reader.readVarint() }
}

extension DeletionReason: BinaryCoded {
    func encode(into writer: inout ByteWriter) { writer.write(rawValue) }
    init(from reader: inout ByteReader) throws(DecodingFailure) {
        let tag = try reader.readByte()
        guard let reason = DeletionReason(rawValue: tag) else { throw .invalid("deletion reason \(tag)") }
        self = reason
    }
}
