import Foundation
import LoadGenerator

/// A command line given by the user.
enum ShellCommand {
    /// Runs it with `sh -c` and waits; throws if it fails.
    static func run(_ line: String) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", line]
        let status: Int32 = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        guard status == 0 else { throw WorkloadFailure("--action ended with \(status): \(line)") }
    }
}
