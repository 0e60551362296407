import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct Comparing {
        /// etcd takes part where it is installed.
        private let systems = ServerProgram.find("etcd") == nil ? ["conclave"] : ["conclave", "etcd"]

        @Test(.timeLimit(.minutes(3)))
        func aQuickComparisonMeasuresWithoutErrorsAndLeavesNothingBehind() async throws {
            let folder = try Sandbox.directory("compare")
            let report = try Sandbox.directory("report").appending(path: "report.md")
            let outcome = try await Command.run(
                "bench", "compare", "--quick", "--only", "put", "--directory", folder.path, "--report", report.path,
                "--system", systems[0], systems.last ?? "", within: .seconds(120))
            #expect(outcome.code == 0, "\(outcome)")
            let rate = try #require(outcome.output.split(separator: "\n").first { $0.hasPrefix("put: rate") })
            #expect(rate.matches(of: /[0-9]\/s/).count == systems.count, "\(rate)")
            #expect(outcome.output.contains("versions: Conclave \(Conclave.version)"))
            #expect(try String(contentsOf: report, encoding: .utf8).contains("put: rate"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            #expect(Sandbox.livingProcesses().isEmpty)
        }

        @Test(.timeLimit(.minutes(1)))
        func aComparisonThatIsInterruptedLeavesNothingBehind() async throws {
            let folder = try Sandbox.directory("interrupted")
            let command = try Command([
                "bench", "compare", "--quick", "--only", "put", "--system", "conclave", "--directory", folder.path,
            ])
            try await eventually("it measures", within: .seconds(30)) { command.errorsSoFar.contains("errors 0") }
            #expect(Sandbox.livingProcesses().count >= 4)
            command.send(SIGINT)
            #expect(try await command.outcome().code == 130)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            #expect(Sandbox.livingProcesses().isEmpty)
        }
    }
}
