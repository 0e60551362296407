internal import Primitives

/// The parameters of a query, taken one by one; what is left at the end was not asked for.
struct QueryParameters {
    private struct Item {
        var name: String
        /// `nil` when there was no `=`.
        var value: Bytes?
    }

    private var items: [Item] = []
    private var asked: [StaticString] = []

    init(_ query: ArraySlice<UInt8>) throws(Problem) {
        for piece in query.split(separator: UInt8(ascii: "&")) {
            let end = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
            guard let name = percentDecoded(piece[..<end]) else {
                throw .badRequest("the parameter name \(quoted(piece[..<end])) has a % without two hexadecimal digits")
            }
            var item = Item(name: String(decoding: name, as: UTF8.self), value: nil)
            if end < piece.endIndex {
                guard let value = percentDecoded(piece[(end + 1)...]) else {
                    throw .badRequest(
                        "the parameter \(item.name) is \(quoted(piece[(end + 1)...])), which has a % without two hexadecimal digits"
                    )
                }
                item.value = value
            }
            items.append(item)
        }
    }

    /// All values of a parameter that may be repeated, in order.
    mutating func takeAll(_ name: StaticString) throws(Problem) -> [Bytes] {
        // Names matter only to the message about one too many, and without items there is none.
        guard !items.isEmpty else { return [] }
        asked.append(name)
        var values: [Bytes] = []
        for item in items where item.name == name.description {
            guard let value = item.value else { throw .badRequest("the parameter \(name) has no value") }
            values.append(value)
        }
        items.removeAll { $0.name == name.description }
        return values
    }

    /// The value of a parameter that may be there once.
    mutating func take(_ name: StaticString) throws(Problem) -> Bytes? {
        let values = try takeAll(name)
        guard values.count <= 1 else {
            throw .badRequest("the parameter \(name) is there \(values.count) times; once is allowed")
        }
        return values.first
    }

    /// `name`, `name=true` or `name=false`; false when it is not there.
    mutating func takeFlag(_ name: StaticString) throws(Problem) -> Bool {
        if let bare = items.firstIndex(where: { $0.name == name.description && $0.value == nil }) {
            items[bare].value = Array("true".utf8)
        }
        guard let value = try take(name) else { return false }
        switch value {
        case Array("true".utf8): return true
        case Array("false".utf8): return false
        default: throw .badRequest("the parameter \(name) is \(quoted(value)); it must be true or false")
        }
    }

    /// Refuses parameters that nobody asked for.
    func finish() throws(Problem) {
        guard let extra = items.first else { return }
        let allowed = asked.isEmpty ? "none is" : asked.map(\.description).joined(separator: ", ") + " are"
        throw .badRequest("the parameter \(quoted(extra.name.utf8)) is not known here; \(allowed) allowed")
    }
}
