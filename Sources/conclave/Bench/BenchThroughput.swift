import ArgumentParser
import LoadGenerator
import NIOCore

/// Runs one throughput workload and prints what it measured.
enum BenchThroughput {
    static func run(
        _ kind: ThroughputKind, target: BenchTargetOptions, load: BenchLoadOptions, connections: Int
    ) async throws {
        var plan = LoadPlan(
            endpoints: try target.parsedEndpoints(), connections: connections, loops: target.loops,
            warmUp: load.warmUp.amount, bound: load.bound, rate: load.rate, timeout: load.timeout.amount)
        let workload = ThroughputWorkload(kind, on: target.target, keys: load.keys, valueSize: load.valueSize)
        if !load.serverPids.isEmpty { try await warmUp(&plan, workload) }
        let source = try await workload.prepare(plan)
        let before = try figures(of: load.serverPids)
        let result = try await LoadRunner.run(plan, source: source) { BenchOutput.progress($0.line) }
        let after = try figures(of: load.serverPids)
        try BenchOutput.print(
            kind.rawValue, fields(result) + costs(result, before, after), errors: result.errors, json: target.json)
        if result.errors.total > 0 { throw ExitCode(1) }
    }

    /// Warms up in a run of its own, so that the servers' CPU is read between the warm-up and what is measured.
    private static func warmUp(_ plan: inout LoadPlan, _ workload: ThroughputWorkload) async throws {
        var run = plan
        run.bound = .duration(plan.warmUp)
        run.warmUp = .zero
        _ = try await LoadRunner.run(run, source: try await workload.prepare(run))
        plan.warmUp = .zero
    }

    private static func figures(of pids: [Int32]) throws -> ProcessFigures? {
        guard !pids.isEmpty else { return nil }
        guard let figures = ProcessFigures.sum(pids: pids) else {
            throw WorkloadFailure("--server-pid: no such process on this machine")
        }
        return figures
    }

    private static func fields(_ result: LoadResult) -> [BenchField] {
        [
            BenchField("requests", "requests", Double(result.completed), .count),
            BenchField("seconds", "seconds", Double(result.elapsed.nanoseconds) / 1e9, .count),
            BenchField("rate_per_second", "rate", result.rate, .perSecond),
            BenchField("mean_ms", "mean", result.latency.meanMilliseconds, .milliseconds),
            BenchField("p50_ms", "p50", result.latency.milliseconds(at: 50), .milliseconds),
            BenchField("p90_ms", "p90", result.latency.milliseconds(at: 90), .milliseconds),
            BenchField("p99_ms", "p99", result.latency.milliseconds(at: 99), .milliseconds),
            BenchField("p999_ms", "p99.9", result.latency.milliseconds(at: 99.9), .milliseconds),
            BenchField("max_ms", "longest", result.latency.maximumMilliseconds, .milliseconds),
        ]
    }

    private static func costs(
        _ result: LoadResult, _ before: ProcessFigures?, _ after: ProcessFigures?
    ) -> [BenchField] {
        guard let before, let after, result.completed > 0 else { return [] }
        let cpu = (after.cpuMicroseconds - before.cpuMicroseconds) / Double(result.completed)
        return [
            BenchField("server_cpu_us_per_request", "servers' CPU per request", cpu, .microseconds),
            BenchField("server_resident_bytes", "servers' resident memory", after.residentBytes, .bytes),
        ]
    }
}

/// `conclave bench create`
struct BenchCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create-if-absent of fresh keys.")
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    @OptionGroup var many: BenchConnectionOptions
    func run() async throws {
        try await BenchThroughput.run(.create, target: target, load: load, connections: many.connections)
    }
}

/// `conclave bench put`
struct BenchPut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "put", abstract: "Write over a set of keys.")
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    @OptionGroup var many: BenchConnectionOptions
    func run() async throws {
        try await BenchThroughput.run(.put, target: target, load: load, connections: many.connections)
    }
}

/// `conclave bench get`
struct BenchGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Linearizable reads of a set of keys, which it writes first.")
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    @OptionGroup var many: BenchConnectionOptions
    func run() async throws {
        try await BenchThroughput.run(.get, target: target, load: load, connections: many.connections)
    }
}

/// `conclave bench serial`
struct BenchSerial: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serial", abstract: "One writer, one request at a time: how long one write takes.")
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    func run() async throws {
        try await BenchThroughput.run(.serial, target: target, load: load, connections: 1)
    }
}

/// `conclave bench renew`
struct BenchRenew: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew", abstract: "Lease renewals, one lease per connection.")
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    @OptionGroup var many: BenchConnectionOptions
    func run() async throws {
        try await BenchThroughput.run(.renew, target: target, load: load, connections: many.connections)
    }
}
