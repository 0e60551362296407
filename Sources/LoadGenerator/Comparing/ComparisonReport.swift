/// The outcome of a comparison, for the terminal and for `Docs/BENCHMARKS.md`.
package struct ComparisonReport: Sendable {
    /// In the form `2026-01-31 12:00 UTC`.
    package var date: String
    package var machine: Machine
    package var versions: [TargetSystem: String]
    /// How it was run, in the words of the command line.
    package var settings: String
    package var samples: Samples
    /// What failed or was answered wrongly, one sentence each.
    package var problems: [String]

    package init(
        date: String, machine: Machine, versions: [TargetSystem: String], settings: String, samples: Samples,
        problems: [String]
    ) {
        self.date = date
        self.machine = machine
        self.versions = versions
        self.settings = settings
        self.samples = samples
        self.problems = problems
    }

    package var verdicts: [Verdict] { Row.all.map { Verdict($0, in: samples) }.filter { !$0.isEmpty } }

    private static let columns = ["", "Conclave", "etcd", "ratio", "target", ""]

    /// The whole report as Markdown.
    package var markdown: String {
        let header = [
            "| " + Self.columns.joined(separator: " | ") + " |", "|---|---:|---:|---:|---|---|",
        ]
        let table = header + cells.map { "| " + $0.joined(separator: " | ") + " |" }
        return (["## \(date)", ""] + facts.map { "- " + $0 } + [""] + table + problemLines).joined(separator: "\n")
            + "\n"
    }

    /// The table with columns aligned for a terminal.
    package var text: String {
        let rows = [Self.columns] + cells
        let widths = Self.columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            row.indices.map { column in
                let gap = String(repeating: " ", count: widths[column] - row[column].count)
                return (1...3).contains(column) ? gap + row[column] : row[column] + gap
            }.joined(separator: "  ")
        }
        return (facts + [""] + lines + problemLines).joined(separator: "\n") + "\n"
    }

    private var facts: [String] {
        let sync = machine.syncMicroseconds.map { "fdatasync of 4 KiB: \(FigureUnit.microseconds.text($0))" }
        let systems = TargetSystem.allCases.compactMap { system in
            versions[system].map { "\(system == .conclave ? "Conclave" : "etcd") \($0)" }
        }
        return [
            "machine: \(machine.cores) cores, \(machine.processor), \(Decimals.short(machine.memoryBytes / 1e9)) GB,"
                + " Linux \(machine.kernel), \(sync ?? "fdatasync: not measured")",
            "versions: " + systems.joined(separator: ", "), "run: " + settings,
        ]
    }

    private var cells: [[String]] {
        verdicts.map { verdict in
            [
                verdict.row.title, cell(verdict.conclave, verdict.conclaveRange, verdict.row),
                cell(verdict.etcd, verdict.etcdRange, verdict.row),
                verdict.ratio.map { Decimals.short($0) + "×" } ?? "–",
                verdict.row.goals.map { $0.text(unit: verdict.row.unit) }.joined(separator: ", "),
                judgement(verdict),
            ]
        }
    }

    private func cell(_ value: Double?, _ range: ClosedRange<Double>?, _ row: Row) -> String {
        guard let value else { return "–" }
        guard let range else { return row.unit.text(value) }
        return "\(row.unit.text(value)) (\(row.unit.text(range.lowerBound)) – \(row.unit.text(range.upperBound)))"
    }

    private func judgement(_ verdict: Verdict) -> String {
        if verdict.row.goals.isEmpty { return "" }
        return verdict.isMet.map { $0 ? "met" : "not met" } ?? "not judged"
    }

    private var problemLines: [String] {
        problems.isEmpty ? [] : ["", "Problems:", ""] + problems.map { "- " + $0 }
    }
}
