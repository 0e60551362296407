internal import NIOCore
internal import NIOPosix

/// The recipe the product is judged by, with many contenders. Each watches one key on a connection of its own. The key's
/// holder is silent; when the lease ends, each contender that is told tries to create the key, on a second connection.
///
/// Times count from the moment the holder's lease was *asked for* plus its time to live: what is beyond that is the
/// system's part. A contender knows its controller when its watch or the answer to its attempt names it.
package struct SuccessionWorkload: Sendable {
    /// etcd grants no shorter lease.
    private static let seconds = 2
    private static let contenderSeconds = 600
    private static let openingBatch = 64
    private static let limit = TimeAmount.seconds(60)

    package var system: TargetSystem
    package var endpoints: [Endpoint]
    package var contenders: Int
    package var loops: Int

    package init(on system: TargetSystem, endpoints: [Endpoint], contenders: Int, loops: Int = 1) {
        self.system = system
        self.endpoints = endpoints
        self.contenders = contenders
        self.loops = loops
    }

    /// Milliseconds beyond the time to live.
    package struct Result: Sendable {
        /// When the new controller was answered that it is.
        package var seated: Double
        /// When half of the contenders knew it, and when all did.
        package var medianKnew: Double
        package var lastKnew: Double
        package var errors: ErrorTally
    }

    package func run() async throws -> Result {
        FileDescriptors.allow(2 * contenders)
        return try await withLoops(loops) { try await contend(on: $0) }
    }

    private func contend(on group: MultiThreadedEventLoopGroup) async throws -> Result {
        let key = "bench/controller-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        let leases = try await Granting.leases(
            contenders, seconds: Self.contenderSeconds, in: system.dialect, at: endpoints)
        let crowd = Crowd()
        for first in stride(from: 0, to: contenders, by: Self.openingBatch) {
            let batch = first..<min(contenders, first + Self.openingBatch)
            for number in batch { try await join(number, key, leases[number], crowd, on: group.next()) }
            try await crowd.wait(within: Self.limit) { $0.opened >= batch.upperBound }
        }
        let asked = try await seatHolder(key, on: group)
        let due = asked + Int64(Self.seconds) * 1_000_000_000
        do {
            try await crowd.wait(within: Self.limit) { $0.knew.count >= contenders && $0.seated != nil }
        } catch is DeadlineExceeded {}
        return try crowd.snapshot.result(of: contenders, due: due)
    }

    private func join(
        _ number: Int, _ key: String, _ lease: String, _ crowd: Crowd, on loop: any EventLoop
    ) async throws {
        let endpoint = endpoints[number % endpoints.count]
        let dialect = system.dialect
        let successor = Value("seated")
        let claim = dialect.claim(key: key, value: successor, lease: lease)
        let words = Contender.Words(
            deletion: dialect.deletionMark, seated: dialect.trace(of: successor), claimed: dialect.claimed)
        let voice = try await LoadConnection.open(to: endpoint, on: loop, within: .seconds(20)).get()
        _ = try await LoadConnection.connect(to: endpoint, on: loop, within: .seconds(20)) {
            let contender = Contender(claim, words, voice.value, crowd)
            return WatchStream(
                dialect.watch(key: key), host: endpoint.description, onPiece: { contender.heard($0) },
                onEnd: { crowd.failed("a watch ended: \($0)") })
        }.get()
    }

    /// Writes the key under a short lease; returns when the lease was asked for.
    private func seatHolder(_ key: String, on group: any EventLoopGroup) async throws -> Int64 {
        let dialect = system.dialect
        let client = Client(endpoints[0], on: group)
        let asked = MonotonicTime.now()
        let answer = try await client.sendExpecting(dialect.grant(seconds: Self.seconds))
        guard let lease = dialect.lease(in: answer) else { throw WorkloadFailure("a granted lease has no id") }
        let claim = dialect.claim(key: key, value: Value("holder"), lease: lease)
        let seat = try await client.sendExpecting(claim)
        guard dialect.claimed(seat) else { throw WorkloadFailure("the first controller was not seated") }
        await client.close()
        return asked
    }
}
