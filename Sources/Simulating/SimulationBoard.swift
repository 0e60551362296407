import Foundation
import Primitives
internal import Simulation

/// What came of the worlds so far.
struct SimulationBoard {
    let total: Int
    private(set) var violations = 0
    private var done = 0
    private var onStores = 0
    private var events = 0
    private var simulated = TimeSpan.zero
    private var counters: [Counters] = []
    private var shown = 0
    private let showsHashes: Bool
    private var hashes: [(seed: UInt64, hash: UInt64)] = []

    static var workers: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }

    init(total: Int, showsHashes: Bool) {
        self.total = total
        self.showsHashes = showsHashes
    }

    /// What never happened in any world.
    var missing: [Sometimes] {
        let sum = Counters(summing: counters)
        return Sometimes.allCases.filter { sum[$0] == 0 }
    }

    /// Counts a result in, prints its story when a rule was broken, and the progress now and then.
    mutating func add(_ result: SimulationResult) {
        done += 1
        if result.options.stores != nil { onStores += 1 }
        events += result.events
        simulated = simulated + result.simulated
        counters.append(result.counters)
        if let report = result.report {
            violations += 1
            print(report)
        }
        hashes.append((result.options.seed, result.traceHash))
        if total == 1 { print("trace hash \(String(result.traceHash, radix: 16))") }
        guard total > 1, done * 20 / total > shown else { return }
        shown = done * 20 / total
        print("\(done) of \(total) worlds, \(violations) broken")
    }

    /// The closing table.
    func table(wall: Duration) -> String {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        let cpu = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        let virtual = Double(simulated.milliseconds) / 1000
        let sum = Counters(summing: counters)
        let operations = [Sometimes.writeAcknowledged, .linearizableRead, .staleRead, .leaseRenewed]
        let perSecond = Double(operations.reduce(0) { $0 + sum[$1] }) / max(virtual, 0.001)
        var rows = [
            ("worlds", "\(done), \(onStores) of them on the SQLite stores"), ("rules broken", "\(violations)"),
            ("events", "\(events)"),
            ("simulated", String(format: "%.0f s, with %.0f operations each", virtual, perSecond)),
            ("CPU", String(format: "%.1f s, %.1f s by the clock", cpu, wall / .seconds(1))),
            ("simulated / CPU", String(format: "%.0f", virtual / max(cpu, 0.001))),
        ]
        rows += Sometimes.allCases.map { ("\($0)", "\(sum[$0])") }
        var lines = rows.map { name, value in name.padding(toLength: 24, withPad: " ", startingAt: 0) + value }
        if showsHashes {
            lines += hashes.sorted { $0.seed < $1.seed }.map { "seed \($0.seed) \(String($0.hash, radix: 16))" }
        }
        return lines.joined(separator: "\n")
    }
}

/// One world with every event written down.
enum SimulationTrace {
    static func write(_ options: SimulationOptions, to path: String) throws -> SimulationResult {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
        defer { try? file.close() }
        return Simulation.run(options) { line in file.write(Data((line + "\n").utf8)) }
    }
}
