package import Primitives

/// A kind of trouble that a world can make.
package enum Fault: String, CaseIterable, Sendable {
    /// Messages take long, each its own time, so that they overtake each other.
    case delay
    case loss
    /// Consensus messages arrive again, soon or much later.
    case duplication
    /// Some nodes do not hear some others, in one direction or both.
    case partition
    /// The leader, of all nodes, is cut off.
    case isolation
    /// Connections break, and nodes are told wrongly or late what became of their peers.
    case reset
    /// A process dies with all writes that are not synced, or some of them.
    case crash
    /// A process stands still while its clock goes on.
    case pause
    /// Clocks run apart by up to half a percent.
    case clock
    /// Disks are slow or hang.
    case disk
    /// A node's log loses what it had acknowledged, and its durable mark says so.
    case damage
}

/// A mistake built into the world on purpose, to show that the checks see it.
package enum Sabotage: String, CaseIterable, Sendable {
    /// The shell sends promises before the write they vouch for is durable.
    case sendsBeforeDurable
    /// The disk reports a write as durable when it has only taken it.
    case lyingDisk
    /// A crash takes entries that were durable, and nothing says so.
    case losesDurableEntries
    /// A crash takes the term and the vote, and comes soon after a vote was given.
    case forgetsVote
    /// The shell answers linearizable reads from memory.
    case readsFromMemory
    /// The transport hands a forwarded write over twice.
    case repeatsForwards
    /// Clocks run up to a fifth apart.
    case racingClocks
    /// The shell loses one delivery to a watch now and then.
    case skipsDeliveries
    /// The applied index is saved without the rows that belong to it.
    case savesIndexWithoutRows
}

/// What a simulation is made from; equal options make equal worlds.
package struct SimulationOptions: Sendable {
    package var seed: UInt64
    /// 1 to 5.
    package var nodes: Int
    /// How long faults go on before the cluster must recover.
    package var duration: TimeSpan
    package var faults: [Fault]
    package var sabotage: Sabotage?

    package init(
        seed: UInt64, nodes: Int = 3, duration: TimeSpan = .seconds(60), faults: [Fault] = Fault.allCases,
        sabotage: Sabotage? = nil
    ) {
        precondition((1...5).contains(nodes), "a simulated cluster has 1 to 5 nodes")
        self.seed = seed
        self.nodes = nodes
        self.duration = duration
        self.faults = faults
        self.sabotage = sabotage
    }

    /// How many nodes a seed has in a mix: of four worlds one with 1, two with 3 and one with 5.
    package static func mixedNodes(seed: UInt64) -> Int { [1, 3, 3, 5][Int(seed % 4)] }

    /// The command line that runs this world again.
    package var replayCommand: String {
        let kinds = faults.count == Fault.allCases.count ? "all" : faults.map(\.rawValue).joined(separator: ",")
        let sabotage = sabotage.map { " --sabotage \($0.rawValue)" } ?? ""
        return "conclave simulate --seed \(seed) --nodes \(nodes) --seconds \(duration.milliseconds / 1000)"
            + " --faults \(kinds.isEmpty ? "none" : kinds)" + sabotage
    }
}
