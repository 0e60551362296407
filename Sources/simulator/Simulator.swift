import ArgumentParser
import Simulating

/// `conclave simulate`, `explore` and `measure-elections` and nothing else: built for speed in a fraction of the time.
@main
struct Simulator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulator", abstract: "Simulate and explore clusters, as conclave does.",
        subcommands: [SimulateCommand.self, ExploreCommand.self, ElectionsCommand.self],
        defaultSubcommand: SimulateCommand.self)
}
