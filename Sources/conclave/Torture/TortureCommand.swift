import ArgumentParser
import Foundation
import LocalProcesses
import Torture

/// `conclave torture`
struct TortureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "torture",
        abstract: "Hurt a real cluster while clients use it, and check every answer they got.",
        discussion: """
            EXAMPLE
              conclave torture --seconds 60
              conclave torture --nodes 5 --seed 7 --history run.history --report run.txt
              conclave torture --judge run.history

            Starts real member processes with files in a temporary folder. As root, with ip, nft and nsenter at hand, each
            member gets a network namespace and one a small disk of its own, and links are cut and disks filled too;
            elsewhere everything runs on loopback, and members are only killed and stopped. The seed draws the faults,
            which overlap. Clients, lease holders and watchers record what they were told in the history file, which is
            judged in the end. Exit code 1 when any rule was broken: the members' files are kept then.

            With --member another program runs the members. The tests' tortured-member loses what was not synced when it
            is killed, and its syncs are made to hang and to fail.
            """)

    @Option(help: "Members of the cluster: 3 or 5.")
    var nodes = 5
    @Option(help: "How long clients and faults go on, 5 to 3600.")
    var seconds = 60
    @Option(help: "Decides the faults and what the clients do.")
    var seed: UInt64 = 1
    @Option(help: "Clients that write and read, 1 to 500; lease holders and watchers come on top.")
    var clients = 24
    @Option(help: "The pause of each client between two requests.")
    var pause = DurationArgument(.milliseconds(4))
    @Option(help: "Go on for this many operations, and fail when there were fewer.")
    var least = 0
    @Option(help: "How long to go on for --least, up to 3600; --seconds when not given.")
    var atMost: Int?
    @Option(help: "Where to write the history; a temporary file when not given.")
    var history: String?
    @Option(help: "Where to write the report, as well as to the terminal.")
    var report: String?
    @Option(help: "Judge this history, and run nothing.")
    var judge: String?
    @Option(help: "The program that runs the members; this one when not given.")
    var member: String?
    @Flag(help: "Use loopback only, as somebody without root does.")
    var loopback = false
    /// Set when this process has network and mounts of its own already.
    @Flag(help: .hidden)
    var isPrivate = false

    func validate() throws {
        guard [3, 5].contains(nodes) else { throw ValidationError("--nodes is \(nodes); allowed are 3 and 5") }
        guard (5...3600).contains(seconds) else {
            throw ValidationError("--seconds is \(seconds); allowed are 5 to 3600")
        }
        guard (seconds...3600).contains(atMost ?? seconds) else {
            throw ValidationError("--at-most is \(atMost ?? seconds); allowed are --seconds (\(seconds)) to 3600")
        }
        guard (1...500).contains(clients) else {
            throw ValidationError("--clients is \(clients); allowed are 1 to 500")
        }
        guard pause.duration <= .seconds(10) else { throw ValidationError("--pause is at most 10s") }
    }

    func run() async throws {
        if let judge { return try conclude(try TortureReport(judging: URL(filePath: judge))) }
        if !loopback, !isPrivate, await Network.isPossible() { try becomePrivate() }
        var plan = TorturePlan(
            nodes: nodes, length: .seconds(seconds), seed: seed, clients: clients, pause: pause.duration,
            history: try historyFile(), isPrivate: isPrivate, member: try await memberProgram())
        plan.least = least
        plan.longest = .seconds(atMost ?? seconds)
        Terminal.say(
            "\(nodes) members \(isPrivate ? "in network namespaces" : "on loopback"), \(clients) clients, seed \(seed), "
                + "history in \(plan.history.path)")
        try await carryOut(plan)
    }

    private func memberProgram() async throws -> MemberProgram? {
        guard let member else { return nil }
        do { return try await MemberProgram(asking: member) } catch let failure as ClusterFailure {
            throw ValidationError(failure.sentence)
        }
    }

    private func carryOut(_ plan: TorturePlan) async throws {
        do {
            let report = try await untilInterrupted { try await TortureRun.carryOut(plan) { Terminal.say($0) } }
            try conclude(report)
            if history == nil { Folder.remove(plan.history.deletingLastPathComponent()) }
        } catch let error as Interrupted {
            throw ExitCode(128 + error.signal)
        } catch let error as ClusterFailure {
            Terminal.complain("conclave torture: \(error); the history so far is in \(plan.history.path)")
            throw ExitCode(Exit.other)
        }
    }

    private func conclude(_ result: TortureReport) throws {
        Terminal.say(result.text)
        if let report { try Data((result.text + "\n").utf8).write(to: URL(filePath: report)) }
        guard result.verdict.figures.operations >= least else {
            Terminal.complain("conclave torture: fewer operations than --least \(least)")
            throw ExitCode(Exit.other)
        }
        if !result.isClean { throw ExitCode(Exit.other) }
    }

    private func historyFile() throws -> URL {
        if let history { return URL(filePath: history) }
        return try Folder.temporary().appending(path: "history")
    }

    /// Starts this command anew, in its place, with a network and mounts of its own.
    private func becomePrivate() throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let words =
            ["unshare", "--net", "--mount", "--", own] + CommandLine.arguments.dropFirst() + ["--is-private"]
        var arguments = words.map { strdup($0) } + [nil]
        execvp("unshare", &arguments)
        throw ValidationError("cannot run unshare: \(String(cString: strerror(errno)))")
    }
}
