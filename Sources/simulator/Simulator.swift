import Simulating

/// `conclave simulate` and nothing else: it builds in a fraction of the time, so that optimized worlds can be part of the gate.
@main
enum Simulator {
    static func main() async { await SimulateCommand.main() }
}
