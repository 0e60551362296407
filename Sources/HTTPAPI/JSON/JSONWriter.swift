package import NIOCore
package import Primitives

/// Writes JSON text into a buffer, one value after the other; commas are its own business.
package struct JSONWriter {
    package private(set) var buffer: ByteBuffer
    /// Whether the next value follows another one in the same object or array.
    private var followsValue = false

    package init(into buffer: ByteBuffer) { self.buffer = buffer }

    /// Lends the writer a buffer, or takes it back, without a moment at which both hold its memory.
    mutating func exchangeBuffer(_ other: inout ByteBuffer) { swap(&buffer, &other) }

    package mutating func object(_ fields: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "{"))
        fields(&self)
        close(UInt8(ascii: "}"))
    }

    package mutating func array(_ elements: (inout JSONWriter) -> Void) {
        open(UInt8(ascii: "["))
        elements(&self)
        close(UInt8(ascii: "]"))
    }

    /// A field's name; its value must be written next.
    package mutating func name(_ name: StaticString) {
        write(name, atMost: 0) { _ in }
        followsValue = false
    }

    /// A field's name, and what `value` writes behind it.
    private mutating func write(_ name: StaticString, atMost limit: Int, _ value: (inout PlainText) -> Void) {
        let separates = followsValue
        buffer.writeText(atMost: name.utf8CodeUnitCount + 4 + limit) { text in
            if separates { text.write(UInt8(ascii: ",")) }
            text.write(UInt8(ascii: "\""))
            text.write(name)
            text.write("\":")
            value(&text)
        }
        followsValue = true
    }

    package mutating func object(_ name: StaticString, _ fields: (inout JSONWriter) -> Void) {
        write(name, atMost: 1) { $0.write(UInt8(ascii: "{")) }
        followsValue = false
        fields(&self)
        close(UInt8(ascii: "}"))
    }

    package mutating func array(_ name: StaticString, _ elements: (inout JSONWriter) -> Void) {
        write(name, atMost: 1) { $0.write(UInt8(ascii: "[")) }
        followsValue = false
        elements(&self)
        close(UInt8(ascii: "]"))
    }

    package mutating func field(_ name: StaticString, _ value: UInt64) {
        write(name, atMost: PlainText.digits) { $0.write(decimal: value) }
    }

    package mutating func field(_ name: StaticString, _ value: Int) {
        field(name, UInt64(clamping: value))
    }

    package mutating func field(_ name: StaticString, _ value: Int64) {
        write(name, atMost: PlainText.digits + 1) { text in
            if value < 0 { text.write(UInt8(ascii: "-")) }
            text.write(decimal: value.magnitude)
        }
    }

    /// A number between quotes, for readers that know no whole numbers of 64 bits.
    package mutating func field(_ name: StaticString, number: UInt64) {
        write(name, atMost: PlainText.digits + 2) { text in
            text.write(UInt8(ascii: "\""))
            text.write(decimal: number)
            text.write(UInt8(ascii: "\""))
        }
    }

    package mutating func field(_ name: StaticString, number: Int64) {
        write(name, atMost: PlainText.digits + 3) { text in
            text.write(UInt8(ascii: "\""))
            if number < 0 { text.write(UInt8(ascii: "-")) }
            text.write(decimal: number.magnitude)
            text.write(UInt8(ascii: "\""))
        }
    }

    package mutating func field(_ name: StaticString, base64 bytes: Bytes) {
        self.name(name)
        buffer.writeInteger(UInt8(ascii: "\""))
        buffer.writeBase64(bytes)
        buffer.writeInteger(UInt8(ascii: "\""))
        followsValue = true
    }

    package mutating func field(_ name: StaticString, _ value: Bool) {
        write(name, atMost: 5) { $0.write(value ? "true" : "false") }
    }

    package mutating func field(_ name: StaticString, _ value: String) {
        self.name(name)
        string(value)
    }

    package mutating func field(_ name: StaticString, _ value: StaticString) {
        self.name(name)
        buffer.writeInteger(UInt8(ascii: "\""))
        buffer.writeStaticString(value)
        buffer.writeInteger(UInt8(ascii: "\""))
        followsValue = true
    }

    package mutating func field(_ name: StaticString, _ lease: LeaseID) {
        self.name(name)
        separate()
        buffer.writeInteger(UInt8(ascii: "\""))
        buffer.writeHexadecimal(lease.rawValue)
        buffer.writeInteger(UInt8(ascii: "\""))
        followsValue = true
    }

    mutating func null(_ name: StaticString) {
        self.name(name)
        buffer.writeStaticString("null")
        followsValue = true
    }

    /// Bytes under `name` when they are valid UTF-8, in base64 under `encodedName` otherwise.
    package mutating func field(_ name: StaticString, or encodedName: StaticString, _ bytes: Bytes) {
        if (try? UTF8Span(validating: bytes.span)) != nil {
            self.name(name)
            bytes.withUnsafeBytes { quoted($0) }
        } else {
            self.name(encodedName)
            buffer.writeInteger(UInt8(ascii: "\""))
            buffer.writeBase64(bytes)
            buffer.writeInteger(UInt8(ascii: "\""))
            followsValue = true
        }
    }

    mutating func string(_ value: String) {
        separate()
        var value = value
        value.withUTF8 { quoted(UnsafeRawBufferPointer($0)) }
    }

    /// Valid UTF-8 between quotes, with what RFC 8259 §7 wants escaped.
    private mutating func quoted(_ text: UnsafeRawBufferPointer) {
        buffer.writeInteger(UInt8(ascii: "\""))
        var written = 0
        for position in 0..<text.count where needsEscape(text[position]) {
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: text[written..<position]))
            escape(text[position])
            written = position + 1
        }
        buffer.writeBytes(UnsafeRawBufferPointer(rebasing: text[written...]))
        buffer.writeInteger(UInt8(ascii: "\""))
        followsValue = true
    }

    private func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): buffer.writeStaticString("\\\"")
        case UInt8(ascii: "\\"): buffer.writeStaticString("\\\\")
        case 0x08: buffer.writeStaticString("\\b")
        case 0x09: buffer.writeStaticString("\\t")
        case 0x0A: buffer.writeStaticString("\\n")
        case 0x0C: buffer.writeStaticString("\\f")
        case 0x0D: buffer.writeStaticString("\\r")
        default:
            buffer.writeStaticString("\\u00")
            buffer.writeInteger(hexadecimalDigit(byte >> 4))
            buffer.writeInteger(hexadecimalDigit(byte & 0xF))
        }
    }

    private mutating func separate() {
        if followsValue { buffer.writeInteger(UInt8(ascii: ",")) }
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        buffer.writeInteger(bracket)
        followsValue = false
    }

    private mutating func close(_ bracket: UInt8) {
        buffer.writeInteger(bracket)
        followsValue = true
    }
}
