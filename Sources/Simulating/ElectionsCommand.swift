package import ArgumentParser
import Consensus
import Exploration
import Foundation
import Primitives

/// `conclave measure-elections`: measures elections of both strategies in virtual time, and draws them.
package struct ElectionsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "measure-elections",
        abstract: "Measure how long simulated elections take, with both strategies.",
        discussion: """
            The leader of a healthy cluster goes silent, in virtual time; messages take one to three milliseconds. For 3 and \
            5 nodes, several election timeouts and both strategies it tells how long it takes until another leader has \
            committed an entry, how often somebody had to ask for votes, and how often votes were split. Equal arguments give equal figures.

            EXAMPLE
              conclave measure-elections --count 10000 --svg Docs/Pictures
            """)

    @Option(help: "How many elections of each kind.")
    var count = 10_000
    @Option(help: "The election timeouts, in milliseconds (a list).")
    var timeouts = "50,150,400,1000"
    @Option(help: "Draw pictures into this folder.")
    var svg: String?

    package init() {}

    package func validate() throws {
        guard (1...1_000_000).contains(count) else {
            throw ValidationError("--count is \(count); allowed are 1 to 1000000")
        }
        _ = try spans()
        guard let svg else { return }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: svg, isDirectory: &isFolder), isFolder.boolValue else {
            throw ValidationError("--svg names \(svg), which is not a folder")
        }
    }

    private func spans() throws -> [TimeSpan] {
        let spans = try timeouts.split(separator: ",").map { text in
            guard let number = Int64(text), (20...60_000).contains(number) else {
                throw ValidationError("--timeouts names \(text); milliseconds from 20 to 60000 are expected")
            }
            return TimeSpan.milliseconds(number)
        }
        guard (1...6).contains(spans.count) else {
            throw ValidationError("--timeouts names \(spans.count) of them; 1 to 6 are expected")
        }
        return spans
    }

    package func run() async throws {
        var figures: [ElectionFigures] = []
        print(ElectionFigures.heading)
        for nodes in [3, 5] {
            for timeout in try spans() {
                for strategy in ElectionStrategy.allCases {
                    let settings = Settings(heartbeat: timeout / 8, electionTimeout: timeout, election: strategy)
                    let own = await ElectionFigures.measure(nodes: nodes, settings: settings, count: count)
                    print(own.row)
                    figures.append(own)
                }
            }
        }
        guard let svg else { return }
        for (name, picture) in ElectionPictures.all(figures) {
            try Data(picture.utf8).write(to: URL(filePath: svg).appending(path: name))
        }
    }
}

/// Many elections of one kind.
struct ElectionFigures: Sendable {
    let nodes: Int
    let timeout: TimeSpan
    let strategy: ElectionStrategy
    /// In milliseconds, in order.
    let times: [Int64]
    /// How many elections took one try, two, and so on.
    let rounds: [Int]
    let split: Int
    let withoutEnd: Int

    static let heading = "nodes  timeout  strategy      p50 ms  p99 ms  max ms  one try   split per 10 000  without end"

    var row: String {
        let cells = [
            "\(nodes)".padded(5), "\(timeout.milliseconds) ms".padded(8),
            " " + strategy.rawValue.padding(toLength: 11, withPad: " ", startingAt: 0), "\(time(at: 0.5))".padded(7),
            "\(time(at: 0.99))".padded(7), "\(times.last ?? 0)".padded(7),
            String(format: "%.1f %%", Double(rounds.first ?? 0) * 100 / Double(max(1, times.count))).padded(9),
            "\(splitPerTenThousand)".padded(17), "\(withoutEnd)".padded(12),
        ]
        return cells.joined(separator: " ")
    }

    var splitPerTenThousand: Int { split * 10_000 / max(1, times.count) }

    /// The time within which this share of the elections was over.
    func time(at share: Double) -> Int64 {
        times.isEmpty ? 0 : times[min(times.count - 1, Int(Double(times.count) * share))]
    }

    static func measure(nodes: Int, settings: Settings, count: Int) async -> ElectionFigures {
        let outcomes = await withTaskGroup(of: [ElectionTrial.Outcome?].self) { group in
            let share = (count + SimulationBoard.workers - 1) / SimulationBoard.workers
            for first in stride(from: 0, to: count, by: share) {
                group.addTask {
                    (first..<min(count, first + share)).map { seed in
                        ElectionTrial(members: nodes, settings: settings, seed: UInt64(seed) + 1).run()
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        let ended = outcomes.compactMap(\.self)
        var rounds = Array(repeating: 0, count: ended.map(\.rounds).max() ?? 1)
        for outcome in ended { rounds[max(1, outcome.rounds) - 1] += 1 }
        return ElectionFigures(
            nodes: nodes, timeout: settings.electionTimeout, strategy: settings.election,
            times: ended.map(\.time.milliseconds).sorted(), rounds: rounds, split: ended.count(where: \.isSplit),
            withoutEnd: outcomes.count - ended.count)
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }
}
