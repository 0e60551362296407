package import NIOCore

/// A condition did not come true in time.
package struct DeadlineExceeded: Error, CustomStringConvertible {
    package var description: String { "it did not happen in time" }
    package init() {}
}

/// Waiting for conditions.
package enum Deadline {
    /// Returns when `condition` holds, looking every `pause`; throws ``DeadlineExceeded`` after `limit`.
    package static func wait(
        _ limit: TimeAmount, pause: TimeAmount = .milliseconds(5), until condition: () async throws -> Bool
    ) async throws {
        let end = NIODeadline.now() + limit
        while try await !condition() {
            guard NIODeadline.now() < end else { throw DeadlineExceeded() }
            try await Task.sleep(for: .nanoseconds(pause.nanoseconds))
        }
    }
}
