import ArgumentParser
import Foundation
import LoadGenerator
import LocalProcesses

/// `conclave bench double-failure`
struct BenchDoubleFailure: AsyncParsableCommand {
    /// What a lease may outlive its time by, beyond the outage, in milliseconds (`invariants.md` 26).
    private static let allowed = 250.0

    static let configuration = CommandConfiguration(
        commandName: "double-failure",
        abstract: "The servers' leader and an election's leader are killed at once: is the next one seated in time?",
        discussion: """
            Starts three nodes of its own, and kills and restarts one in each round. The next leader must be seated within the \
            lease, the time in which nobody could write, and 250 ms; if it is not, the exit code is 1.

            EXAMPLE
              conclave bench double-failure --rounds 5
            """)

    @Option(help: "How often.")
    var rounds = 5

    @Option(help: "Seconds that the lease of the election's leader lives.")
    var ttl = 2

    @Option(help: "Where the servers' data goes.")
    var directory = NSTemporaryDirectory()

    @Flag(help: "Print the result as JSON.")
    var json = false

    func validate() throws {
        guard (1...1_000).contains(rounds) else {
            throw ValidationError("--rounds must be from 1 to 1000, not \(rounds)")
        }
        guard (1...60).contains(ttl) else { throw ValidationError("--ttl must be from 1 to 60, not \(ttl)") }
    }

    func run() async throws {
        let results = try await BenchFolder.lend(below: directory) { folder in
            let cluster = try await ServerCluster.start(Contestant(.conclave, try .conclave()), directory: folder)
            do {
                let results = try await measure(cluster)
                await cluster.processes.destroy()
                return results
            } catch {
                await cluster.processes.destroy()
                throw error
            }
        }
        try tell(results)
    }

    private func measure(_ cluster: ServerCluster) async throws -> [DoubleFailureWorkload.Result] {
        var results: [DoubleFailureWorkload.Result] = []
        for round in 1...rounds {
            let leader = try await cluster.leader()
            let workload = DoubleFailureWorkload(
                endpoints: cluster.endpoints, survivors: cluster.endpoints(without: leader), timeToLive: ttl)
            let result = try await workload.run { cluster.processes.signal(leader, SIGKILL) }
            BenchOutput.progress(
                "\(round): seated \(Decimals.short(result.seated)) ms after the lease was last asked for = "
                    + "lease \(Decimals.short(result.lease)) + outage \(Decimals.short(result.outage)) + "
                    + "\(Decimals.short(result.late)) ms")
            results.append(result)
            try await cluster.restart(leader)
        }
        return results
    }

    private func tell(_ results: [DoubleFailureWorkload.Result]) throws {
        var errors = ErrorTally()
        for result in results {
            errors.add(result.errors)
            if result.late > Self.allowed { errors.record("a successor was seated too late") }
        }
        func field(
            _ name: String, _ label: String, _ figure: KeyPath<DoubleFailureWorkload.Result, Double>
        ) -> BenchField {
            BenchField(name, label, results.map { $0[keyPath: figure] }.max() ?? 0, .milliseconds)
        }
        try BenchOutput.print(
            "double-failure, \(results.count) rounds",
            [
                field("lease_ms", "lease", \.lease), field("outage_ms", "longest outage", \.outage),
                field("seated_ms", "seated after, longest", \.seated),
                field("late_ms", "beyond lease and outage, longest", \.late),
            ], errors: errors, json: json)
        if errors.total > 0 { throw ExitCode(1) }
    }
}
