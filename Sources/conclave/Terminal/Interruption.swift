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
