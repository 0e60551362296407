internal import NIOCore
internal import NIOPosix
import Synchronization

/// Many watchers of one key, each on its own connection; one change at a time; how long until all are told.
package struct WatchWorkload: Sendable {
    private static let openingBatch = 64
    private static let tellLimit = TimeAmount.seconds(20)
    private static let key = "bench/watched"

    package var system: TargetSystem
    package var endpoints: [Endpoint]
    package var watchers: Int
    package var changes: Int
    package var loops: Int

    package init(on system: TargetSystem, endpoints: [Endpoint], watchers: Int, changes: Int, loops: Int = 1) {
        self.system = system
        self.endpoints = endpoints
        self.watchers = watchers
        self.changes = changes
        self.loops = loops
    }

    /// One change: milliseconds from just before its write was sent until watchers were told.
    package struct Telling: Sendable {
        package var median: Double
        package var last: Double
        package var told: Int
    }

    package struct Result: Sendable {
        package var tellings: [Telling]
        package var errors: ErrorTally
    }

    /// Opens the watchers, calls `whenOpen`, writes the changes, and says when each was told.
    package func run(whenOpen: () async throws -> Void = {}) async throws -> Result {
        FileDescriptors.allow(watchers)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        do {
            let result = try await watch(on: group, whenOpen: whenOpen)
            try await group.shutdownGracefully()
            return result
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    private func watch(
        on group: MultiThreadedEventLoopGroup, whenOpen: () async throws -> Void
    ) async throws -> Result {
        let audience = Audience()
        for first in stride(from: 0, to: watchers, by: Self.openingBatch) {
            let batch = first..<min(watchers, first + Self.openingBatch)
            for watcher in batch { try await open(watcher, on: group.next(), audience) }
            try await audience.waitUntil(within: Self.tellLimit) { $0.opened >= batch.upperBound || $0.ended > 0 }
            if let reason = audience.firstEnd { throw WorkloadFailure("a watch ended while others opened: \(reason)") }
        }
        try await whenOpen()
        var result = Result(tellings: [], errors: ErrorTally())
        let writer = Client(endpoints[0], on: group)
        for change in 0..<changes { try await tell(change, by: writer, to: audience, into: &result) }
        await writer.close()
        return result
    }

    private func open(_ watcher: Int, on loop: any EventLoop, _ audience: Audience) async throws {
        let endpoint = endpoints[watcher % endpoints.count]
        let request = system.dialect.watch(key: Self.key)
        _ = try await LoadConnection.connect(to: endpoint, on: loop, within: .seconds(10)) {
            let ear = Ear(audience)
            return WatchStream(
                request, host: endpoint.description, onPiece: { ear.heard($0) }, onEnd: { audience.left(because: $0) })
        }.get()
    }

    private func tell(_ change: Int, by writer: Client, to audience: Audience, into result: inout Result) async throws {
        let value = Value("change-\(String(UInt64.random(in: .min ... .max), radix: 36))-\(change)")
        audience.expect(system.dialect.trace(of: value))
        let start = MonotonicTime.now()
        _ = try await writer.sendExpecting(system.dialect.put(key: Self.key, value: value), within: .seconds(10))
        do {
            try await audience.waitUntil(within: Self.tellLimit) { $0.told.count + $0.ended >= watchers }
        } catch is DeadlineExceeded {}
        let times = audience.told.map { MonotonicTime.milliseconds($0 - start) }
        result.errors.record("a watcher was not told", count: UInt64(watchers - times.count))
        guard let median = Sample.median(of: times), let last = times.max() else { return }
        result.tellings.append(Telling(median: median, last: last, told: times.count))
    }
}

/// What all watchers together have heard.
private final class Audience: Sendable {
    struct Heard {
        var opened = 0
        var ended = 0
        var firstEnd: String?
        /// When each watcher was told of the current change.
        var told: [Int64] = []
        var change = 0
        var trace: [UInt8] = []
    }

    private let heard = Mutex(Heard())

    var told: [Int64] { heard.withLock { $0.told } }
    var firstEnd: String? { heard.withLock { $0.firstEnd } }
    var current: (change: Int, trace: [UInt8]) { heard.withLock { ($0.change, $0.trace) } }

    func expect(_ trace: [UInt8]) {
        heard.withLock {
            $0.trace = trace
            $0.change += 1
            $0.told = []
        }
    }

    func opened() { heard.withLock { $0.opened += 1 } }

    func told(of change: Int, at time: Int64) {
        heard.withLock { if $0.change == change { $0.told.append(time) } }
    }

    func left(because reason: String) {
        heard.withLock {
            $0.ended += 1
            $0.firstEnd = $0.firstEnd ?? reason
        }
    }

    func waitUntil(within limit: TimeAmount, _ condition: (Heard) -> Bool) async throws {
        try await Deadline.wait(limit) { heard.withLock { condition($0) } }
    }
}

/// One watcher's ear: looks for the current change in its stream, whose pieces may cut it anywhere.
private final class Ear {
    private let audience: Audience
    /// What came since the change without it.
    private var text = ByteBuffer()
    private var isOpen = false
    private var change = 0
    private var lastTold = 0

    init(_ audience: Audience) { self.audience = audience }

    func heard(_ piece: ByteBuffer) {
        let now = MonotonicTime.now()
        let (current, trace) = audience.current
        if !isOpen { audience.opened() }
        isOpen = true
        if current != change {
            change = current
            text.clear()
        }
        guard change > 0, lastTold != change, hears(trace, in: piece) else { return }
        lastTold = change
        audience.told(of: change, at: now)
    }

    private func hears(_ trace: [UInt8], in piece: ByteBuffer) -> Bool {
        if text.readableBytes == 0, piece.contains(bytes: trace) { return true }
        text.writeImmutableBuffer(piece)
        return text.contains(bytes: trace)
    }
}
