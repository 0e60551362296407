import ConclaveClient

/// What the demo measured, and what was wrong.
struct Report: Sendable {
    /// One line of the table.
    struct Row: Sendable {
        /// The member's name in the JSON.
        var name: String
        var title: String
        var value: String
        /// Milliseconds or a count, for the JSON.
        var number: Double
    }

    private(set) var rows: [Row] = []
    /// Sentences; empty when every promise was kept.
    var problems: [String] = []

    mutating func add(_ name: String, _ title: String, _ duration: Duration, note: String = "") {
        let milliseconds = duration.inMilliseconds
        let value = "\(fixed(milliseconds, places: 1)) ms" + (note.isEmpty ? "" : "  \(note)")
        rows.append(Row(name: name + "_ms", title: title, value: value, number: (milliseconds * 10).rounded() / 10))
    }

    mutating func add(_ name: String, _ title: String, _ count: Int, note: String = "") {
        rows.append(
            Row(name: name, title: title, value: "\(count)" + (note.isEmpty ? "" : "  \(note)"), number: Double(count)))
    }

    /// The table and the verdict, for people.
    var text: String {
        var table = Table(["WHAT", "MEASURED"])
        for row in rows { table.add([row.title, row.value]) }
        let promises = "one leader at a time, no early expiry, no event missed or doubled, no write lost"
        let verdict =
            problems.isEmpty
            ? Tone.green("All promises kept: \(promises).")
            : ([Tone.red("Promises broken:")] + problems.prefix(20).map { "  \($0)" }).joined(separator: "\n")
        return "\n\(table.text)\n\n\(verdict)"
    }

    var json: JSONValue {
        .object([
            ("ok", .bool(problems.isEmpty)),
            ("measured", .object(rows.map { ($0.name, .real($0.number)) })),
            ("problems", .array(problems.map { .string($0) })),
        ])
    }
}
