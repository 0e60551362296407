/// Waits for a condition; throws a sentence, with what `log` tells then, when it does not come to hold in time.
package func eventually(
    _ what: String, within limit: Duration = .seconds(15), pause: Duration = .milliseconds(5),
    log: () -> String = { "" }, _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            throw ClusterFailure("waited \(limit) until \(what), in vain", log: log())
        }
        try await Task.sleep(for: pause)
    }
}
