import ArgumentParser
import Simulating

/// `conclave simulate` and `conclave explore` and nothing else: it builds in a fraction of the time, so that optimized worlds
/// can be part of the gate.
@main
struct Simulator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulator", abstract: "Simulate and explore clusters, as conclave does.",
        subcommands: [SimulateCommand.self, ExploreCommand.self], defaultSubcommand: SimulateCommand.self)
}
