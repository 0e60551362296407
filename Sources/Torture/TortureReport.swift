package import Foundation
package import HistoryChecker

/// What a run came to.
package struct TortureReport: Sendable {
    package let verdict: Verdict
    /// How long the judge took.
    package let judged: Duration
    /// Answers that are not what the API says, and members that ended by themselves.
    package var complaints: [String] = []
    /// What was done; `nil` for a history that was only read.
    package var account: FaultAccount?
    /// Whether a kill lost what was not synced.
    package var losesUnsynced = false

    /// Reads a history and judges it.
    package init(judging history: URL) throws {
        let start = ContinuousClock.now
        let bytes = try Data(contentsOf: history, options: .mappedIfSafe)
        let recorded = try bytes.withUnsafeBytes { raw in
            Result { () throws(HistoryFault) in try RecordedHistory(reading: raw) }
        }.get()
        verdict = Judge.judge(recorded)
        judged = ContinuousClock.now - start
    }

    package var isClean: Bool { verdict.isClean && complaints.isEmpty }

    /// A name and a value per line.
    package var rows: [(name: String, value: String)] {
        let figures = verdict.figures
        var rows = [
            ("operations", "\(figures.operations)"),
            ("writes", "\(figures.writes), of which \(figures.unknown) of unknown outcome"),
            ("carried out of those", "\(figures.unknownCarriedOut)"),
            ("reads", "\(figures.reads), of which \(figures.staleReads) stale by wish"),
            ("repeated requests", "\(figures.repetitions)"),
            ("revisions", "\(figures.revisions)"),
            ("watches", "\(figures.watches), \(figures.told) changes told, \(figures.reconnections) reconnections"),
            ("leases", "\(figures.leases), \(figures.expiries) expired"),
            ("leaderships", "\(figures.leaderships)"),
            ("expiries late by", Self.percentiles(figures.lateness)),
            ("searched operations", "\(figures.searched), \(figures.unsearched) given up"),
        ]
        if let account { rows += self.rows(of: account) }
        let early = verdict.count(.leaseEarly) + verdict.count(.leaseRaised)
        rows += [
            ("lost", "\(verdict.count(.lost) + verdict.count(.refused))"),
            ("applied twice", "\(verdict.count(.twice))"),
            ("stale", "\(verdict.count(.stale) + verdict.count(.backwards))"), ("leases early", "\(early)"),
            ("rules broken", "\(Rule.allCases.filter { verdict.count($0) > 0 }.count) of \(Rule.allCases.count)"),
            ("judged in", "\(Int(judged / .milliseconds(1))) ms, \(Self.peakMegabytes) MB at most"),
        ]
        return rows
    }

    private func rows(of account: FaultAccount) -> [(name: String, value: String)] {
        let counts = account.counts.sorted { $0.key.rawValue < $1.key.rawValue }
        let recoveries = account.recoveries.sorted { $0.key.rawValue < $1.key.rawValue }
        return [
            ("faults", "\(account.faults): " + counts.map { "\($0.value) \($0.key)" }.joined(separator: ", ")),
            ("kills", "\(account.kills)" + (losesUnsynced ? ", each a loss of what was not synced" : "")),
            ("partitions", "\(account.partitions)"),
            ("syncs hung", "in \(account.hangs) members, of which \(account.hungLeaders) led"),
            ("syncs failed", "in \(account.failures) members, \(account.failureExits) of which ended and began again"),
            ("recovery of a lost leader", Self.percentiles(recoveries.flatMap(\.value))),
        ] + recoveries.map { ("  \($0.key)", Self.percentiles($0.value)) }
    }

    /// The table, and then whatever was wrong.
    package var text: String {
        let width = (rows.map(\.name.count).max() ?? 0) + 2
        let table = rows.map { $0.name.padding(toLength: width, withPad: " ", startingAt: 0) + $0.value }
        let wrong = verdict.violations.map(\.description) + complaints
        return (table + wrong).joined(separator: "\n")
    }

    /// Microseconds as milliseconds.
    private static func percentiles(_ values: [Int64]) -> String {
        let sorted = values.sorted()
        guard let last = sorted.last else { return "none measured" }
        func at(_ share: Double) -> Int64 { sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))] / 1000 }
        return "p50 \(at(0.5)) ms, p99 \(at(0.99)) ms, max \(last / 1000) ms, of \(sorted.count)"
    }

    private static var peakMegabytes: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Int(usage.ru_maxrss) / 1024
    }
}
