import ArgumentParser
import ConclaveClient

/// `conclave lock`
struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Run a command while holding a lock, so that nobody else runs theirs.",
        discussion: """
            EXAMPLE
              conclave lock backup -- ./backup.sh           exit code 3 if it is held
              conclave lock backup --wait -- ./backup.sh    waits for its turn
              conclave lock backup --wait-at-most 30s -- ./backup.sh
              conclave lock backup                          holds it until Ctrl-C

            Runs the command with CONCLAVE_LOCK, CONCLAVE_FENCE and CONCLAVE_ID in its environment, releases the lock when \
            it ends, and ends with its exit code (128 and the signal's number if a signal ended it). When the lock is lost, \
            because the cluster was out of reach for too long, the command is stopped before anybody else can have the \
            lock, and the exit code is 3. Ctrl-C and SIGTERM stop the command first and release the lock then.

            How the command is stopped, also when this process is stopped or killed: see conclave help elect.
            """)

    @Argument(help: "The lock's name.")
    var name: String
    @Flag(help: "Wait for it, for as long as it takes.")
    var wait = false
    @Option(help: "Wait for it, but no longer than this.")
    var waitAtMost: DurationArgument?
    @OptionGroup var arguments: HoldingArguments

    func validate() throws {
        guard !wait || waitAtMost == nil else { throw ValidationError("--wait and --wait-at-most exclude each other") }
    }

    func run() async throws {
        let office = Office.lock(name)
        let id = arguments.id ?? drawnID()
        let holding = try arguments.holding(of: office, id: id)
        try await arguments.run { [self] cluster in
            let lock = cluster.lock(
                name, as: id, value: ByteString(arguments.value), ttl: arguments.ttl.duration,
                priority: arguments.priority, margin: arguments.margin,
                patience: wait ? nil : waitAtMost?.duration ?? .zero,
                onWaiting: wait || waitAtMost != nil ? holding.announcer.waits : nil)
            for try await held in lock {
                if case .ended(let code) = try await holding.hold(held) { return code }
                break
            }
            return Exit.preconditionFailed
        }
    }
}
