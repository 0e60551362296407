import Foundation
import UnixSignals

/// Somebody at the terminal, or the system, wants this process to end.
struct Interrupted: Error {
    /// `SIGINT` or `SIGTERM`.
    let signal: Int32
}

/// Runs `body`; when SIGINT or SIGTERM comes first, cancels it, waits for it to end, and throws ``Interrupted``.
func untilInterrupted<Success: Sendable>(
    _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    return try await withThrowingTaskGroup(of: Success.self) { group in
        group.addTask(operation: body)
        group.addTask {
            for await signal in signals { throw Interrupted(signal: signal.rawValue) }
            // The sequence ends only when this task is cancelled, after the body has ended.
            throw CancellationError()
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}

/// Runs `body`, which ends in its own way when SIGINT, SIGTERM or SIGHUP cancels its task: what it returns counts. Throws
/// ``Interrupted`` where it throws `CancellationError`.
func interruptible<Success: Sendable>(
    _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
    let work = Task(operation: body)
    let listener = Task {
        var first: Int32?
        for await signal in signals {
            first = first ?? signal.rawValue
            work.cancel()
        }
        return first
    }
    let result = await work.result
    listener.cancel()
    do {
        return try result.get()
    } catch is CancellationError {
        throw Interrupted(signal: await listener.value ?? SIGINT)
    }
}
