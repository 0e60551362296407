package import ArgumentParser
import Exploration
import Primitives
internal import Simulation

/// `conclave simulate`: runs clusters in virtual time, under faults, and checks them.
package struct SimulateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run simulated clusters under faults and check them.",
        discussion: """
            Every seed is a world of its own: nodes, disks, network, clients and troubles in virtual time. The same seed \
            gives the same world. Ends with exit code 1 when a rule was broken, and says how to see it again.

            EXAMPLE
              conclave simulate --seeds 1000
              conclave simulate --seed 7 --nodes 5 --faults loss,crash --trace events.txt
              conclave simulate --planted list
            """)

    @Option(help: "Run this one seed.")
    var seed: UInt64?
    @Option(help: "How many seeds to run.")
    var seeds: Int = 100
    @Option(help: "The first of them.")
    var from: UInt64 = 1
    @Option(help: "Nodes of each cluster, 1 to 5; 0 = a mix of 1, 3 and 5.")
    var nodes: Int = 0
    @Option(help: "Minutes of troubles in each world, in virtual time.")
    var minutes: Int = 0
    @Option(help: "Seconds of troubles in each world, on top of the minutes; 10 when neither is given.")
    var seconds: Int?
    @Option(help: "all, none, or a list: \(Fault.allCases.map(\.rawValue).joined(separator: ", ")).")
    var faults: String = "all"
    @Option(help: "Of the sudden faults of a world, let only those with these numbers happen (a list, or none).")
    var only: String?
    @Option(help: "Clients of each world at most.")
    var clients: Int = SimulationOptions.mostClients
    @Option(
        help: """
            Build in mistakes, and count the seeds until the checks catch each: all, sample, or names. `list` shows what \
            there is. With --seed, run that world with the one named.
            """)
    var planted: String?
    @Option(help: "Of a planted mistake, try so many seeds at most.")
    var limit: UInt64 = 10_000
    /// One mistake, in a process of its own that it may end.
    @Flag(help: .hidden)
    var hunt = false
    @Option(
        help:
            "Keep logs and states in: simulated, sqlite (the stores that ship), or mixed. Only simulator has the latter two."
    )
    var store: WorldStores?
    @Option(help: "How elections go: \(ElectionMix.allCases.map(\.rawValue).joined(separator: ", ")), or drawn.")
    var election = "drawn"
    @Option(help: "The nodes' priorities, 0 to 255 each (a list), or drawn.")
    var priorities = "drawn"
    @Option(help: "Write every event of a single seed to this file.")
    var trace: String?
    @Flag(help: "Fail when something that worlds are there to show never happened.")
    var requireAll = false
    @Flag(
        inversion: .prefixedNo,
        help: "Hold answers and deliveries against the model at once; without, only the clients' history is judged.")
    var answerChecks = true
    @Flag(help: "Print the trace hash of every seed, in order.")
    var hashes = false
    @Flag(inversion: .prefixedNo, help: "Shrink a world that breaks a rule before it is shown.")
    var shrink = true

    package init() {}

    package func validate() throws {
        guard (0...5).contains(nodes) else { throw ValidationError("--nodes is \(nodes); allowed are 0 to 5") }
        guard seeds > 0 else { throw ValidationError("--seeds is \(seeds); at least 1 is needed") }
        guard minutes >= 0, (seconds ?? 1) >= 0, minutes <= 10_000, (seconds ?? 1) <= 600_000 else {
            throw ValidationError("--minutes and --seconds must be between 0 and a week")
        }
        guard trace == nil || seed != nil else { throw ValidationError("--trace needs --seed") }
        guard only == nil || seed != nil else { throw ValidationError("--only needs --seed") }
        guard clients > 0 else { throw ValidationError("--clients is \(clients); at least 1 is needed") }
        if let store, store != .simulated, WorldStores.maker == nil {
            throw ValidationError(
                "--store is \(store); conclave has simulated only, swift run simulator has the others")
        }
        _ = try faultKinds()
        guard limit > 0 else { throw ValidationError("--limit is 0; at least 1 is needed") }
        _ = try plantedBugs()
        _ = try onlyFaults()
        _ = try electionMix()
        _ = try priorityList()
    }

    package func run() async throws {
        if planted == "list" { return print(PlantedBoard.list) }
        if planted != nil, seed == nil { return try await hunt(try plantedBugs()) }
        let worlds = try worlds()
        var board = SimulationBoard(total: worlds.count, showsHashes: hashes)
        let clock = ContinuousClock()
        let start = clock.now
        if let trace, let world = worlds.first {
            board.add(try SimulationTrace.write(world, to: trace))
        } else {
            board = await runAll(worlds, board: board)
        }
        print(board.table(wall: clock.now - start))
        if board.violations > 0 { throw ExitCode(1) }
        guard requireAll, !board.missing.isEmpty else { return }
        print("never happened: \(board.missing.map { "\($0)" }.joined(separator: ", "))")
        throw ExitCode(1)
    }

    /// Two worlds at a time for each core would only take turns: one for each.
    private func runAll(_ worlds: [SimulationOptions], board: SimulationBoard) async -> SimulationBoard {
        var board = board
        let shrinks = shrink
        await withTaskGroup(of: SimulationResult.self) { group in
            var rest = worlds[...]
            for _ in 0..<SimulationBoard.workers {
                if let world = rest.popFirst() { group.addTask { Self.outcome(of: world, shrinks: shrinks) } }
            }
            while let result = await group.next() {
                board.add(result)
                if let world = rest.popFirst() { group.addTask { Self.outcome(of: world, shrinks: shrinks) } }
            }
        }
        return board
    }

    private static func outcome(of world: SimulationOptions, shrinks: Bool) -> SimulationResult {
        let result = Simulation.run(world)
        return shrinks ? Simulation.shrunk(result) : result
    }

    // MARK: - Options

    private func worlds() throws -> [SimulationOptions] {
        let kinds = try faultKinds()
        let bug = try plantedBugs().first
        let only = try onlyFaults()
        let (mix, list) = (try electionMix(), try priorityList())
        let length = minutes == 0 && seconds == nil ? 10 : Int64(minutes) * 60 + Int64(seconds ?? 0)
        let range = seed.map { $0...$0 } ?? from...(from + UInt64(seeds) - 1)
        return range.map { seed in
            var world = SimulationOptions(
                seed: seed, nodes: nodes == 0 ? SimulationOptions.mixedNodes(seed: seed) : nodes,
                duration: .seconds(length), faults: kinds, planted: bug, onlyFaults: only,
                clients: clients, election: mix, priorities: list, stores: (store ?? .mixed).stores(seed: seed))
            world.judgesAnswers = answerChecks
            return world
        }
    }

    private func faultKinds() throws -> [Fault] {
        switch faults {
        case "all": return Fault.allCases
        case "none": return []
        default:
            return try faults.split(separator: ",").map { name in
                guard let fault = Fault(rawValue: String(name)) else {
                    throw ValidationError("--faults names \(name), which there is not")
                }
                return fault
            }
        }
    }

    private func electionMix() throws -> ElectionMix? {
        guard election != "drawn" else { return nil }
        guard let mix = ElectionMix(rawValue: election) else {
            let allowed = ElectionMix.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--election is \(election); allowed are \(allowed), drawn")
        }
        return mix
    }

    private func priorityList() throws -> [UInt8]? {
        guard priorities != "drawn" else { return nil }
        let list = try priorities.split(separator: ",").map { text in
            guard let priority = UInt8(text) else {
                throw ValidationError("--priorities names \(text); a number from 0 to 255 is expected for each node")
            }
            return priority
        }
        guard list.count == nodes else {
            throw ValidationError(
                "--priorities names \(list.count) of them, for --nodes \(nodes); one each is expected")
        }
        return list
    }

    private func onlyFaults() throws -> [Int]? {
        if only == "none" { return [] }
        return try only?.split(separator: ",").map { text in
            guard let number = Int(text), number >= 0 else {
                throw ValidationError("--only names \(text), which is not a number")
            }
            return number
        }
    }

    private func plantedBugs() throws -> [PlantedBug] {
        let bugs: [PlantedBug]
        switch planted {
        case nil, "list": return []
        case "all": bugs = PlantedBug.allCases
        case "sample": bugs = PlantedBug.sample
        case let names?:
            bugs = try names.split(separator: ",").map { name in
                guard let bug = PlantedBug(rawValue: String(name)) else {
                    throw ValidationError(
                        "--planted names \(name), which there is not; `--planted list` shows what there is")
                }
                return bug
            }
        }
        if let bug = bugs.first(where: \.isInCore), !PlantedBug.reachTheCore {
            throw ValidationError(
                "\(bug) is a mistake in the core, and this build has none there; with them: \(PlantedBoard.buildCommand)"
            )
        }
        guard seed == nil || bugs.count == 1 else {
            throw ValidationError("--seed runs one world with one mistake; --planted names \(bugs.count)")
        }
        return bugs
    }

    private func hunt(_ bugs: [PlantedBug]) async throws {
        let hunts = PlantedHunt(limit: limit, judgesAnswers: answerChecks)
        if hunt, let bug = bugs.first { return hunts.run(bug) }
        guard await PlantedBoard.run(bugs, hunts) else { throw ExitCode(1) }
    }
}
