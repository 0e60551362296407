import ArgumentParser
import LoadGenerator

/// `conclave bench storm`
struct BenchStorm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storm",
        abstract: "Many leases that end together while others write: how long until all watchers are told of all.",
        discussion: """
            EXAMPLE
              conclave bench storm --leases 10000
            """)
    @OptionGroup var target: BenchTargetOptions

    @Option(help: "Leases, each with one key.")
    var leases = 10_000

    @Option(help: "Seconds that the leases live; all must be granted, and have their keys, within that.")
    var ttl = 20

    func validate() throws {
        guard (1...100_000).contains(leases) else {
            throw ValidationError("--leases must be from 1 to 100000, not \(leases)")
        }
        guard (2...600).contains(ttl) else { throw ValidationError("--ttl must be from 2 to 600 seconds, not \(ttl)") }
    }

    func run() async throws {
        let result = try await StormWorkload(
            on: target.target, endpoints: try target.parsedEndpoints(), leases: leases, timeToLive: ttl
        ).run()
        let fields = [
            BenchField("gone_ms", "all told, after the last was due", result.gone, .milliseconds),
            BenchField("spread_ms", "due within", result.spread, .milliseconds),
            BenchField("calm_p99_ms", "writes before, p99", result.idleWrites, .milliseconds),
            BenchField("storm_p99_ms", "writes meanwhile, p99", result.stormWrites, .milliseconds),
        ]
        try BenchOutput.print("storm", fields, errors: result.errors, json: target.json)
        if result.errors.total > 0 { throw ExitCode(1) }
    }
}

/// `conclave bench succession`
struct BenchSuccession: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "succession",
        abstract: "A controller falls silent: how long after its lease of 2 s until all contenders know the next one.",
        discussion: """
            EXAMPLE
              conclave bench succession --contenders 2000
            """)
    @OptionGroup var target: BenchTargetOptions

    @Option(help: "Contenders, each with a watch and a connection for its attempts.")
    var contenders = 2_000

    func validate() throws {
        guard (1...20_000).contains(contenders) else {
            throw ValidationError("--contenders must be from 1 to 20000, not \(contenders)")
        }
    }

    func run() async throws {
        let result = try await SuccessionWorkload(
            on: target.target, endpoints: try target.parsedEndpoints(), contenders: contenders, loops: target.loops
        ).run()
        let fields = [
            BenchField("seated_ms", "beyond TTL: the next one is seated", result.seated, .milliseconds),
            BenchField("median_ms", "beyond TTL: half know", result.medianKnew, .milliseconds),
            BenchField("last_ms", "beyond TTL: all know", result.lastKnew, .milliseconds),
        ]
        try BenchOutput.print("succession", fields, errors: result.errors, json: target.json)
        if result.errors.total > 0 { throw ExitCode(1) }
    }
}

/// `conclave bench comeback`
struct BenchComeback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "comeback",
        abstract: "Many clients lose their connections, come back within a second, watch again and renew their leases.",
        discussion: """
            EXAMPLE
              conclave bench comeback --clients 5000
            """)
    @OptionGroup var target: BenchTargetOptions

    @Option(help: "Clients, each with a watch and a lease of 10 s.")
    var clients = 5_000

    func validate() throws {
        guard (1...20_000).contains(clients) else {
            throw ValidationError("--clients must be from 1 to 20000, not \(clients)")
        }
    }

    func run() async throws {
        let result = try await ReturnWorkload(
            on: target.target, endpoints: try target.parsedEndpoints(), clients: clients
        ).run()
        let fields = [
            BenchField("back_ms", "all are back after", result.back, .milliseconds),
            BenchField("writes_p99_ms", "writes meanwhile, p99", result.writes, .milliseconds),
            BenchField("elections", "elections of the servers' leader", Double(result.elections), .count),
        ]
        try BenchOutput.print("comeback", fields, errors: result.errors, json: target.json)
        if result.errors.total > 0 { throw ExitCode(1) }
    }
}
