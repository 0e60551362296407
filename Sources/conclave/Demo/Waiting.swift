import LocalProcesses

/// Runs `body`, which ends when it is cancelled, for at most `limit`.
func within<Success: Sendable>(
    _ limit: Duration, _ what: String, _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    try await withThrowingTaskGroup(of: Success.self) { group in
        group.addTask(operation: body)
        group.addTask {
            try await Task.sleep(for: limit)
            throw ClusterFailure("waited \(limit.spoken) until \(what), in vain")
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}

/// Looks again and again until there is something, for at most `limit`.
///
/// - Parameter failures: what may explain it if there never is.
@discardableResult
func wait<T>(
    until what: String, within limit: Duration, failures: () async -> [String] = { [] }, _ look: () async throws -> T?
) async throws -> T {
    let deadline = ContinuousClock.now + limit
    while true {
        if let found = try await look() { return found }
        guard ContinuousClock.now < deadline else {
            throw ClusterFailure(
                "waited \(limit.spoken) until \(what), in vain", log: await failures().joined(separator: "\n"))
        }
        try await Task.sleep(for: .milliseconds(3))
    }
}
