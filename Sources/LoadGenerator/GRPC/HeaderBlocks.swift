internal import NIOCore
internal import NIOHPACK

/// Makes the header blocks of a connection's requests (RFC 7541): the first leaves its fields in the server's table, and
/// those after it name their places there.
struct RequestHeaders {
    private let authority: String
    /// The path in the server's table.
    private var known: String?

    init(authority: String) { self.authority = authority }

    mutating func write(_ path: String, into buffer: inout ByteBuffer) {
        // ":method: POST" and ":scheme: http" are in the table that everybody has.
        buffer.writeMultipleIntegers(UInt8(0x83), UInt8(0x86))
        guard let known else {
            self.known = path
            buffer.writeInteger(UInt8(0x40 | 4))
            buffer.writeHPACK(path)
            buffer.writeInteger(UInt8(0x40 | 1))
            buffer.writeHPACK(authority)
            buffer.writeInteger(UInt8(0x40 | 31))
            buffer.writeHPACK("application/grpc")
            buffer.writeInteger(UInt8(0x40))
            buffer.writeHPACK("te")
            buffer.writeHPACK("trailers")
            return
        }
        if path == known {
            buffer.writeInteger(UInt8(0x80 | 65))
        } else {
            // A name from the table with a value that is not to be kept.
            buffer.writeInteger(UInt8(4))
            buffer.writeHPACK(path)
        }
        buffer.writeMultipleIntegers(UInt8(0x80 | 64), UInt8(0x80 | 63), UInt8(0x80 | 62))
    }
}

extension ByteBuffer {
    /// A text without Huffman's code; all that are written here are short.
    fileprivate mutating func writeHPACK(_ text: String) {
        precondition(text.utf8.count < 127, "a longer text needs a longer length")
        writeInteger(UInt8(text.utf8.count))
        writeString(text)
    }
}

/// Reads the header blocks of a connection's answers.
struct AnswerHeaders {
    enum Meaning: Equatable {
        /// The answer begins.
        case begun
        case ended(status: UInt)
        case malformed(String)
    }

    private var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    /// A block of places in the table alone changes no table, so the same bytes mean the same until one that does comes.
    private var remembered: [(block: UInt64, meaning: Meaning)] = []

    mutating func read(_ block: ByteBuffer) -> Meaning {
        let places = Self.places(block)
        if let places, let known = remembered.first(where: { $0.block == places }) { return known.meaning }
        if places == nil { remembered.removeAll(keepingCapacity: true) }
        var block = block
        guard let headers = try? decoder.decodeHeaders(from: &block) else { return .malformed("headers") }
        let meaning = Self.meaning(of: headers)
        if let places, remembered.count < 4 { remembered.append((places, meaning)) }
        return meaning
    }

    /// The block as a number if each of its bytes is a field that is a place in the table.
    private static func places(_ block: ByteBuffer) -> UInt64? {
        guard block.readableBytes < 8 else { return nil }
        var number: UInt64 = 1
        for byte in block.readableBytesView {
            guard byte > 0x80, byte < 0xFF else { return nil }
            number = number << 8 | UInt64(byte)
        }
        return number
    }

    private static func meaning(of headers: HPACKHeaders) -> Meaning {
        if let status = headers.first(name: ":status"), status != "200" { return .malformed("HTTP status \(status)") }
        guard let code = headers.first(name: "grpc-status") else { return .begun }
        return UInt(code).map { .ended(status: $0) } ?? .malformed("grpc-status")
    }
}
