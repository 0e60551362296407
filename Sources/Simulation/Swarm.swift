internal import Consensus
internal import KeyValue
internal import Primitives

/// How this seed's world behaves: which faults it has, how often, and how small its bounds are. No two seeds alike, so that
/// faults are also seen alone, together, and far apart.
struct Swarm {
    var faults: [Fault]
    var settings: Settings
    var logBounds: LogBounds
    var historyBounds: HistoryBounds
    /// Messages lost, of 10 000.
    var loss = 0
    /// Messages that arrive again, of 10 000.
    var duplication = 0
    /// Messages that take long, of 10 000.
    var slowMessages = 0
    var latency: Int64
    var slowLatency: Int64
    var diskLatency: Int64
    /// Time from one fault to the next, on average.
    var faultInterval: Int64
    /// Time from one action of a client to its next, on average.
    var clientInterval: Int64
    var saveInterval: Int64
    /// Up to how many inputs a node handles before it flushes.
    var batch: Int

    init(_ options: SimulationOptions, random: inout SeededGenerator) {
        // Each fault is left out of a third of the worlds that may have it.
        faults = options.faults.filter { _ in !random.chance(3333) }
        settings =
            random.chance(5000)
            ? Settings() : Settings(heartbeat: .milliseconds(20), electionTimeout: .milliseconds(150))
        logBounds = LogBounds(
            trailingEntries: [4, 20, 200][random.below(3)], appendBytes: [200, 2_000, 100_000][random.below(3)],
            appendsInFlight: [1, 3, 64][random.below(3)], snapshotChunkBytes: [500, 5_000, 200_000][random.below(3)])
        historyBounds = HistoryBounds(
            revisions: [10, 40, 400][random.below(3)], age: .seconds(Int64([2, 3600][random.below(2)])))
        latency = [30_000, 200_000, 1_000_000][random.below(3)]
        slowLatency = random.within(5_000_000...400_000_000)
        diskLatency = [50_000, 200_000, 2_000_000][random.below(3)]
        faultInterval = random.within(100_000_000...2_000_000_000)
        clientInterval = random.within(4_000_000...150_000_000)
        saveInterval = random.within(5_000_000...300_000_000)
        batch = [1, 4, 64][random.below(3)]
        if faults.contains(.loss) { loss = [10, 100, 1_000][random.below(3)] }
        if faults.contains(.duplication) { duplication = [10, 200, 1_000][random.below(3)] }
        if faults.contains(.delay) { slowMessages = [20, 300, 2_000][random.below(3)] }
    }

    /// The faults that happen at a moment, as opposed to those that are in every message.
    var suddenFaults: [Fault] { faults.filter { ![.delay, .loss, .duplication, .clock].contains($0) } }
}

extension SeededGenerator {
    /// A number from 0 up to and without `bound`.
    mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }

    /// True in `parts` of 10 000 cases.
    mutating func chance(_ parts: Int) -> Bool { below(10_000) < parts }

    mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
        range.lowerBound + Int64(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    /// Around `mean`, from none to twice as long.
    mutating func around(_ mean: Int64) -> Int64 { within(0...(2 * mean)) }
}
