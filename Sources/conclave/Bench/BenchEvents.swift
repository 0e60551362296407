import ArgumentParser
import LoadGenerator
import LocalProcesses

/// `conclave bench watch`
struct BenchWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Watchers of one key, each on its own connection: how long until all are told of a change.")
    @OptionGroup var target: BenchTargetOptions

    @Option(help: "Watchers.")
    var watchers = 2_000

    @Option(help: "Changes, one at a time.")
    var changes = 7

    @Option(
        name: .customLong("server-pid"),
        help: "A server's process id on this machine, to measure its memory per watching connection; may be repeated.")
    var serverPids: [Int32] = []

    func validate() throws {
        guard (1...50_000).contains(watchers) else {
            throw ValidationError("--watchers must be from 1 to 50000, not \(watchers)")
        }
        guard (1...10_000).contains(changes) else {
            throw ValidationError("--changes must be from 1 to 10000, not \(changes)")
        }
    }

    func run() async throws {
        let workload = WatchWorkload(
            on: target.target, endpoints: try target.parsedEndpoints(), watchers: watchers, changes: changes,
            loops: target.loops)
        let before = ProcessFigures.sum(pids: serverPids)
        var open: ProcessFigures?
        let result = try await workload.run {
            open = ProcessFigures.sum(pids: serverPids)
            BenchOutput.progress("\(watchers) watchers are connected")
        }
        let last = result.tellings.map(\.last)
        var fields = [
            BenchField(
                "median_ms", "median told after", Sample.median(of: result.tellings.map(\.median)) ?? 0, .milliseconds),
            BenchField("last_ms", "last told after", Sample.median(of: last) ?? 0, .milliseconds),
            BenchField("worst_last_ms", "last told after, worst change", last.max() ?? 0, .milliseconds),
        ]
        if let before, let open, !serverPids.isEmpty {
            let grown = (open.residentBytes - before.residentBytes) / Double(watchers)
            fields.append(BenchField("bytes_per_watcher", "servers' memory per watcher", grown, .bytes))
        }
        try BenchOutput.print("watch", fields, errors: result.errors, json: target.json)
        if result.errors.total > 0 { throw ExitCode(1) }
    }
}

/// `conclave bench expiry`
struct BenchExpiry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expiry",
        abstract: "Leases of 2 s that nobody renews: how much later a watcher is told that their keys went.")
    @OptionGroup var target: BenchTargetOptions

    @Option(help: "Leases.")
    var leases = 100

    func validate() throws {
        guard (1...10_000).contains(leases) else {
            throw ValidationError("--leases must be from 1 to 10000, not \(leases)")
        }
    }

    func run() async throws {
        let workload = ExpiryWorkload(on: target.target, endpoints: try target.parsedEndpoints(), leases: leases)
        let result = try await workload.run()
        let fields = [50.0, 99, 100].map { percent in
            let label = percent == 100 ? "longest" : "p\(Decimals.short(percent))"
            let lag = Sample.percentile(percent, of: result.lags) ?? 0
            return BenchField("\(label)_ms", "beyond TTL, \(label)", lag, .milliseconds)
        }
        try BenchOutput.print("expiry", fields, errors: result.errors, json: target.json)
        if result.errors.total > 0 { throw ExitCode(1) }
    }
}

/// `conclave bench failover`
struct BenchFailover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract: "Write continually while something happens to the servers: how long nobody could write.")
    @OptionGroup var target: BenchTargetOptions

    @Option(help: "A shell command that does it, for instance 'kill -9 4711'.")
    var action: String

    func run() async throws {
        let workload = FailoverWorkload(on: target.target, endpoints: try target.parsedEndpoints())
        let result = try await workload.run { [action] in try await ShellCommand.run(action) }
        let fields = [
            BenchField("gap_ms", "longest time without a write", result.gap, .milliseconds),
            BenchField("writes", "writes", Double(result.successes), .count),
            BenchField("failed_attempts", "failed attempts", Double(result.failures.total), .count),
        ]
        try BenchOutput.print("failover", fields, errors: ErrorTally(), json: target.json)
    }
}
