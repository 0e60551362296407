/// Rows in columns as wide as they need to be.
struct Table {
    private var rows: [[String]]
    /// Columns that hold numbers, by position.
    private let rightAligned: Set<Int>

    init(_ titles: [String], rightAligned: Set<Int> = []) {
        rows = [titles]
        self.rightAligned = rightAligned
    }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// The table, its titles faint; no spaces at the ends of lines.
    var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { $0.count > column ? $0[column].visibleCount : 0 }.max() ?? 0
        }
        return rows.enumerated().map { number, row in
            var line = row.enumerated().map { pad($1, to: widths[$0], right: rightAligned.contains($0)) }
                .joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return number == 0 ? Tone.faint(line) : line
        }.joined(separator: "\n")
    }

    private func pad(_ text: String, to width: Int, right: Bool) -> String {
        let space = String(repeating: " ", count: max(0, width - text.visibleCount))
        return right ? space + text : text + space
    }
}

extension String {
    /// Characters that take a column on the screen: all but those that only set a colour.
    fileprivate var visibleCount: Int {
        var count = 0
        var isColor = false
        for character in self {
            if isColor {
                isColor = character != "m"
            } else if character == "\u{1B}" {
                isColor = true
            } else {
                count += 1
            }
        }
        return count
    }
}
