import Consensus
import Primitives

/// A command that a stage does not understand.
struct BadCommand: Error {
    var line: String
}

/// One line of a scenario, in words: bare ones in order, and `key=value` ones.
struct Command {
    let line: String
    let verb: String
    private var words: [String]
    private let options: [String: String]

    init(_ line: String) throws {
        self.line = line
        var words: [String] = []
        var options: [String: String] = [:]
        for word in line.split(separator: " ").map(String.init) {
            if let equals = word.firstIndex(of: "="), equals != word.startIndex {
                options[String(word[..<equals])] = String(word[word.index(after: equals)...])
            } else {
                words.append(word)
            }
        }
        guard let verb = words.first else { throw BadCommand(line: line) }
        self.verb = verb
        self.words = Array(words.dropFirst())
        self.options = options
    }

    var refusal: BadCommand { BadCommand(line: line) }

    var count: Int { words.count }

    func word(_ place: Int) throws -> String {
        guard place < words.count else { throw refusal }
        return words[place]
    }

    func option(_ name: String) -> String? { options[name] }

    func number(_ name: String) throws -> UInt64? {
        guard let text = options[name] else { return nil }
        guard let number = UInt64(text) else { throw refusal }
        return number
    }

    func number(at place: Int) throws -> UInt64 {
        guard let number = UInt64(try word(place)) else { throw refusal }
        return number
    }

    /// `1,1,2` as numbers.
    func numbers(_ name: String) throws -> [UInt64] {
        try (options[name] ?? "").split(separator: ",").map { part in
            guard let number = UInt64(part) else { throw refusal }
            return number
        }
    }

    /// `3/2` as index 3, term 2.
    func position(_ name: String) throws -> (index: LogIndex, term: Term)? {
        guard let text = options[name] else { return nil }
        let parts = text.split(separator: "/").compactMap { UInt64($0) }
        guard parts.count == 2 else { throw refusal }
        return (LogIndex(parts[0]), Term(parts[1]))
    }

    /// `250ms` as a span.
    func span(at place: Int) throws -> TimeSpan {
        let text = try word(place)
        guard text.hasSuffix("ms"), let number = Int64(text.dropLast(2)) else { throw refusal }
        return .milliseconds(number)
    }
}
