import ArgumentParser
import Foundation
import LoadGenerator
import LocalProcesses
import NIOCore

/// Runs one throughput workload and prints what it measured.
enum BenchThroughput {
    /// Without `many` there is one request at a time.
    static func run(
        _ kind: ThroughputKind, target: BenchTargetOptions, load: BenchLoadOptions, many: BenchConnectionOptions? = nil
    ) async throws {
        let wire = try load.wire(of: target.target)
        var plan = LoadPlan(
            endpoints: try target.parsedEndpoints(), connections: many?.connections ?? 1,
            transport: wire.transport(of: kind), ownConnections: many?.ownConnections ?? false, loops: target.loops,
            warmUp: load.warmUp.amount, bound: load.bound, rate: load.rate, timeout: load.timeout.amount)
        let workload = ThroughputWorkload(kind, over: wire, keys: load.keys, valueSize: load.valueSize)
        if !load.serverPids.isEmpty { try await warmUp(&plan, workload) }
        let source = try await workload.prepare(plan)
        let before = try Costs(serverPids: load.serverPids)
        let result = try await LoadRunner.run(plan, source: source) { BenchOutput.progress($0.line) }
        let after = try Costs(serverPids: load.serverPids)
        try BenchOutput.print(
            kind.rawValue, fields(result) + costs(result, from: before, to: after), errors: result.errors,
            json: target.json)
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

    /// What the kernel has counted so far; `nil` when no server's process id is known.
    private struct Costs {
        var servers: ProcessFigures
        var generator: ProcessFigures

        init?(serverPids: [Int32]) throws {
            guard !serverPids.isEmpty else { return nil }
            guard let servers = ProcessFigures.sum(pids: serverPids),
                let generator = ProcessFigures.sum(pids: [getpid()])
            else { throw WorkloadFailure("--server-pid: no such process on this machine") }
            self.servers = servers
            self.generator = generator
        }
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

    private static func costs(_ result: LoadResult, from before: Costs?, to after: Costs?) -> [BenchField] {
        guard let before, let after, result.completed > 0 else { return [] }
        let requests = Double(result.completed)
        let servers = (after.servers.cpuMicroseconds - before.servers.cpuMicroseconds) / requests
        let generator = (after.generator.cpuMicroseconds - before.generator.cpuMicroseconds) / requests
        return [
            BenchField("server_cpu_us_per_request", "servers' CPU per request", servers, .microseconds),
            BenchField("generator_cpu_us_per_request", "generator's CPU per request", generator, .microseconds),
            BenchField("server_resident_bytes", "servers' resident memory", after.servers.residentBytes, .bytes),
        ]
    }
}

/// `conclave bench create`
struct BenchCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create-if-absent of fresh keys.",
        discussion: """
            EXAMPLE
              conclave bench create --endpoints 127.0.0.1:2379,127.0.0.1:2479,127.0.0.1:2579
            """)
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    @OptionGroup var many: BenchConnectionOptions
    func run() async throws {
        try await BenchThroughput.run(.create, target: target, load: load, many: many)
    }
}

/// `conclave bench put`
struct BenchPut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Write over a set of keys.",
        discussion: """
            EXAMPLE
              conclave bench put --connections 256 --value-size 1024 --duration 30s
              conclave bench put --rate 2000 --json
              conclave bench put --wire grpc --target etcd --endpoints 10.0.0.9:2379
              conclave bench put --wire grpc --own-connections
            """)
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    @OptionGroup var many: BenchConnectionOptions
    func run() async throws {
        try await BenchThroughput.run(.put, target: target, load: load, many: many)
    }
}

/// `conclave bench get`
struct BenchGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Linearizable reads of a set of keys, which it writes first.",
        discussion: """
            EXAMPLE
              conclave bench get --keys 100 --duration 30s
            """)
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    @OptionGroup var many: BenchConnectionOptions
    func run() async throws {
        try await BenchThroughput.run(.get, target: target, load: load, many: many)
    }
}

/// `conclave bench serial`
struct BenchSerial: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serial", abstract: "One writer, one request at a time: how long one write takes.",
        discussion: """
            EXAMPLE
              conclave bench serial --requests 5000
            """)
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    func run() async throws {
        try await BenchThroughput.run(.serial, target: target, load: load)
    }
}

/// `conclave bench renew`
struct BenchRenew: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew", abstract: "Lease renewals, one lease per connection.",
        discussion: """
            EXAMPLE
              conclave bench renew --connections 1000
            """)
    @OptionGroup var target: BenchTargetOptions
    @OptionGroup var load: BenchLoadOptions
    @OptionGroup var many: BenchConnectionOptions
    func run() async throws {
        try await BenchThroughput.run(.renew, target: target, load: load, many: many)
    }
}
