import Simulation
import Testing

@Suite struct SimulationTests {
    @Test func aWorldIsTheSameEveryTime() {
        let options = SimulationOptions(seed: 7, nodes: 3, duration: .seconds(3))
        let first = Simulation.run(options)
        let second = Simulation.run(options)
        #expect(first.report == nil)
        #expect(first.events > 1_000)
        #expect(first.traceHash == second.traceHash)
        #expect(
            Simulation.run(SimulationOptions(seed: 8, nodes: 3, duration: .seconds(3))).traceHash != first.traceHash)
    }
}
