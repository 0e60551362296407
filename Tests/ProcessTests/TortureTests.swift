import Foundation
import LocalProcesses
import Testing

extension ProcessTests {
    /// `conclave torture` as somebody without root runs it.
    @Suite struct TortureCommand {
        @Test func aShortRunEndsCleanAndItsHistoryIsWorthJudging() async throws {
            let history = try Sandbox.directory("torture").appending(path: "history")
            let run = try await Command.run(
                "torture", "--loopback", "--nodes", "3", "--seconds", "8", "--clients", "6", "--seed", "2", "--member",
                Sandbox.torturedMember, "--history", history.path, within: .seconds(120))
            #expect(run.code == 0, "\(run)")
            #expect(run.output.contains("rules broken"))
            #expect(run.output.contains("each a loss of what was not synced"))

            let lines = try String(contentsOf: history, encoding: .utf8).split(separator: "\n")
            #expect(lines.filter { $0.hasPrefix("op ") }.count > 300)
            #expect(try await judge(lines, beside: history).code == 0)
            let written = try #require(lines.last { $0.hasPrefix("log put r/") })
            #expect(try await judge(lines.filter { $0 != written }, beside: history).code == 1)
        }

        @Test func aMemberProgramThatIsNotThereIsNamed() async throws {
            let run = try await Command.run("torture", "--loopback", "--member", "/no/such")
            #expect(run.code == 1)
            #expect(
                run.complaints.count == 1 && run.errors.contains("--member /no/such: there is no such program"),
                "\(run)")
        }

        private func judge(_ lines: [Substring], beside history: URL) async throws -> Command.Outcome {
            let copy = history.deletingLastPathComponent().appending(path: "copy")
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: copy)
            return try await Command.run("torture", "--judge", copy.path, within: .seconds(60))
        }
    }
}
