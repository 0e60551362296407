package import Primitives

/// One world: a cluster with its clients and troubles, run to its end and checked.
package enum Simulation {
    /// Runs the world that `options` describe.
    ///
    /// - Parameter sink: gets every event in words, one line each.
    package static func run(_ options: SimulationOptions, sink: ((String) -> Void)? = nil) -> SimulationResult {
        let result = run(options, keepsEvents: sink != nil, sink: sink)
        // Few worlds break a rule: those that do go by once more, for what they did last.
        guard result.violation != nil, sink == nil else { return result }
        var again = run(options, keepsEvents: true, sink: nil)
        guard again.traceHash == result.traceHash else {
            again = result
            again.lastEvents = ["(The world went another way when it was run again.)"]
            return again
        }
        return again
    }

    private static func run(
        _ options: SimulationOptions, keepsEvents: Bool, sink: ((String) -> Void)?
    ) -> SimulationResult {
        var world = World(options, keepsEvents: keepsEvents, sink: sink)
        var violation: Violation?
        do throws(Violation) {
            try world.run()
        } catch {
            violation = error
        }
        return SimulationResult(
            options: options, violation: violation, traceHash: world.trace.hash.value, events: world.trace.count,
            simulated: TimeSpan(nanoseconds: world.now), counters: world.counters, suddenFaults: world.suddenFaults,
            lastEvents: violation == nil ? [] : world.trace.lines)
    }
}

/// What became of a world.
package struct SimulationResult: Sendable {
    package var options: SimulationOptions
    package var violation: Violation?
    /// Equal options give equal hashes, in every process.
    package var traceHash: UInt64
    package var events: Int
    package var simulated: TimeSpan
    package var counters: Counters
    /// The numbers of the sudden faults that happened.
    package var suddenFaults: [Int]
    /// What happened last, in words, when a rule was broken.
    package var lastEvents: [String]
    /// The world this one was shrunk from.
    package var shrunkFrom: SimulationOptions?

    /// The whole story of a violation, ready to be printed; `nil` without one.
    package var report: String? {
        guard let violation else { return nil }
        var lines = lastEvents
        lines.append(
            "seed \(options.seed), \(options.nodes) nodes: rule \(violation.rule) is broken: \(violation.sentence)")
        if let shrunkFrom {
            lines.append("shrunk to \(suddenFaults.count) sudden faults from: \(shrunkFrom.replayCommand)")
        }
        lines.append("replay: \(options.replayCommand)")
        return lines.joined(separator: "\n")
    }
}
