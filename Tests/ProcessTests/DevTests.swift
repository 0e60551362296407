import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct Playing {
        @Test(.timeLimit(.minutes(1)))
        func devPrintsLinesThatWorkAndLeavesNothingBehind() async throws {
            let command = try Command(["dev", "--nodes", "3", "--port", "0"])
            try await eventually("dev introduces itself", within: .seconds(20)) {
                command.outputSoFar.contains("Ctrl-C")
            }
            let lines = command.outputSoFar.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            let tries = lines.filter { $0.hasPrefix("curl ") }
            try #require(tries.count == 4, "\(lines)")
            #expect(try await shell(tries[0]).contains("201 Created"))
            #expect(try await shell(tries[0]).contains("412 Precondition Failed"))
            let watched = try await shell(tries[1].replacing("curl ", with: "curl --max-time 1 "))
            #expect(watched.contains("event: state"))
            #expect(watched.contains("node-1"))
            for _ in 1...2 { #expect(try await shell(tries[2]).contains(#""id":"node-1","state":"leading""#)) }
            #expect(try await shell(tries[3]).contains("\"role\""))
            let files = lines.compactMap { $0.split(separator: "log ").last.map(String.init) }.filter {
                $0.hasPrefix("/")
            }
            #expect(files.count == 3)
            let members = Sandbox.livingProcesses().filter { $0 != command.id }
            #expect(members.count >= 3)
            command.send(SIGINT)
            let outcome = try await command.outcome(within: .seconds(10))
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.errors == "")
            #expect(members.allSatisfy { !Sandbox.livingProcesses().contains($0) })
            for file in files {
                let folder = URL(filePath: file).deletingLastPathComponent().path
                #expect(!FileManager.default.fileExists(atPath: folder), "\(folder) is left behind")
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func theDemoEndsWell() async throws {
            let outcome = try await Command.run("demo", "--ttl", "1s", within: .seconds(50))
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.errors == "")
        }

        /// Runs a line as a person would.
        private func shell(_ line: String) async throws -> String {
            let output = try Sandbox.directory("shell").appending(path: "output")
            let process = try ChildProcess("/bin/sh", ["-c", line + " 2>/dev/null"], log: output)
            try await eventually("\(line) ends") { process.exit() != nil }
            return try String(contentsOf: output, encoding: .utf8)
        }
    }
}
