package import ArgumentParser
import Consensus
import Exploration

/// `conclave explore`: looks at every state that three members can reach, within bounds.
package struct ExploreCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "explore",
        abstract: "Look at every state that three members of a cluster can reach.",
        discussion: """
            The shipping consensus is taken through all interleavings of messages, losses, repetitions, crashes, time-outs \
            and slow disks, shortest ways first, until the bounds are exhausted or there are too many states. Ends with \
            exit code 1 when a rule was broken, and tells the shortest way there.

            With --graphs it tries all ways in which links can be missing instead: the 64 directed graphs of three members \
            and the 1024 undirected ones of five, each with so many seeds.

            EXAMPLE
              conclave explore --states 1000000
              conclave explore --graphs 2
            """)

    @Option(help: "Where to begin: \(ExplorationBounds.Start.allCases.map(\.rawValue).joined(separator: " or ")).")
    var start = "led"
    @Option(help: "How many states to look at, at most.")
    var states = 4_000_000
    @Option(help: "The last term, 2 to 15; members begin in term 1.")
    var terms: UInt64 = 3
    @Option(help: "How many messages are under way at once; of more, some are lost.")
    var letters = 4
    @Option(help: "How often a member runs out of patience, in all.")
    var timeouts = 2
    @Option(help: "How many entries clients hand in.")
    var entries = 2
    @Option(help: "How many members crash, each once.")
    var crashes = 3
    @Option(help: "How many messages arrive twice.")
    var duplicates = 1
    @Option(help: "How many messages overtake others on their link.")
    var reorders = 1
    @Option(help: "How often a leader repeats itself.")
    var heartbeats = 0
    @Option(help: "How often a leader gives up because nobody answers.")
    var quorumLosses = 0
    @Option(help: "How often a leader hands over.")
    var handOvers = 0
    @Option(help: "Build in a mistake: \(Mistake.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mistake: String?
    @Option(help: "Try every graph of links, each with so many seeds.")
    var graphs: UInt64?
    @Option(
        help: "How elections go: \(ElectionMix.allCases.map(\.rawValue).joined(separator: ", ")) (only with --graphs).")
    var election = ElectionMix.randomized.rawValue

    package init() {}

    package func validate() throws {
        guard (1...100_000_000).contains(states) else {
            throw ValidationError("--states is \(states); allowed are 1 to 100000000")
        }
        guard (2...15).contains(terms) else { throw ValidationError("--terms is \(terms); allowed are 2 to 15") }
        let counts = [
            ("letters", letters), ("timeouts", timeouts), ("entries", entries), ("crashes", crashes),
            ("duplicates", duplicates), ("reorders", reorders), ("heartbeats", heartbeats),
            ("quorum-losses", quorumLosses), ("hand-overs", handOvers),
        ]
        for (name, count) in counts where !(0...15).contains(count) {
            throw ValidationError("--\(name) is \(count); allowed are 0 to 15")
        }
        guard (graphs ?? 1) > 0 else { throw ValidationError("--graphs is 0; at least 1 is needed") }
        guard let mix = ElectionMix(rawValue: election) else {
            throw ValidationError("--election is \(election); allowed are \(Self.names(ElectionMix.allCases))")
        }
        guard graphs != nil || mix != .mixed else { throw ValidationError("--election mixed needs --graphs") }
        _ = try bounds()
    }

    package func run() async throws {
        let succeeded =
            if let graphs {
                await GraphBoard.run(seeds: graphs, mix: ElectionMix(rawValue: election) ?? .randomized)
            } else { explore(try bounds()) }
        if !succeeded { throw ExitCode(1) }
    }

    private func explore(_ bounds: ExplorationBounds) -> Bool {
        var explorer = Explorer(bounds)
        let clock = ContinuousClock()
        let begin = clock.now
        let report = explorer.run { report in
            if report.states > 100_000 { print("\(report.states) states, all within \(report.depth) steps looked at") }
        }
        print(ExplorationBoard.table(report, wall: clock.now - begin))
        return report.problem == nil
    }

    private func bounds() throws -> ExplorationBounds {
        guard let start = ExplorationBounds.Start(rawValue: start) else {
            throw ValidationError("--start is \(start); allowed are \(Self.names(ExplorationBounds.Start.allCases))")
        }
        var bounds = ExplorationBounds(start: start, terms: terms, states: states)
        bounds.letters = letters
        bounds.timeouts = timeouts
        bounds.entries = entries
        bounds.crashes = crashes
        bounds.duplicates = duplicates
        bounds.reorders = reorders
        bounds.heartbeats = heartbeats
        bounds.quorumLosses = quorumLosses
        bounds.handOvers = handOvers
        bounds.election = ElectionStrategy(rawValue: election) ?? .randomized
        if let mistake {
            guard let known = Mistake(rawValue: mistake) else {
                throw ValidationError("--mistake is \(mistake); allowed are \(Self.names(Mistake.allCases))")
            }
            bounds.mistake = known
        }
        return bounds
    }

    private static func names<Kind: RawRepresentable<String>>(_ kinds: [Kind]) -> String {
        kinds.map(\.rawValue).joined(separator: ", ")
    }
}
