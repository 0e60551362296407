@testable import conclave

/// Waits for a condition; throws a sentence when it does not come to hold in time.
func eventually(
    _ what: String, within limit: Duration = .seconds(15), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw ClusterFailure("waited \(limit) until \(what), in vain") }
        try await Task.sleep(for: .milliseconds(2))
    }
}
