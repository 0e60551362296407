package import Exploration
package import Primitives

/// What a simulation is made from; equal options make equal worlds.
package struct SimulationOptions: Sendable {
    package var seed: UInt64
    /// 1 to 5.
    package var nodes: Int
    /// How long faults go on before the cluster must recover.
    package var duration: TimeSpan
    package var faults: [Fault]
    /// The mistake built in.
    package var planted: PlantedBug?
    /// Of the sudden faults, counted from 0, only these happen; `nil` for all.
    package var onlyFaults: [Int]?
    /// How many clients there are at most.
    package var clients: Int
    /// What keeps the nodes' logs and states, where these are not only simulated.
    package var stores: NodeStoresMaker?
    /// How members settle who campaigns; `nil` leaves it to the seed.
    package var election: ElectionMix?
    /// The members' priorities; `nil` leaves them to the seed.
    package var priorities: [UInt8]?

    /// Whether what clients are told is held against the model at once; if not, only the checker of their history is left.
    package var judgesAnswers = true

    package init(
        seed: UInt64, nodes: Int = 3, duration: TimeSpan = .seconds(60), faults: [Fault] = Fault.allCases,
        planted: PlantedBug? = nil, onlyFaults: [Int]? = nil, clients: Int = SimulationOptions.mostClients,
        election: ElectionMix? = nil, priorities: [UInt8]? = nil, stores: NodeStoresMaker? = nil
    ) {
        precondition((1...5).contains(nodes), "a simulated cluster has 1 to 5 nodes")
        precondition(priorities.map { $0.count == nodes } ?? true, "each node has a priority")
        self.election = election
        self.priorities = priorities
        self.onlyFaults = onlyFaults
        self.clients = clients
        self.stores = stores
        self.seed = seed
        self.nodes = nodes
        self.duration = duration
        self.faults = faults
        self.planted = planted
    }

    package static let mostClients = 12

    /// What the digest of a state that differs is changed by.
    package static let divergence: UInt64 = 0x5EED

    /// Leaves all but the first `count` nodes out.
    mutating func keepNodes(_ count: Int) {
        nodes = count
        priorities = priorities.map { Array($0.prefix(count)) }
    }

    /// How many nodes a seed has in a mix: of four worlds one with 1, two with 3 and one with 5.
    package static func mixedNodes(seed: UInt64) -> Int { [1, 3, 3, 5][Int(seed % 4)] }

    /// The command line that runs this world again.
    package var replayCommand: String {
        // Only `simulator` has real stores.
        let program = stores == nil ? "conclave simulate" : "simulator --store sqlite"
        var words = ["\(program) --seed \(seed) --nodes \(nodes) --seconds \(duration.milliseconds / 1000)"]
        let kinds = faults.count == Fault.allCases.count ? "all" : faults.map(\.rawValue).joined(separator: ",")
        words.append("--faults \(kinds.isEmpty ? "none" : kinds)")
        if let onlyFaults {
            words.append("--only " + (onlyFaults.isEmpty ? "none" : onlyFaults.map { "\($0)" }.joined(separator: ",")))
        }
        if clients < Self.mostClients { words.append("--clients \(clients)") }
        if let election { words.append("--election \(election.rawValue)") }
        if let priorities { words.append("--priorities " + priorities.map { "\($0)" }.joined(separator: ",")) }
        if !judgesAnswers { words.append("--no-answer-checks") }
        if let planted { words.append("--planted \(planted.rawValue)") }
        return words.joined(separator: " ")
    }
}
