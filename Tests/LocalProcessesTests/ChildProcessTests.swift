import Foundation
import Testing

@testable import LocalProcesses

@Suite("Processes of our own", .timeLimit(.minutes(1)))
struct ChildProcessTests {
    private let nowhere = URL(filePath: "/dev/null")

    @Test("Ending all children ends them, also one that is stopped, and lets none start any more")
    func endingAll() async throws {
        let children = Children()
        let process = try ChildProcess("sleep", ["60"], log: nowhere, among: children)
        #expect(process.isRunning)
        process.send(SIGSTOP)
        children.endAll()
        #expect(process.exit() == .signal(SIGKILL))
        #expect(kill(process.id, 0) != 0)
        children.endAll()
        #expect(throws: CancellationError.self) {
            try ChildProcess("sleep", ["60"], log: nowhere, among: children)
        }
    }

    @Test("How a process ended is told again and again")
    func ending() async throws {
        let process = try ChildProcess("sh", ["-c", "exit 3"], log: nowhere)
        #expect(try await process.waitForEnd(within: .seconds(10)) == .code(3))
        #expect(process.exit() == .code(3))
        process.send(SIGKILL)
        #expect(process.exit() == .code(3))
    }

    @Test("A process that does not end in time is killed")
    func impatience() async throws {
        let process = try ChildProcess("sleep", ["60"], log: nowhere)
        #expect(try await process.waitForEnd(within: .milliseconds(20)) == .signal(SIGKILL))
    }

    @Test("A program that is not there is named")
    func missing() {
        #expect {
            try ChildProcess("/no/such/program", [], log: nowhere)
        } throws: {
            "\($0)".contains("/no/such/program")
        }
    }
}
