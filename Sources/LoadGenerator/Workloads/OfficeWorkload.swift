internal import NIOCore
internal import NIOPosix

/// The succession of a controller by the resource that the API has for it: many candidates of one election, each with one
/// held request. Who leads dies; the server seats the next one in the log entry that ends the old leadership.
///
/// Times count from the moment the leader last *asked* for its lease plus the time to live, as for ``SuccessionWorkload``.
package struct OfficeWorkload: Sendable {
    private static let leaderSeconds = 2
    private static let candidateSeconds = 60
    private static let limit = TimeAmount.seconds(60)

    package var endpoints: [Endpoint]
    package var candidates: Int
    package var loops: Int

    package init(at endpoints: [Endpoint], candidates: Int, loops: Int = 1) {
        self.endpoints = endpoints
        self.candidates = candidates
        self.loops = loops
    }

    package func run() async throws -> SuccessionWorkload.Result {
        FileDescriptors.allow(candidates + 1)
        return try await withLoops(loops) { try await succeed(on: $0) }
    }

    private func succeed(on group: any EventLoopGroup) async throws -> SuccessionWorkload.Result {
        let line = CandidateLine(endpoints: endpoints, seconds: Self.candidateSeconds)
        let crowd = line.crowd
        let leader = try await line.stand("leader", 0, seconds: Self.leaderSeconds, on: group.next())
        try await crowd.wait(within: Self.limit) { $0.opened == 1 }
        try await line.fill(candidates, on: group)
        let asked = try await leader.eventLoop.submit {
            leader.value.die()
            return leader.value.askedAt
        }.get()
        let due = asked + Int64(Self.leaderSeconds) * 1_000_000_000
        do {
            try await crowd.wait(within: Self.limit) { $0.knew.count >= candidates && $0.seated != nil }
        } catch is DeadlineExceeded {}
        return try crowd.snapshot.result(of: candidates, due: due)
    }
}

extension Crowd.Heard {
    /// What came of a succession that was due at a moment.
    func result(of contenders: Int, due: Int64) throws -> SuccessionWorkload.Result {
        var errors = ErrorTally()
        errors.record("a contender did not learn who the controller is", count: UInt64(max(0, contenders - knew.count)))
        for failure in failures { errors.record(failure) }
        guard let seated else { throw WorkloadFailure("nobody became the controller") }
        if seated < due { errors.record("a controller was seated before the lease could end") }
        let learned = knew.map { MonotonicTime.milliseconds($0 - due) }
        return SuccessionWorkload.Result(
            seated: MonotonicTime.milliseconds(seated - due), medianKnew: Sample.median(of: learned) ?? 0,
            lastKnew: learned.max() ?? 0, errors: errors)
    }
}

/// Lends `body` event loops of its own.
func withLoops<Value: Sendable>(
    _ count: Int, _ body: (MultiThreadedEventLoopGroup) async throws -> Value
) async throws -> Value {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
    do {
        let value = try await body(group)
        try await group.shutdownGracefully()
        return value
    } catch {
        try? await group.shutdownGracefully()
        throw error
    }
}
