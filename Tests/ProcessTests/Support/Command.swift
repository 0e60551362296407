import Foundation
import LocalProcesses

@testable import conclave

/// One run of the executable, its two outputs kept apart.
struct Command {
    private let process: ChildProcess
    private let output: URL
    private let errors: URL

    /// What a run came to.
    struct Outcome: CustomStringConvertible {
        var exit: ChildProcess.Exit
        var output: String
        var errors: String

        var description: String { "\(exit)\noutput: \(output)\nerrors: \(errors)" }
        var code: Int32? { if case .code(let code) = exit { code } else { nil } }
        /// The lines on standard error.
        var complaints: [String] { errors.split(separator: "\n").map(String.init) }
    }

    /// Starts the executable with these arguments and further variables in its environment.
    init(_ arguments: [String], environment: [String] = []) throws {
        let directory = try Sandbox.directory("command")
        output = directory.appending(path: "output")
        errors = directory.appending(path: "errors")
        // The shell only sorts the outputs: the process that is waited for is the executable itself.
        let script = #"output=$1 errors=$2; shift 2; exec "$@" >"$output" 2>"$errors""#
        process = try ChildProcess(
            "/bin/sh",
            ["-c", script, "sh", output.path, errors.path, "/usr/bin/env"] + environment + [Sandbox.executable]
                + arguments, log: directory.appending(path: "shell"))
    }

    /// Runs to the end.
    static func run(
        _ arguments: String..., environment: [String] = [], within limit: Duration = .seconds(20)
    ) async throws -> Outcome {
        try await Command(arguments, environment: environment).outcome(within: limit)
    }

    var id: Int32 { process.id }

    func send(_ signal: Int32) { process.send(signal) }

    var outputSoFar: String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
    var errorsSoFar: String { (try? String(contentsOf: errors, encoding: .utf8)) ?? "" }

    /// Waits for the end; a process that does not end in time is killed.
    func outcome(within limit: Duration = .seconds(20)) async throws -> Outcome {
        let exit = try await process.waitForEnd(within: limit)
        guard exit != .signal(SIGKILL) else {
            throw ClusterFailure("process \(id) did not end within \(limit)", log: outputSoFar + errorsSoFar)
        }
        return Outcome(exit: exit, output: outputSoFar, errors: errorsSoFar)
    }
}
