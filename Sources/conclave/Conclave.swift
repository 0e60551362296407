import ArgumentParser
import ConclaveClient
import Foundation
import Serving
import Simulating

/// The command line: what a person or a script says to a cluster, and what starts one.
@main
struct Conclave: AsyncParsableCommand {
    static let version = Release.version

    static let configuration = CommandConfiguration(
        commandName: "conclave",
        abstract: "A linearizable key-value service that elects who is in charge.",
        discussion: """
            EXAMPLE
              conclave elect controller -- ./controller     run it on one machine of many
              conclave elections show controller --watch    learn who leads, at once
              conclave kv put greeting hello

            The cluster is found through --endpoints or CONCLAVE_ENDPOINTS, by default http://127.0.0.1:2379.

            \(Exit.explanation)
            """,
        version: version,
        subcommands: [
            KeyCommand.self,
            TransactionCommand.self,
            LeaseCommand.self,
            WatchCommand.self,
            ElectCommand.self,
            LockCommand.self,
            OfficeCommand<ElectionWords>.self,
            OfficeCommand<LockWords>.self,
            StatusCommand.self,
            SalvageCommand.self,
            ServeCommand.self,
            DevCommand.self,
            DemoCommand.self,
            SimulateCommand.self,
            ExploreCommand.self,
            ElectionsCommand.self,
            TortureCommand.self,
            BenchCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// Says what went wrong and ends the process with the code for it.
    private static func end(with error: any Error) -> Never {
        if let failure = error as? CommandFailure ?? (error as? ConclaveError).map({ .init(cause: $0, json: false) }) {
            Terminal.complain(failure.text)
            Foundation.exit(Exit.code(for: failure.cause))
        }
        let code = exitCode(for: error)
        let message = fullMessage(for: error)
        if code == .success {
            Terminal.say(message)
        } else if !message.isEmpty {
            Terminal.complain(complaint(message))
        }
        // The parser's own code for wrong usage (64) is 1 here, so that all codes fit one short list.
        Foundation.exit(code == .validationFailure ? Exit.other : code.rawValue)
    }

    /// One line of the parser's several: what is wrong, and where to read on.
    static func complaint(_ message: String) -> String {
        let lines = message.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let words = lines.filter { !$0.hasPrefix("Usage:") }.joined(separator: "; ")
        let text = words.hasPrefix("Error: ") ? String(words.dropFirst("Error: ".count)) : words
        return "conclave: " + text.replacing("; See 'conclave", with: "; see 'conclave")
    }
}
