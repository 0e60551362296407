package import LocalProcesses
package import NIOCore
internal import NIOPosix

/// Many clients that only live: each has a candidacy on a lease, and one held request that renews it and listens. What that
/// costs the servers and this process while nothing happens.
package struct SessionWorkload: Sendable {
    /// Sessions that have just been opened are renewed in one heap; after this they are spread as they came.
    private static let settling = TimeAmount.seconds(3)

    package var endpoints: [Endpoint]
    package var sessions: Int
    package var timeToLive: Int
    package var duration: TimeAmount
    package var loops: Int

    package init(
        at endpoints: [Endpoint], sessions: Int, timeToLive: Int = 10, duration: TimeAmount = .seconds(30),
        loops: Int = 1
    ) {
        self.endpoints = endpoints
        self.sessions = sessions
        self.timeToLive = timeToLive
        self.duration = duration
        self.loops = loops
    }

    package struct Result: Sendable {
        /// Answered requests, each of which renewed a lease, in a second.
        package var renewals: Double
        /// Processor time ÷ time: 1 is one core.
        package var serversShare: Double
        package var ownShare: Double
        /// Bytes of resident memory for each session.
        package var serversMemory: Double
        package var ownMemory: Double
        package var errors: ErrorTally
    }

    /// - Parameters:
    ///   - servers: what the kernel has counted of the servers so far.
    ///   - own: the same of this process.
    package func run(
        servers: () throws -> ProcessFigures, own: () throws -> ProcessFigures
    ) async throws -> Result {
        FileDescriptors.allow(sessions)
        return try await withLoops(loops) { group in
            let empty = (servers: try servers(), own: try own())
            let line = CandidateLine(endpoints: endpoints, seconds: timeToLive)
            try await line.fill(sessions, on: group)
            try await Task.sleep(for: .nanoseconds(Self.settling.nanoseconds))
            let start = MonotonicTime.now()
            let before = (servers: try servers(), own: try own(), answers: line.crowd.snapshot.answers)
            try await Task.sleep(for: .nanoseconds(duration.nanoseconds))
            let heard = line.crowd.snapshot
            let after = (servers: try servers(), own: try own())
            let microseconds = Double(MonotonicTime.now() - start) / 1_000
            var errors = ErrorTally()
            for failure in heard.failures { errors.record(failure) }
            errors.record("the leader changed, although it was there", count: UInt64(heard.knew.count))
            let count = Double(sessions)
            return Result(
                renewals: Double(heard.answers - before.answers) / microseconds * 1e6,
                serversShare: (after.servers.cpuMicroseconds - before.servers.cpuMicroseconds) / microseconds,
                ownShare: (after.own.cpuMicroseconds - before.own.cpuMicroseconds) / microseconds,
                serversMemory: (after.servers.residentBytes - empty.servers.residentBytes) / count,
                ownMemory: (after.own.residentBytes - empty.own.residentBytes) / count, errors: errors)
        }
    }
}
