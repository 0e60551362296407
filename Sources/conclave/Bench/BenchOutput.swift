import ArgumentParser
import Foundation
import LoadGenerator

/// What a workload prints: progress goes to standard error, the result to standard output.
enum BenchOutput {
    static func progress(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

    /// Lines of a name and a value, aligned; or one JSON object of the same numbers.
    static func print(_ title: String, _ fields: [BenchField], errors: ErrorTally, json: Bool) throws {
        if json {
            try printJSON(title, fields, errors)
        } else {
            let width = fields.map(\.label.count).max() ?? 0
            Swift.print(title)
            for field in fields {
                let gap = String(repeating: " ", count: width - field.label.count)
                Swift.print("  \(field.label)\(gap)  \(field.unit.text(field.value))")
            }
            for error in errors.ranked { Swift.print("  error: \(error.reason) (\(error.count) times)") }
        }
    }

    private static func printJSON(_ title: String, _ fields: [BenchField], _ errors: ErrorTally) throws {
        var object: [String: Any] = ["workload": title, "errors": errors.total, "errors_by_reason": errors.counts]
        for field in fields { object[field.name] = field.value }
        let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
        Swift.print(String(decoding: data, as: UTF8.self))
    }
}

/// One number of a result; `name` is its key in JSON.
struct BenchField {
    var name: String
    var label: String
    var value: Double
    var unit: FigureUnit

    init(_ name: String, _ label: String, _ value: Double, _ unit: FigureUnit) {
        self.name = name
        self.label = label
        self.value = value
        self.unit = unit
    }
}
