internal import NIOCore
internal import NIOPosix
import Synchronization

/// Leases that nobody renews, each with one key; how much later than its time to live a watcher is told that the key
/// went. Counted from the moment the grant was *sent*, the earliest at which the lease can have begun, so that no
/// system looks better than it is; a key that goes before that moment plus its time to live went early, an error.
package struct ExpiryWorkload: Sendable {
    /// etcd grants no shorter lease.
    private static let seconds = 2
    private static let spacing = TimeAmount.milliseconds(37)
    private static let limit = TimeAmount.seconds(20)

    package var system: TargetSystem
    package var endpoints: [Endpoint]
    package var leases: Int

    package init(on system: TargetSystem, endpoints: [Endpoint], leases: Int) {
        self.system = system
        self.endpoints = endpoints
        self.leases = leases
    }

    package struct Result: Sendable {
        /// Milliseconds beyond the time to live, one per lease.
        package var lags: [Double]
        package var errors: ErrorTally
    }

    package func run() async throws -> Result {
        let prefix = "bench/lease-\(String(UInt64.random(in: .min ... .max), radix: 36))/"
        let witness = Witness(system.dialect)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let endpoint = endpoints[endpoints.count - 1]
        let request = system.dialect.watch(prefix: prefix)
        let stream = try await LoadConnection.connect(to: endpoint, on: loop, within: .seconds(10)) {
            WatchStream(
                request, host: endpoint.description, onPiece: { witness.heard($0) }, onEnd: { witness.ended($0) })
        }.get()
        defer { loop.execute { stream.value.stop() } }
        try await Deadline.wait(Self.limit) { witness.opened || witness.end != nil }
        let granted = try await grant(prefix)
        try? await Deadline.wait(Self.limit) { witness.deletions.count >= leases || witness.end != nil }
        return judge(granted, witness)
    }

    /// When each key's lease was asked for.
    private func grant(_ prefix: String) async throws -> [String: Int64] {
        let dialect = system.dialect
        let client = Client(endpoints[0])
        var granted: [String: Int64] = [:]
        for number in 0..<leases {
            let start = MonotonicTime.now()
            let answer = try await client.sendExpecting(dialect.grant(seconds: Self.seconds))
            guard let lease = dialect.lease(in: answer) else { throw WorkloadFailure("a granted lease has no id") }
            let key = prefix + String(number)
            _ = try await client.sendExpecting(dialect.put(key: key, value: Value("held"), lease: lease))
            granted[key] = start
            try await Task.sleep(for: .nanoseconds(Self.spacing.nanoseconds))
        }
        await client.close()
        return granted
    }

    private func judge(_ granted: [String: Int64], _ witness: Witness) -> Result {
        var result = Result(lags: [], errors: ErrorTally())
        if let end = witness.end { result.errors.record("the watch ended: \(end)") }
        let gone = witness.deletions
        for (key, start) in granted.sorted(by: { $0.value < $1.value }) {
            guard let told = gone[key] else {
                result.errors.record("a key outlived its lease")
                continue
            }
            let lag = MonotonicTime.milliseconds(told - start) - Double(Self.seconds) * 1000
            result.lags.append(lag)
            if lag < 0 { result.errors.record("a lease ended early") }
        }
        return result
    }
}

/// Reads a watch stream message by message and notes when each key was reported gone.
private final class Witness: Sendable {
    private struct State {
        var text = ByteBuffer()
        var opened = false
        var end: String?
        var deletions: [String: Int64] = [:]
    }

    private let dialect: any Dialect
    private let state = Mutex(State())

    init(_ dialect: any Dialect) { self.dialect = dialect }

    var opened: Bool { state.withLock { $0.opened } }
    var end: String? { state.withLock { $0.end } }
    var deletions: [String: Int64] { state.withLock { $0.deletions } }

    func ended(_ reason: String) { state.withLock { $0.end = reason } }

    func heard(_ piece: ByteBuffer) {
        let now = MonotonicTime.now()
        state.withLock { state in
            state.opened = true
            var piece = piece
            state.text.writeBuffer(&piece)
            while let message = state.text.readMessage(endedBy: dialect.messageEnd) {
                for key in dialect.deletedKeys(in: message) { state.deletions[key] = now }
            }
        }
    }
}

extension ByteBuffer {
    /// Takes the bytes up to and including the next `end`, and returns those before it; `nil` if there is no `end`.
    mutating func readMessage(endedBy end: [UInt8]) -> ByteBuffer? {
        guard let length = firstOffset(of: end), let message = readSlice(length: length) else { return nil }
        moveReaderIndex(forwardBy: end.count)
        if readableBytes == 0 { clear() } else { discardReadBytes() }
        return message
    }
}
