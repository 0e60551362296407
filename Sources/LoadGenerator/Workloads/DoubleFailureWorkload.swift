internal import NIOCore
internal import NIOPosix

/// The leader of an election dies at the moment at which something happens to the servers: when the next one is seated, and
/// how long nobody could write meanwhile.
///
/// A lease may outlive its time only by as long as the servers had no leader that could end it (`invariants.md` 26).
package struct DoubleFailureWorkload: Sendable {
    private static let candidateSeconds = 60
    private static let limit = TimeAmount.seconds(30)

    /// Where the candidates are: servers to which nothing happens.
    package var survivors: [Endpoint]
    package var endpoints: [Endpoint]
    package var candidates: Int
    /// Seconds that the leader's lease lives.
    package var timeToLive: Int

    package init(endpoints: [Endpoint], survivors: [Endpoint], candidates: Int = 12, timeToLive: Int = 2) {
        self.endpoints = endpoints
        self.survivors = survivors
        self.candidates = candidates
        self.timeToLive = timeToLive
    }

    package struct Result: Sendable {
        /// Milliseconds from the moment the leader last asked for its lease until its successor was told that it leads.
        package var seated: Double
        /// The time to live.
        package var lease: Double
        /// Milliseconds without a successful write.
        package var outage: Double
        package var errors: ErrorTally

        /// How much later than the lease and the outage explain.
        package var late: Double { seated - lease - outage }
    }

    package func run(_ action: @escaping @Sendable () async throws -> Void) async throws -> Result {
        try await withLoops(1) { try await fail(on: $0, action) }
    }

    private func fail(
        on group: any EventLoopGroup, _ action: @escaping @Sendable () async throws -> Void
    ) async throws -> Result {
        let line = CandidateLine(endpoints: survivors, seconds: Self.candidateSeconds)
        let crowd = line.crowd
        let leader = try await line.stand("leader", 0, seconds: timeToLive, on: group.next())
        try await crowd.wait(within: Self.limit) { $0.opened == 1 }
        try await line.fill(candidates, on: group)
        let asked = NIOLoopBoundBox.makeBoxSendingValue(Int64(0), eventLoop: leader.eventLoop)
        let writing = try await FailoverWorkload(on: .conclave, endpoints: endpoints).run {
            try await leader.eventLoop.submit {
                asked.value = leader.value.askedAt
                leader.value.die()
            }.get()
            try await action()
        }
        try await crowd.wait(within: Self.limit) { $0.knew.count >= candidates && $0.seated != nil }
        let heard = crowd.snapshot
        let start = try await leader.eventLoop.submit { asked.value }.get()
        let lease = Int64(timeToLive) * 1_000_000_000
        var errors = ErrorTally()
        for failure in heard.failures { errors.record(failure) }
        guard let seated = heard.seated else { throw WorkloadFailure("nobody became the controller") }
        if seated < start + lease { errors.record("a controller was seated before the lease could end") }
        return Result(
            seated: MonotonicTime.milliseconds(seated - start), lease: MonotonicTime.milliseconds(lease),
            outage: writing.gap, errors: errors)
    }
}
