/// Reads a `text/event-stream` (HTML Living Standard §9.2.6) from pieces of any size.
struct EventStreamParser: Sendable {
    /// What the stream carries.
    enum Item: Hashable, Sendable {
        /// `id` is `nil` where the event names none.
        case event(name: String, data: [UInt8], id: String?)
        case comment(String)
    }

    /// An event above the bound.
    struct TooLarge: Error, Hashable {
        var limit: Int
    }

    /// Bytes of unfinished event that may be held.
    private let limit: Int
    private var buffer: [UInt8] = []
    /// The first byte of ``buffer`` that belongs to no finished line.
    private var lineStart = 0
    /// Up to here the unfinished line has no end.
    private var scanned = 0
    /// The last line ended in a carriage return: a line feed that follows belongs to it.
    private var skipsLineFeed = false
    private var atStreamStart = true

    private var name = ""
    private var data: [UInt8] = []
    private var hasData = false
    private var id: String?

    init(limit: Int) { self.limit = limit }

    mutating func append(_ bytes: some Sequence<UInt8>) {
        if lineStart > 0 {
            buffer.removeFirst(lineStart)
            scanned -= lineStart
            lineStart = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next complete item, or `nil` when more bytes are needed.
    mutating func next() throws(TooLarge) -> Item? {
        while let line = nextLine() {
            if let item = take(line) { return item }
            if data.count > limit { throw TooLarge(limit: limit) }
        }
        if buffer.count - lineStart > limit { throw TooLarge(limit: limit) }
        return nil
    }

    private mutating func nextLine() -> ArraySlice<UInt8>? {
        while scanned < buffer.count {
            let byte = buffer[scanned]
            scanned += 1
            if byte == UInt8(ascii: "\n"), skipsLineFeed {
                skipsLineFeed = false
                lineStart = scanned
                continue
            }
            skipsLineFeed = byte == UInt8(ascii: "\r")
            guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else { continue }
            var line = buffer[lineStart..<scanned - 1]
            lineStart = scanned
            if atStreamStart, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
            atStreamStart = false
            return line
        }
        return nil
    }

    /// Takes one line in; returns what it completes.
    private mutating func take(_ line: ArraySlice<UInt8>) -> Item? {
        guard !line.isEmpty else { return dispatch() }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "": return .comment(String(decoding: value, as: UTF8.self))
        case "event": name = String(decoding: value, as: UTF8.self)
        case "data":
            if hasData { data.append(UInt8(ascii: "\n")) }
            hasData = true
            data.append(contentsOf: value)
        case "id" where !value.contains(0): id = String(decoding: value, as: UTF8.self)
        default: break
        }
        return nil
    }

    /// An event without data is none, but the name and the id it carried end with it.
    private mutating func dispatch() -> Item? {
        defer {
            name = ""
            data = []
            hasData = false
            id = nil
        }
        guard hasData else { return nil }
        return .event(name: name.isEmpty ? "message" : name, data: data, id: id)
    }
}
