internal import Primitives

/// Shortens what Swift prints of a value to what a person reads: `Primitives.Term(rawValue: 3)` is 3, a member's number its
/// name, bytes that are letters are text, a case of an enumeration only that, and what is there stands without `Optional`.
struct Wording {
    private static let names = Dictionary(
        uniqueKeysWithValues: (1...5).map { (String(NodeID(name: "n\($0)").rawValue), "n\($0)") })

    private var rest: Substring
    private var written = ""

    static func plain(_ text: String) -> String {
        var wording = Wording(rest: text[...])
        while let next = wording.rest.first {
            wording.rest.removeFirst()
            // What closes more than was opened.
            wording.written.append(next == ")" ? ")" : wording.following(next))
        }
        return wording.written
    }

    /// What `first`, which is taken already, begins: a word with what belongs to it, or one character.
    private mutating func following(_ first: Character) -> String {
        if first == "\"" { return quoted() }
        if first == "[", let text = letters() { return text }
        guard first.isLetter || first.isNumber || first == "_" else { return String(first) }
        var word = String(first) + taken { $0.isLetter || $0.isNumber || $0 == "_" }
        // Of `Module.Type.Nested.itsCase` the last is enough.
        while word.first!.isUppercase, rest.first == ".", rest.dropFirst().first?.isLetter ?? false {
            rest.removeFirst()
            word = taken { $0.isLetter || $0.isNumber || $0 == "_" }
        }
        guard rest.first == "(" else { return Self.names[word] ?? word }
        rest.removeFirst()
        return Self.shortened(word, of: content())
    }

    private static func shortened(_ word: String, of content: String) -> String {
        if word == "Optional" { return content }
        for label in ["rawValue: ", "value: "] where content.hasPrefix(label) && !content.contains(", ") {
            return String(content.dropFirst(label.count))
        }
        if content.hasPrefix("nanoseconds: "), let span = Int64(content.dropFirst("nanoseconds: ".count)) {
            return "\(span / 1_000) µs"
        }
        return "\(word)(\(content))"
    }

    /// What stands before the parenthesis that closes one already taken, and that one taken, too.
    private mutating func content() -> String {
        var content = ""
        while let next = rest.popFirst(), next != ")" {
            if next == "(" {
                content += "(" + self.content() + ")"
            } else {
                content += following(next)
            }
        }
        return content
    }

    /// Bytes that are all letters, as text; `nil`, and nothing taken, when it is another list.
    private mutating func letters() -> String? {
        let list = rest.prefix { $0 != "]" }
        let bytes = list.split(separator: ", ").map { UInt8($0) ?? 0 }
        guard list.endIndex < rest.endIndex, !bytes.isEmpty, bytes.allSatisfy({ 32..<127 ~= $0 }) else { return nil }
        rest = rest[list.endIndex...].dropFirst()
        return "\"\(String(decoding: bytes, as: UTF8.self))\""
    }

    private mutating func quoted() -> String {
        var text = "\""
        while let next = rest.popFirst() {
            text.append(next)
            if next == "\\", let escaped = rest.popFirst() { text.append(escaped) }
            if next == "\"" { break }
        }
        return text
    }

    private mutating func taken(while belongs: (Character) -> Bool) -> String {
        let word = rest.prefix(while: belongs)
        rest = rest[word.endIndex...]
        return String(word)
    }
}
