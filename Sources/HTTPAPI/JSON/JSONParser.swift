internal import Primitives

/// Why a text is not a JSON document that this API takes, and where.
struct JSONFailure: Error, Equatable {
    var reason: String
    /// Offset of the byte at which it was noticed.
    var position: Int
}

/// Reads one JSON document (RFC 8259), strictly: no duplicate names, no lone surrogates, bounded depth and count.
struct JSONParser {
    private let text: Bytes
    private var position = 0
    /// Values that may still be read.
    private var allowance = Limits.jsonValues

    private init(_ text: Bytes) { self.text = text }

    static func parse(_ text: Bytes) throws(JSONFailure) -> JSONValue {
        var parser = JSONParser(text)
        parser.skipSpace()
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == text.count else { throw parser.failure("something follows the document") }
        return value
    }

    private func failure(_ reason: String) -> JSONFailure { JSONFailure(reason: reason, position: position) }
    private var next: UInt8? { position < text.count ? text[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(JSONFailure) {
        guard take(byte) else { throw failure("\"\(Character(Unicode.Scalar(byte)))\" is missing") }
    }

    private mutating func value(depth: Int) throws(JSONFailure) -> JSONValue {
        guard depth <= Limits.jsonDepth else { throw failure("more than \(Limits.jsonDepth) levels deep") }
        guard allowance > 0 else { throw failure("more than \(Limits.jsonValues) values") }
        allowance -= 1
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case let digit? where digit == UInt8(ascii: "-") || isDigit(digit): return try number()
        case nil: throw failure("the document ends too early")
        default: throw failure("no JSON value begins like this")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONFailure) -> JSONValue {
        let end = position + word.utf8CodeUnitCount
        guard end <= text.count, word.equals(text[position..<end]) else { throw failure("no such word in JSON") }
        position = end
        return value
    }

    private mutating func array(depth: Int) throws(JSONFailure) -> [JSONValue] {
        position += 1
        skipSpace()
        var elements: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            skipSpace()
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return elements }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func object(depth: Int) throws(JSONFailure) -> [JSONValue.Field] {
        position += 1
        skipSpace()
        var fields: [JSONValue.Field] = []
        var names: Set<String> = []
        if take(UInt8(ascii: "}")) { return fields }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw failure("a field's name is missing") }
            let name = String(decoding: try string(), as: UTF8.self)
            guard names.insert(name).inserted else { throw failure("the field \(quoted(name.utf8)) is there twice") }
            skipSpace()
            try expect(UInt8(ascii: ":"))
            skipSpace()
            fields.append(JSONValue.Field(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return fields }
            try expect(UInt8(ascii: ","))
        }
    }
}

// MARK: - Numbers

extension JSONParser {
    private mutating func number() throws(JSONFailure) -> JSONValue {
        let start = position
        var integral = !take(UInt8(ascii: "-"))
        let digits = position
        try skipDigits()
        guard text[digits] != UInt8(ascii: "0") || position == digits + 1 else {
            throw failure("a number begins with 0")
        }
        if take(UInt8(ascii: ".")) {
            integral = false
            try skipDigits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            integral = false
            position += 1
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try skipDigits()
        }
        let written = text[start..<position]
        if integral, let value = parseDecimal(written) { return .integer(value) }
        return .number(String(decoding: written.prefix(40), as: UTF8.self))
    }

    private mutating func skipDigits() throws(JSONFailure) {
        let start = position
        while let byte = next, isDigit(byte) { position += 1 }
        guard position > start else { throw failure("a digit is missing") }
    }
}

// MARK: - Strings

extension JSONParser {
    private mutating func string() throws(JSONFailure) -> Bytes {
        let start = position
        position += 1
        var bytes: Bytes = []
        var copied = position
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                bytes.append(contentsOf: text[copied..<position])
                position += 1
                guard (try? UTF8Span(validating: bytes.span)) != nil else {
                    throw JSONFailure(reason: "a string is not valid UTF-8", position: start)
                }
                return bytes
            case UInt8(ascii: "\\"):
                bytes.append(contentsOf: text[copied..<position])
                position += 1
                try escape(into: &bytes)
                copied = position
            case 0..<0x20: throw failure("a control character in a string is not escaped")
            default: position += 1
            }
        }
        throw failure("a string does not end")
    }

    private mutating func escape(into bytes: inout Bytes) throws(JSONFailure) {
        guard let letter = next else { throw failure("a string does not end") }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try unicodeScalar()
            bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw failure("no such escape in a string")
        }
    }

    /// One `\uXXXX`, or two of them that make a surrogate pair; the first `\u` is already read.
    private mutating func unicodeScalar() throws(JSONFailure) -> Unicode.Scalar {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw failure("half of a surrogate pair")
        }
        let second = try fourDigits()
        guard second >= 0xDC00, second <= 0xDFFF,
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw failure("half of a surrogate pair") }
        return scalar
    }

    private mutating func fourDigits() throws(JSONFailure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = hexadecimalValue(byte) else { throw failure("\\u wants four digits") }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
