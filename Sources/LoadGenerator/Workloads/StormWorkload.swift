package import NIOCore
internal import NIOPosix
import Synchronization

/// Thousands of leases that end together, each with a key, while others write: how long until a watcher on every node
/// is told of all, and what the writes feel of it. The leases are due together because they are renewed together.
package struct StormWorkload: Sendable {
    private static let limit = TimeAmount.seconds(60)
    private static let writesPerSecond = 400.0
    private static let writers = 8
    private static let renewers = 64
    /// Writes are measured from this long before the leases are due until as long after.
    private static let margin = TimeAmount.milliseconds(1_000)

    package var system: TargetSystem
    package var endpoints: [Endpoint]
    package var leases: Int
    /// Seconds; long enough to grant them all and give each its key.
    package var timeToLive: Int
    /// How long writes are measured before anything is due.
    package var calm: TimeAmount

    package init(
        on system: TargetSystem, endpoints: [Endpoint], leases: Int, timeToLive: Int = 20,
        calm: TimeAmount = .seconds(4)
    ) {
        self.system = system
        self.endpoints = endpoints
        self.leases = leases
        self.timeToLive = timeToLive
        self.calm = calm
    }

    package struct Result: Sendable {
        /// Milliseconds from the moment the last lease was due until every watcher was told of all.
        package var gone: Double
        /// Milliseconds from the first due lease to the last one.
        package var spread: Double
        /// Milliseconds that 99 % of the writes took, before and meanwhile.
        package var idleWrites: Double
        package var stormWrites: Double
        package var errors: ErrorTally
    }

    package func run() async throws -> Result {
        let dialect = system.dialect
        let prefix = "bench/storm-\(String(UInt64.random(in: .min ... .max), radix: 36))/"
        let ids = try await Granting.leases(leases, seconds: timeToLive, in: system.dialect, at: endpoints)
        try await Granting.sendAll(
            ids.map { dialect.put(key: prefix + $0, value: Value("held"), lease: $0) }, to: endpoints)
        let renewals = dialect.renew(leases: ids, seconds: timeToLive)
        let before = try await write(for: calm)
        let witnesses = try await watch(prefix)
        let firstRenewal = MonotonicTime.now()
        try await Granting.sendAll(renewals, to: endpoints, connections: Self.renewers)
        let lastRenewal = MonotonicTime.now()
        let life = Int64(timeToLive) * 1_000_000_000
        let due = (first: firstRenewal + life, last: lastRenewal + life)
        try await Task.sleep(for: .nanoseconds(due.first - Self.margin.nanoseconds - MonotonicTime.now()))
        let storm = try await write(for: .nanoseconds(due.last - due.first) + Self.margin + Self.margin)
        try? await Deadline.wait(Self.limit) { witnesses.allSatisfy { $0.told.count >= leases } }
        return judge(witnesses.map(\.told), due, before, storm)
    }

    private func judge(
        _ told: [StormWitness.Told], _ due: (first: Int64, last: Int64), _ calm: LoadResult, _ storm: LoadResult
    ) -> Result {
        var errors = calm.errors
        errors.add(storm.errors)
        for witness in told {
            if let first = witness.first, first < due.first { errors.record("a lease ended early") }
            errors.record("a watcher was not told of a key that went", count: UInt64(max(0, leases - witness.count)))
            if let end = witness.end { errors.record("a watch ended: \(end)") }
        }
        let last = told.compactMap(\.last).max() ?? due.last
        return Result(
            gone: MonotonicTime.milliseconds(last - due.last),
            spread: MonotonicTime.milliseconds(due.last - due.first),
            idleWrites: calm.latency.milliseconds(at: 99), stormWrites: storm.latency.milliseconds(at: 99),
            errors: errors)
    }

    private func write(for duration: TimeAmount) async throws -> LoadResult {
        let plan = LoadPlan(
            endpoints: endpoints, connections: Self.writers, bound: .duration(duration), rate: Self.writesPerSecond)
        let workload = ThroughputWorkload(.put, on: system)
        return try await LoadRunner.run(plan, source: try await workload.prepare(plan))
    }

    /// One watcher at each node.
    private func watch(_ prefix: String) async throws -> [StormWitness] {
        let request = system.dialect.watch(prefix: prefix)
        var witnesses: [StormWitness] = []
        for endpoint in endpoints {
            let witness = StormWitness(system.dialect.deletionMark)
            _ = try await LoadConnection.connect(
                to: endpoint, on: MultiThreadedEventLoopGroup.singleton.next(), within: .seconds(10)
            ) {
                WatchStream(
                    request, host: endpoint.description, onPiece: { witness.heard($0) }, onEnd: { witness.ended($0) })
            }.get()
            try await Deadline.wait(Self.limit) { witness.told.isOpen }
            witnesses.append(witness)
        }
        return witnesses
    }
}

/// One watcher of a storm; counts what it is told.
private final class StormWitness: Sendable {
    struct Told: Sendable {
        var isOpen = false
        var first: Int64?
        var last: Int64?
        var end: String?
        fileprivate var counter: MarkCounter
        var count: Int { counter.count }
    }

    private let state: Mutex<Told>
    init(_ mark: [UInt8]) { state = Mutex(Told(counter: MarkCounter(mark))) }

    var told: Told { state.withLock { $0 } }
    func ended(_ reason: String) { state.withLock { $0.end = reason } }

    func heard(_ piece: ByteBuffer) {
        state.withLock { told in
            told.isOpen = true
            let before = told.count
            told.counter.hear(piece)
            guard told.count > before else { return }
            let now = MonotonicTime.now()
            told.first = told.first ?? now
            told.last = now
        }
    }
}
