import ArgumentParser
import ConclaveClient

/// What `conclave elect` and `conclave lock` have in common.
struct HoldingArguments: ParsableArguments {
    @Option(help: "Who this is; by default the host's name and some random letters. No two processes may share it.")
    var id: String?
    @Option(help: "What is published while in office, up to 4096 bytes: an address, perhaps.")
    var value = ""
    @Option(help: "How long after the death of this process the next one has its turn, 100ms to 24h.")
    var ttl = DurationArgument(.seconds(5))
    @Option(help: "Higher ones have their turn first, -1000 to 1000; nobody in office is replaced.")
    var priority = 0
    @Option(
        help: """
            How long the command gets to end between SIGTERM and SIGKILL, at most half of --ttl; by default a fifth of it. \
            It comes out of --ttl: the command is gone before the lease can end.
            """)
    var grace: DurationArgument?
    @OptionGroup var client: ClientArguments
    @Argument(
        parsing: .postTerminator, help: "What to run while in office, after --; without it, the office is just held.")
    var command: [String] = []

    var graceDuration: Duration { grace?.duration ?? ttl.duration / 5 }

    var margin: Duration { Holding.margin(ttl: ttl.duration, grace: graceDuration) }

    func validate() throws {
        guard (.milliseconds(100)...(.seconds(24 * 3600))).contains(ttl.duration) else {
            throw ValidationError("--ttl is \(ttl.duration.spoken); allowed are 100ms to 24h")
        }
        guard graceDuration <= ttl.duration / 2 else {
            throw ValidationError(
                "--grace is \(graceDuration.spoken); allowed is at most half of --ttl, \((ttl.duration / 2).spoken)")
        }
        guard (-1000...1000).contains(priority) else {
            throw ValidationError("--priority is \(priority); allowed are -1000 to 1000")
        }
        guard id?.isEmpty != true else { throw ValidationError("--id is empty") }
    }

    /// What is done with the office, and who tells of it.
    func holding(of office: Office, id: String) throws -> Holding {
        Holding(
            program: command.isEmpty ? nil : try Program(command), grace: graceDuration,
            endpoints: try client.resolved(),
            announcer: Announcer(office: office, id: id, json: client.json, toErrors: !command.isEmpty))
    }

    /// Runs `body` with a client; a signal that asks this process to end cancels it. Ends with the code it returns.
    func run(_ body: @escaping @Sendable (ClusterClient) async throws -> Int32) async throws {
        let client = client
        do {
            let code = try await interruptible { try await client.withClient(body) }
            if code != 0 { throw ExitCode(code) }
        } catch let interrupted as Interrupted {
            throw ExitCode(128 + interrupted.signal)
        } catch let trouble as CommandTrouble {
            Terminal.complain("conclave: \(trouble)")
            throw ExitCode(Exit.other)
        }
    }
}
