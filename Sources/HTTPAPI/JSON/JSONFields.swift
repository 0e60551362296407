internal import Primitives

/// The fields of one JSON object, taken one by one; what is left at the end was not asked for.
struct JSONFields {
    private var fields: [JSONValue.Field]
    private var asked: [String] = []
    /// Where in the body the object stands, as an error message names it: `if[0]`; empty for the body itself.
    let path: String

    init(_ value: JSONValue, at path: String) throws(Problem) {
        guard case .object(let fields) = value else {
            throw .badRequest("\(path.isEmpty ? "the body" : path) is \(value.kind); it must be an object")
        }
        self.fields = fields
        self.path = path
    }

    /// The body as one object; the empty body is an error that says so.
    init(body: Bytes) throws(Problem) {
        let value: JSONValue
        do { value = try JSONParser.parse(body) } catch {
            throw .badRequest("the body is not valid JSON: \(error.reason), at byte \(error.position)")
        }
        try self.init(value, at: "")
    }

    /// The full name of a field, as an error message names it.
    func name(_ field: String) -> String { path.isEmpty ? field : "\(path).\(field)" }

    mutating func take(_ name: String) -> JSONValue? {
        asked.append(name)
        guard let place = fields.firstIndex(where: { $0.name == name }) else { return nil }
        return fields.remove(at: place).value
    }

    /// The string of `name`, or the bytes of `<name>_base64`; `nil` when neither is there, an error when both are.
    mutating func takeBytes(_ name: String) throws(Problem) -> Bytes? {
        let plain = take(name)
        let encoded = take(name + "_base64")
        switch (plain, encoded) {
        case (nil, nil): return nil
        case (.some, .some): throw .badRequest("\(self.name(name)) and \(self.name(name))_base64 exclude each other")
        case (.some(.string(let bytes)), nil): return bytes
        case (.some(let other), nil): throw mistyped(name, other, "a string")
        case (nil, .some(.string(let text))):
            guard let bytes = decodeBase64(text) else {
                throw .badRequest("\(self.name(name))_base64 is \(quoted(text)); it must be padded base64")
            }
            return bytes
        case (nil, .some(let other)): throw mistyped(name + "_base64", other, "a string of base64")
        }
    }

    mutating func takeString(_ name: String, _ allowed: String) throws(Problem) -> Bytes? {
        switch take(name) {
        case nil: return nil
        case .string(let bytes): return bytes
        case .some(let other): throw mistyped(name, other, allowed)
        }
    }

    mutating func takeInteger(_ name: String, _ allowed: String) throws(Problem) -> UInt64? {
        switch take(name) {
        case nil: return nil
        case .integer(let value): return value
        case .some(let other): throw mistyped(name, other, allowed)
        }
    }

    mutating func takeFlag(_ name: String) throws(Problem) -> Bool {
        switch take(name) {
        case nil: return false
        case .boolean(let value): return value
        case .some(let other): throw mistyped(name, other, "true or false")
        }
    }

    /// The elements of an array; none when the field is not there.
    mutating func takeArray(_ name: String, atMost limit: Int) throws(Problem) -> [JSONValue] {
        switch take(name) {
        case nil: return []
        case .array(let elements):
            guard elements.count <= limit else {
                throw .badRequest("\(self.name(name)) has \(elements.count) elements; at most \(limit) are allowed")
            }
            return elements
        case .some(let other): throw mistyped(name, other, "an array")
        }
    }

    /// Refuses fields that nobody asked for.
    func finish() throws(Problem) {
        guard let extra = fields.first else { return }
        throw .badRequest(
            "the field \(quoted(name(extra.name).utf8)) is not known here; allowed are \(asked.joined(separator: ", "))"
        )
    }

    func mistyped(_ field: String, _ value: JSONValue, _ allowed: String) -> Problem {
        .badRequest("\(name(field)) is \(value.kind); it must be \(allowed)")
    }

    func missing(_ field: String) -> Problem {
        .badRequest("\(name(field)) is missing")
    }
}
