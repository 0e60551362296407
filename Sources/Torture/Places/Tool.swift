internal import Foundation
internal import LocalProcesses

/// A program of the system that is run to its end.
struct Tool: Sendable {
    /// What it writes goes here.
    let log: URL

    /// Throws when it does not end well.
    func run(_ words: String...) async throws { try await run(words) }

    func run(_ words: [String]) async throws {
        let end = try await ChildProcess(words[0], Array(words.dropFirst()), log: log).waitForEnd(within: .seconds(10))
        guard end == .code(0) else {
            throw ClusterFailure("\"\(words.joined(separator: " "))\" \(end); see \(log.path)")
        }
    }
}
