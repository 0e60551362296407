import ArgumentParser
import ConclaveClient

/// `conclave elect`
struct ElectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "elect",
        abstract: "Run a command on one machine of many: the one that leads an election.",
        discussion: """
            EXAMPLE
              conclave elect controller -- ./controller     on every machine
              conclave elect controller --ttl 2s --value 10.0.0.1:80 -- ./controller
              conclave elect controller                     leads until Ctrl-C
              conclave elect controller -- sh -c \\
                'conclave kv put k v --fence "$CONCLAVE_ELECTION=$CONCLAVE_FENCE"'

            Waits in line until it leads, then runs the command with CONCLAVE_ELECTION, CONCLAVE_FENCE and CONCLAVE_ID in \
            its environment. When the command ends, it resigns and ends with the command's exit code (128 and the signal's \
            number if a signal ended it). When the office is lost, because the cluster was out of reach for too long, it \
            stops the command before anybody else can lead, and waits in line again; with --once it ends with code 3. \
            Ctrl-C and SIGTERM stop the command first and resign then.

            A small process of its own, the keeper, stands between this one and the command. It stops the command in time \
            also when this process is stopped (Ctrl-Z), hangs, or is killed. It signals the command's process group; what \
            leaves that group (setsid) is not reached. Ctrl-C at a terminal reaches this process only. \
            A whole machine that stands still is what fences are for: see --fence of kv put, kv delete and txn.

            Another process under the same --id is exit code 3.
            """)

    @Argument(help: "The election's name.")
    var name: String
    @Flag(help: "End with code 3 when the office is lost, instead of waiting for another turn.")
    var once = false
    @OptionGroup var arguments: HoldingArguments

    func run() async throws {
        let office = Office.election(name)
        let id = arguments.id ?? drawnID()
        let holding = try arguments.holding(of: office, id: id)
        try await arguments.run { [self] cluster in
            let campaign = cluster.campaign(
                name, as: id, value: ByteString(arguments.value), ttl: arguments.ttl.duration,
                priority: arguments.priority, margin: arguments.margin, onWaiting: holding.announcer.waits)
            for try await leadership in campaign {
                if case .ended(let code) = try await holding.hold(leadership) { return code }
                if once { break }
            }
            return Exit.preconditionFailed
        }
    }
}
