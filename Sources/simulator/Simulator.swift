import ArgumentParser
import CrashDiskStores
import Simulating
import Simulation

/// `conclave simulate`, `explore` and `measure-elections` and nothing else: built for speed in a fraction of the time, and
/// with the stores that ship for some of the worlds.
@main
struct Simulator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulator", abstract: "Simulate and explore clusters, as conclave does.",
        subcommands: [SimulateCommand.self, ExploreCommand.self, ElectionsCommand.self],
        defaultSubcommand: SimulateCommand.self)

    static func main() async {
        let maker = NodeStoresMaker { CrashDiskStores(name: $0, seed: $1) }
        await WorldStores.$maker.withValue(maker) { await main(nil) }
    }
}
