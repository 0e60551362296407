internal import Consensus
internal import KeyValue
internal import Primitives

/// How this seed's world behaves: which faults it has, how often, and how small its bounds are. No two seeds alike, so that
/// faults are also seen alone, together, and far apart.
struct Swarm {
    let faults: [Fault]
    var settings: Settings
    var logBounds: LogBounds
    var historyBounds: HistoryBounds
    /// Messages lost, of 10 000.
    var loss = 0
    /// Messages that arrive again, of 10 000.
    var duplication = 0
    /// Messages that take long, of 10 000.
    var slowMessages = 0
    /// Messages with flipped bits, of 10 000.
    var corruption = 0
    /// How much clocks run too fast or too slow at most, in millionths.
    var clockSpread: Int64 = 0
    let suddenFaults: [Fault]
    let replays: Bool
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
    /// Events of history that a watch is handed at once.
    let watchPage: Int

    init(_ options: SimulationOptions, random: inout SeededGenerator) {
        // Each fault is left out of a third of the worlds that may have it. What is drawn does not depend on what is
        // asked for, so that a world with fewer faults is otherwise the same.
        faults = Fault.allCases.filter { fault in !random.chance(3333) && options.faults.contains(fault) }
        settings =
            random.chance(7500)
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
        clientInterval = random.within(20_000_000...60_000_000) << Int64(random.below(6))
        saveInterval = random.within(5_000_000...300_000_000)
        batch = [1, 4, 64][random.below(3)]
        let rates = [[10, 100, 1_000], [10, 200, 1_000], [20, 300, 2_000], [1, 10, 100]].map { $0[random.below(3)] }
        if faults.contains(.loss) { loss = rates[0] }
        if faults.contains(.duplication) { duplication = rates[1] }
        if faults.contains(.delay) { slowMessages = rates[2] }
        if faults.contains(.corruption) { corruption = rates[3] }
        // Clocks of real machines differ by far less; now and then they do here, too.
        if faults.contains(.clock) { clockSpread = [5_000, 100_000][random.below(2)] }
        if options.planted == .racingClocks { clockSpread = 200_000 }
        replays = faults.contains(.replay)
        suddenFaults = faults.filter(\.isSudden)
        watchPage = [3, 40, 512][random.below(3)]
    }
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
