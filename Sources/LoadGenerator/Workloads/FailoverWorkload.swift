internal import NIOCore
internal import NIOPosix
import Synchronization

/// Writers that never give up while something happens to the servers; how long nobody could write.
///
/// Each writer sends one small write after another with a short time-out and goes to the next endpoint when one fails,
/// as a careful client would. There are several, spread over the endpoints, each with a time-out of its own: those that
/// wait in vain since the same moment try again at different ones, so that the recovery is seen soon after it happens.
package struct FailoverWorkload: Sendable {
    private static let writers = 6
    private static let shortestTimeout = TimeAmount.milliseconds(40)
    private static let timeoutStep = TimeAmount.milliseconds(15)
    private static let pause = TimeAmount.milliseconds(2)
    private static let steadySpan: Int64 = 1_000_000_000
    private static let steadyPause: Int64 = 250_000_000
    private static let limit = TimeAmount.seconds(30)

    package var system: TargetSystem
    package var endpoints: [Endpoint]

    package init(on system: TargetSystem, endpoints: [Endpoint]) {
        self.system = system
        self.endpoints = endpoints
    }

    package struct Result: Sendable {
        /// The longest time between two successful writes after the action began, in milliseconds.
        package var gap: Double
        package var successes: Int
        package var failures: ErrorTally
    }

    /// Writes until it goes steadily, does `action`, writes until it goes steadily again.
    package func run(_ action: @Sendable () async throws -> Void) async throws -> Result {
        let log = WriteLog()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<Self.writers { group.addTask { await write(as: writer, into: log) } }
            defer { group.cancelAll() }
            try await steady(log, why: "before the action")
            let start = MonotonicTime.now()
            try await action()
            try await Deadline.wait(.seconds(5)) { MonotonicTime.now() - start >= 2 * Self.steadySpan }
            try await steady(log, why: "again after the action")
            let end = MonotonicTime.now()
            let gap = GapFinder.longestGap(in: log.successes, after: start, until: end)
            return Result(
                gap: MonotonicTime.milliseconds(gap), successes: log.successes.count, failures: log.failures)
        }
    }

    private func steady(_ log: WriteLog, why: String) async throws {
        do {
            try await Deadline.wait(Self.limit, pause: .milliseconds(20)) {
                let now = MonotonicTime.now()
                return GapFinder.isSteady(
                    log.successes(since: now - 2 * Self.steadySpan), at: now, span: Self.steadySpan,
                    pause: Self.steadyPause)
            }
        } catch is DeadlineExceeded {
            let worst = log.failures.ranked.first.map { "; most often: \($0.reason)" } ?? ""
            throw WorkloadFailure("writing did not become steady \(why)\(worst)")
        }
    }

    private func write(as writer: Int, into log: WriteLog) async {
        let clients = endpoints.map { Client($0) }
        let timeout = Self.shortestTimeout + Self.timeoutStep * writer
        var at = writer
        var count = 0
        while !Task.isCancelled {
            count += 1
            let request = system.dialect.put(key: "bench/writer-\(writer)", value: Value("write-\(count)"))
            do {
                _ = try await clients[at % clients.count].sendExpecting(request, within: timeout)
                log.succeeded(at: MonotonicTime.now())
            } catch {
                log.failed(error)
                at += 1
            }
            try? await Task.sleep(for: .nanoseconds(Self.pause.nanoseconds))
        }
        for client in clients { await client.close() }
    }
}

/// When writes succeeded, and why others did not.
private final class WriteLog: Sendable {
    private let state = Mutex((successes: [Int64](), failures: ErrorTally()))

    var successes: [Int64] { state.withLock { $0.successes } }
    /// Those at `time` or later; cheap, as it is asked often while others write.
    func successes(since time: Int64) -> [Int64] {
        state.withLock { state in
            let older = state.successes.lastIndex { $0 < time }
            return Array(state.successes[(older.map { $0 + 1 } ?? 0)...])
        }
    }

    var failures: ErrorTally { state.withLock { $0.failures } }

    func succeeded(at time: Int64) { state.withLock { $0.successes.append(time) } }
    func failed(_ error: any Error) {
        let reason = (error as? WrongAnswer)?.complaint ?? "\(error)"
        state.withLock { $0.failures.record(reason) }
    }
}
