internal import Primitives

extension Simulation {
    /// A smaller world that breaks the same rule as `result`: fewer faults, fewer clients, less time.
    ///
    /// - Parameter runs: how many worlds are tried at most.
    package static func shrunk(_ result: SimulationResult, runs: Int = 150) -> SimulationResult {
        guard let rule = result.violation?.rule else { return result }
        var shrinking = Shrinking(smallest: result, rule: rule, runsLeft: runs)
        shrinking.run()
        shrinking.smallest.shrunkFrom = result.options
        return shrinking.smallest
    }
}

/// The search for a smaller world that breaks the same rule.
private struct Shrinking {
    var smallest: SimulationResult
    let rule: String
    var runsLeft: Int

    init(smallest: SimulationResult, rule: String, runsLeft: Int) {
        self.smallest = smallest
        self.rule = rule
        self.runsLeft = runsLeft
    }

    mutating func run() {
        shorten()
        dropKinds()
        dropSuddenFaults()
        dropKinds()
        for count in [1, 2, 4, 8] where count < smallest.options.clients {
            if attempt({ $0.clients = count }) { break }
        }
        for count in [1, 3] where count < smallest.options.nodes {
            if attempt({ $0.keepNodes(count) }) { break }
        }
        shorten()
    }

    /// Tries a change, and keeps it if the rule is still broken.
    @discardableResult
    private mutating func attempt(_ change: (inout SimulationOptions) -> Void) -> Bool {
        guard runsLeft > 0 else { return false }
        runsLeft -= 1
        var options = smallest.options
        change(&options)
        let result = Simulation.run(options)
        guard result.violation?.rule == rule else { return false }
        smallest = result
        return true
    }

    /// Nothing after the violation matters.
    private mutating func shorten() {
        let needed = TimeSpan.seconds(smallest.simulated.milliseconds / 1_000 + 1)
        if needed < smallest.options.duration { attempt { $0.duration = needed } }
    }

    private mutating func dropKinds() {
        for kind in Fault.allCases where smallest.options.faults.contains(kind) {
            attempt { $0.faults.removeAll { $0 == kind } }
        }
    }

    /// Leaves out larger, then smaller pieces of the list.
    private mutating func dropSuddenFaults() {
        if attempt({ $0.onlyFaults = [] }) { return }
        var size = max(1, smallest.suddenFaults.count / 2)
        while true {
            var place = 0
            while place < smallest.suddenFaults.count {
                var rest = smallest.suddenFaults
                rest.removeSubrange(place..<min(place + size, rest.count))
                if !attempt({ $0.onlyFaults = rest }) { place += size }
            }
            guard size > 1 else { return }
            size /= 2
        }
    }
}
