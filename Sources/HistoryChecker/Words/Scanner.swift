/// Why a line of a history is not one.
package struct HistoryFault: Error, Hashable, CustomStringConvertible {
    /// Counted from 1.
    package var line: Int
    package var complaint: String
    package var description: String { "line \(line) of the history: \(complaint)" }
}

/// Takes one line apart, word by word.
struct Scanner {
    private let line: UnsafeRawBufferPointer
    /// Where the next word begins.
    private var place = 0
    private let number: Int
    /// How many transactions the next word stands inside of, within another.
    var depth = 0
    static let deepest = 16

    init(_ line: UnsafeRawBufferPointer, number: Int) {
        self.line = line
        self.number = number
    }

    var isAtEnd: Bool { place >= line.count }

    func fault(_ complaint: String) -> HistoryFault { HistoryFault(line: number, complaint: complaint) }

    /// The bytes of the next word, which becomes the one before.
    private mutating func bytes() throws(HistoryFault) -> UnsafeRawBufferPointer {
        guard !isAtEnd else { throw fault("it ends too early") }
        let start = place
        while place < line.count, line[place] != UInt8(ascii: " ") { place += 1 }
        let word = UnsafeRawBufferPointer(rebasing: line[start..<place])
        place += 1
        return word
    }

    mutating func word() throws(HistoryFault) -> String { text(try bytes()) }

    /// A word that may be empty.
    mutating func value() throws(HistoryFault) -> String {
        let word = try word()
        return word == "~" ? "" : word
    }

    mutating func count() throws(HistoryFault) -> Int { Int(try number(try bytes(), radix: 10)) }
    mutating func time() throws(HistoryFault) -> Int64 { Int64(try number(try bytes(), radix: 10)) }
    mutating func revision() throws(HistoryFault) -> UInt64 { try number(try bytes(), radix: 10) }
    mutating func lease() throws(HistoryFault) -> UInt64 { try number(try bytes(), radix: 16) }

    /// Takes `word` if it is the next one.
    mutating func take(_ word: StaticString) -> Bool {
        let end = place + word.utf8CodeUnitCount
        guard end <= line.count, end == line.count || line[end] == UInt8(ascii: " ") else { return false }
        for offset in 0..<word.utf8CodeUnitCount where line[place + offset] != word.utf8Start[offset] { return false }
        place = end + 1
        return true
    }

    /// Takes the rest of the next word if it begins with `name`.
    mutating func field(_ name: StaticString) throws(HistoryFault) -> Field? {
        guard place + name.utf8CodeUnitCount <= line.count else { return nil }
        for offset in 0..<name.utf8CodeUnitCount where line[place + offset] != name.utf8Start[offset] { return nil }
        place += name.utf8CodeUnitCount
        return Field(bytes: try bytes())
    }

    /// What stands behind a name's equals sign.
    struct Field {
        fileprivate let bytes: UnsafeRawBufferPointer
    }

    func text(_ field: Field) -> String { text(field.bytes) }
    func decimal(_ field: Field) throws(HistoryFault) -> UInt64 { try number(field.bytes, radix: 10) }
    func lease(_ field: Field) throws(HistoryFault) -> UInt64 { try number(field.bytes, radix: 16) }

    /// Whether the next word is a record: no other word that stands where one may has an equals sign.
    var isRecord: Bool {
        var offset = place
        while offset < line.count, line[offset] != UInt8(ascii: " ") {
            if line[offset] == UInt8(ascii: "=") { return true }
            offset += 1
        }
        return false
    }

    /// `key=value@revision,created,version` and perhaps `,lease`.
    mutating func record() throws(HistoryFault) -> Record {
        let word = try bytes()
        guard let equals = word.firstIndex(of: UInt8(ascii: "=")), let at = word.firstIndex(of: UInt8(ascii: "@")),
            equals < at
        else { throw fault("\"\(text(word))\" is no record") }
        let numbers = word[(at + 1)...].split(separator: UInt8(ascii: ","))
        guard numbers.count == 3 || numbers.count == 4 else { throw fault("\"\(text(word))\" is no record") }
        let value = text(UnsafeRawBufferPointer(rebasing: word[(equals + 1)..<at]))
        return Record(
            key: text(UnsafeRawBufferPointer(rebasing: word[..<equals])), value: value == "~" ? "" : value,
            revision: try number(.init(rebasing: numbers[0]), radix: 10),
            created: try number(.init(rebasing: numbers[1]), radix: 10),
            version: try number(.init(rebasing: numbers[2]), radix: 10),
            lease: numbers.count == 4 ? try number(.init(rebasing: numbers[3]), radix: 16) : 0)
    }

    /// `id=value@fence,lease`
    mutating func someLeader() throws(HistoryFault) -> Office.Leader {
        let word = try bytes()
        guard let equals = word.firstIndex(of: UInt8(ascii: "=")), let at = word.firstIndex(of: UInt8(ascii: "@")),
            let comma = word.lastIndex(of: UInt8(ascii: ",")), equals < at, at < comma
        else { throw fault("\"\(text(word))\" is no leader") }
        let value = text(UnsafeRawBufferPointer(rebasing: word[(equals + 1)..<at]))
        return Office.Leader(
            text(UnsafeRawBufferPointer(rebasing: word[..<equals])), value == "~" ? "" : value,
            fence: try number(.init(rebasing: word[(at + 1)..<comma]), radix: 10),
            lease: try number(.init(rebasing: word[(comma + 1)...]), radix: 16))
    }

    private func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

    private func number(_ bytes: UnsafeRawBufferPointer, radix: UInt64) throws(HistoryFault) -> UInt64 {
        var result: UInt64 = 0
        for byte in bytes {
            guard let digit = digit(byte), digit < radix else { throw fault("\"\(text(bytes))\" is no number") }
            let (product, isTooLarge) = result.multipliedReportingOverflow(by: radix)
            let (sum, overflows) = product.addingReportingOverflow(digit)
            guard !isTooLarge, !overflows else { throw fault("\"\(text(bytes))\" is too large") }
            result = sum
        }
        guard !bytes.isEmpty else { throw fault("a number is missing") }
        guard radix == 16 || result <= Self.largest else { throw fault("\"\(text(bytes))\" is too large") }
        return result
    }

    /// Of times, revisions and counts: whatever the judge adds to them stays far from an overflow.
    private static let largest: UInt64 = 1 << 46

    private func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a")) + 10
        default: nil
        }
    }
}
