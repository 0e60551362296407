internal import Primitives

/// A JSON document as it was read. Strings are valid UTF-8, names of an object are unique.
enum JSONValue: Equatable {
    case null
    case boolean(Bool)
    /// A number without fraction and exponent, from 0 to 2^63 - 1: the only ones this API takes.
    case integer(UInt64)
    /// Any other number, as it was written.
    case number(String)
    case string(Bytes)
    case array([JSONValue])
    case object([Field])

    struct Field: Equatable {
        var name: String
        var value: JSONValue
    }

    /// What it is, as an error message names it.
    var kind: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "the boolean \(value)"
        case .integer(let value): "the number \(value)"
        case .number(let text): "the number \(text)"
        case .string(let bytes): "the string \(quoted(bytes))"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// Bytes of a client as an error message shows them: quoted, cut to a readable length, harmless.
func quoted(_ bytes: some Collection<UInt8>) -> String {
    let shown = bytes.prefix(60).map { byte -> Character in
        byte >= 0x20 && byte < 0x7F ? Character(Unicode.Scalar(byte)) : "?"
    }
    return "\"" + String(shown) + (bytes.count > 60 ? "…" : "") + "\""
}
