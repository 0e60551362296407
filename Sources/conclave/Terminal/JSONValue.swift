import ConclaveClient
import Foundation

/// JSON for `--json`: members stay in the order given.
enum JSONValue {
    case object([(String, JSONValue)])
    case array([JSONValue])
    case string(String)
    case number(Int64)
    case real(Double)
    case bool(Bool)
    case null

    static func number(_ value: UInt64) -> JSONValue { .number(Int64(clamping: value)) }
    static func number(_ value: Int) -> JSONValue { .number(Int64(value)) }
    static func optional<T>(_ value: T?, _ convert: (T) -> JSONValue) -> JSONValue { value.map(convert) ?? .null }

    /// The value on one line.
    var text: String {
        switch self {
        case .object(let members):
            "{" + members.map { quote($0) + ":" + $1.text }.joined(separator: ",") + "}"
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .string(let string): quote(string)
        case .number(let number): String(number)
        case .real(let number): String(number)
        case .bool(let bool): bool ? "true" : "false"
        case .null: "null"
        }
    }

    /// A member for raw bytes: `name` as text, or `name_base64`.
    static func member(_ name: String, _ bytes: ByteString) -> (String, JSONValue) {
        if let text = bytes.text { return (name, .string(text)) }
        return (name + "_base64", .string(Data(bytes.bytes).base64EncodedString()))
    }
}

/// RFC 8259 §7.
private func quote(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": quoted += "\\\""
        case "\\": quoted += "\\\\"
        case "\n": quoted += "\\n"
        case "\r": quoted += "\\r"
        case "\t": quoted += "\\t"
        case "\u{0}"..<" ":
            let digits = String(scalar.value, radix: 16)
            quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: quoted.unicodeScalars.append(scalar)
        }
    }
    return quoted + "\""
}
