import ArgumentParser
import Foundation
import LoadGenerator
import LocalProcesses

/// `conclave bench compare`
struct BenchCompare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Start three nodes of Conclave and of etcd, measure both in turn, print ratios beside the targets.",
        discussion: """
            Every measurement gets a fresh cluster on free loopback ports, and only one cluster runs at a time. \
            Everything started is ended and removed, also on Ctrl-C. The exit code is 1 if something failed or was \
            answered wrongly; a target not met does not change it.

            EXAMPLE
              conclave bench compare --quick
              conclave bench compare --only put get --repeat 5 --report report.md
            """)

    @Flag(help: "Short runs, to see that everything works; too short to trust.")
    var quick = false

    @Option(
        parsing: .upToNextOption,
        help: "Measure only these: \(Trial.allCases.map(\.rawValue).joined(separator: ", ")).")
    var only: [Trial] = []

    @Option(name: .customLong("system"), parsing: .upToNextOption, help: "Measure only these: conclave, etcd.")
    var systems: [TargetSystem] = []

    @Option(name: .customLong("repeat"), help: "Rounds; the systems change places in every other one.")
    var rounds: Int?

    @Option(help: "Requests in flight in the throughput workloads: connections, or streams of gRPC.")
    var connections = 64

    @Option(help: "Event loops of the generator, each with its own thread.")
    var loops = 1

    @Option(help: "Watchers; the default is 2000, or 500 with --quick.")
    var watchers: Int?

    @Option(help: "Bytes of a value.")
    var valueSize = 128

    @Option(help: "Different keys that put, get and serial use.")
    var keys = 1_000

    @Option(help: "Where the servers' data goes; must be on a real disk.")
    var directory = NSTemporaryDirectory()

    @Option(help: "The etcd to run.")
    var etcd = "etcd"

    @Flag(help: "Cross-check reads and writes with wrk as well.")
    var wrk = false

    @Option(help: "Write the report, in Markdown, to this file too.")
    var report: String?

    func validate() throws {
        try check("--repeat", rounds ?? 1, 1...1_000)
        try check("--connections", connections, 1...20_000)
        try check("--loops", loops, 1...64)
        try check("--watchers", watchers ?? 1, 1...50_000)
        try check("--value-size", valueSize, 1...1_000_000)
        try check("--keys", keys, 1...1_000_000)
    }

    private func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name) must be from \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
    }

    func run() async throws {
        let plan = try plan()
        let result = try await BenchFolder.lend(below: directory) { await compare(plan, in: $0) }
        print(result.text)
        if let report { try SmallFile.write(result.markdown, to: report) }
        if !result.problems.isEmpty { throw ExitCode(1) }
    }

    private func compare(_ plan: ComparisonPlan, in folder: URL) async -> ComparisonReport {
        let machine = Machine.probe(directory: folder.path)
        let comparison = Comparison(plan, directory: folder) { BenchOutput.progress($0) }
        await comparison.run()
        return ComparisonReport(
            date: Self.now(), machine: machine, versions: comparison.versions, settings: plan.settings,
            samples: comparison.samples, problems: comparison.problems)
    }

    private func plan() throws -> ComparisonPlan {
        var scale = quick ? ComparisonPlan.Scale.quick : .full
        if let watchers { scale.watchers = watchers }
        var trials = only.isEmpty ? Trial.allCases.filter { $0 != .wrk } : only
        if wrk, !trials.contains(.wrk) { trials.append(.wrk) }
        guard valueSize <= Wire.grpcValueBytes || !trials.contains(where: \.isOverGRPC) else {
            throw ValidationError("--value-size must be at most \(Wire.grpcValueBytes) over gRPC, not \(valueSize)")
        }
        return ComparisonPlan(
            contestants: try TargetSystem.allCases.filter { systems.isEmpty || systems.contains($0) }.map(contestant),
            trials: trials, rounds: rounds ?? (quick ? 1 : 3), connections: connections, loops: loops,
            keys: keys, valueSize: valueSize, directory: directory, scale: scale)
    }

    private func contestant(_ system: TargetSystem) throws -> Contestant {
        switch system {
        case .conclave: return Contestant(system, try .conclave())
        case .etcd:
            guard let path = ServerProgram.find(etcd) else {
                throw WorkloadFailure("etcd is not installed: apt-get install etcd-server (or name it with --etcd)")
            }
            return Contestant(system, .etcd(path))
        }
    }

    private static func now() -> String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(identifier: "UTC")
        format.dateFormat = "yyyy-MM-dd HH:mm 'UTC'"
        return format.string(from: Date())
    }
}
