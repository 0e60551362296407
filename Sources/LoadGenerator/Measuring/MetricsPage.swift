/// A page in the Prometheus text format, as far as counters need it.
package enum MetricsPage {
    /// The sum of all samples called `name`, whatever their labels; `nil` if there is none.
    package static func sum(of name: String, in page: String) -> Double? {
        var sum: Double?
        for line in page.split(whereSeparator: \.isNewline) where line.hasPrefix(name) {
            if let sample = value(after: name, in: line) { sum = (sum ?? 0) + sample }
        }
        return sum
    }

    private static func value(after name: String, in line: Substring) -> Double? {
        var rest = line.dropFirst(name.count)
        if rest.first == "{" {
            guard let close = rest.lastIndex(of: "}") else { return nil }
            rest = rest[rest.index(after: close)...]
        }
        guard rest.first == " " else { return nil }
        return rest.split(separator: " ").first.flatMap { Double($0) }
    }
}
