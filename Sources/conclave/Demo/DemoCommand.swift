import ArgumentParser
import ConclaveClient
import Foundation
import LocalProcesses
import UnixSignals

/// `conclave demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Elect a controller on a real cluster, kill it, kill the cluster's leader, and check what happened.",
        discussion: """
            EXAMPLE
              conclave demo
              conclave demo --nodes 5 --contenders 100 --ttl 1s

            Starts real member processes on loopback with files in a temporary folder, and lets contenders elect a
            controller: the first to create a key under a lease wins, renews the lease in time, and all others watch.
            The controller is killed, then the cluster's own leader with SIGKILL. Then candidates campaign in an election:
            the process of the one that leads is killed, its successor resigns. In the end everything is checked: no two
            leaders at once, no lease ended early, no event missed or told twice, no acknowledged write lost. Exit code 1
            when anything was wrong. Takes about 15 seconds.
            """)

    @Option(help: "Members of the cluster: 3 or 5.")
    var nodes = 3
    @Option(help: "Contenders for the office, 2 to 2000.")
    var contenders = 20
    @Option(help: "Time to live of the controller's lease, 300ms to 30s.")
    var ttl = DurationArgument(.seconds(2))
    @Flag(help: "Leave the members' files and logs behind.")
    var keep = false
    @Flag(help: "Print one JSON object per step, and the results at the end.")
    var json = false

    func validate() throws {
        guard [3, 5].contains(nodes) else { throw ValidationError("--nodes is 3 or 5") }
        guard (2...2000).contains(contenders) else { throw ValidationError("--contenders is from 2 to 2000") }
        guard (Duration.milliseconds(300)...Duration.seconds(30)).contains(ttl.duration) else {
            throw ValidationError("--ttl is from 300ms to 30s")
        }
    }

    func run() async throws {
        let timeline = Timeline(json: json)
        let plan = Demo.Plan(nodes: nodes, contenders: contenders, ttl: ttl.duration)
        let cluster = try LocalCluster.free(nodes)
        let outcome = await Result.catching {
            try await untilInterrupted { try await Demo(plan, cluster, timeline).run() }
        }
        let isClean = (try? outcome.get().problems.isEmpty) ?? false
        await cluster.shutdown(keepingFiles: keep || !isClean)
        if keep || !isClean && !(outcome.failure is Interrupted) {
            timeline.note("the members' files and logs are in \(cluster.directory.path)")
        }
        switch outcome {
        case .success(let report):
            Terminal.say(json ? report.json.text : report.text)
            if !isClean { throw ExitCode(Exit.other) }
        case .failure(let error as Interrupted):
            try? FileManager.default.removeItem(at: cluster.directory)
            throw ExitCode(128 + error.signal)
        case .failure(let error):
            Terminal.complain("conclave demo: \(error)")
            throw ExitCode(Exit.other)
        }
    }
}

extension Result where Failure == any Error {
    fileprivate static func catching(_ body: () async throws -> Success) async -> Self {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    fileprivate var failure: (any Error)? {
        if case .failure(let error) = self { error } else { nil }
    }
}
