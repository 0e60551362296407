import ArgumentParser

/// The executable's root command.
@main
struct Conclave: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "conclave", subcommands: [BenchCommand.self])
}
