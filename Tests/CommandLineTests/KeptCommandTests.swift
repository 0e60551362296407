import ArgumentParser
import Foundation
import Testing

@testable import conclave

/// Real processes, each of them a few words of shell.
@Suite struct KeptCommands {
    private static let later = Duration.seconds(600)

    private func start(
        _ script: String, environment: [String: String] = [:], terminateAfter: Duration = later,
        killAfter: Duration = later
    ) throws -> KeptCommand {
        let now = ContinuousClock.now
        return try KeptCommand(
            try Program(["sh", "-c", script]), environment: environment,
            order: .init(terminateAt: now + terminateAfter, killAt: now + killAfter))
    }

    /// A new, empty file that a script writes to, as `$FILE`.
    private func withFile(_ body: (String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "conclave-kept-\(UUID().uuidString)").path
        #expect(FileManager.default.createFile(atPath: file, contents: nil))
        defer { try? FileManager.default.removeItem(atPath: file) }
        try await body(file)
    }

    private func lines(_ file: String) -> [String] {
        ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    private func waitUntil(_ what: String, _ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !condition() {
            try #require(ContinuousClock.now < deadline, "\(what), in vain")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    private func isRunning(_ id: Int32) -> Bool {
        // A process without a parent that reads its status stays as a zombie; it does nothing any more.
        let stat = (try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)) ?? ""
        guard let state = stat.split(separator: ")").last?.first(where: { $0 != " " }) else { return false }
        return state != "Z" && state != "X"
    }

    @Test func aCommandEndsWithItsOwnCodeAndSeesItsEnvironment() async throws {
        let command = try start("exit $CODE", environment: ["CODE": "7"])
        #expect(try await command.end {} == .init(code: 7, wasStopped: false))
    }

    @Test func aSignalIsACodeAbove128() async throws {
        #expect(try await start("kill -9 $$").end {} == .init(code: 137, wasStopped: false))
    }

    @Test func aCommandIsAskedToEndWhenItIsDue() async throws {
        let begin = ContinuousClock.now
        let command = try start("trap 'exit 3' TERM; while :; do sleep 0.01; done", terminateAfter: .milliseconds(200))
        #expect(try await command.end {} == .init(code: 3, wasStopped: true))
        #expect(ContinuousClock.now - begin >= .milliseconds(200))
    }

    @Test func oneThatDoesNotEndIsKilledAndWhatItStartedToo() async throws {
        try await withFile { file in
            let command = try start(
                "trap '' TERM; sleep 600 & echo $! >$FILE; wait; sleep 600", environment: ["FILE": file],
                terminateAfter: .milliseconds(300), killAfter: .milliseconds(500))
            #expect(try await command.end {} == .init(code: 137, wasStopped: true))
            let id = try #require(lines(file).first.flatMap { Int32($0) })
            try await waitUntil("what it started is gone") { !isRunning(id) }
        }
    }

    @Test func whatItLeavesBehindEndsWithIt() async throws {
        try await withFile { file in
            let command = try start("sleep 600 & echo $! >$FILE", environment: ["FILE": file])
            #expect(try await command.end {} == .init(code: 0, wasStopped: false))
            let id = try #require(lines(file).first.flatMap { Int32($0) })
            try await waitUntil("what it left behind is gone") { !isRunning(id) }
        }
    }

    @Test func aLaterOrderReplacesTheOneBefore() async throws {
        try await withFile { file in
            let command = try start(
                "echo begun >$FILE; sleep 0.7; exit 4", environment: ["FILE": file], terminateAfter: .milliseconds(400),
                killAfter: .milliseconds(400))
            let later = ContinuousClock.now + Self.later
            command.obey(.init(terminateAt: later, killAt: later))
            #expect(try await command.end {} == .init(code: 4, wasStopped: false))
        }
    }

    @Test func whoIsCancelledBringsItsEndAboutAndWaitsForIt() async throws {
        try await withFile { file in
            let command = try start(
                "trap 'sleep 0.2; exit 5' TERM; echo ready >$FILE; while :; do sleep 0.01; done",
                environment: ["FILE": file])
            try await waitUntil("the command minds signals") { !lines(file).isEmpty }
            let waiting = Task {
                try await command.end {
                    let now = ContinuousClock.now
                    command.obey(.init(terminateAt: now, killAt: now + Self.later))
                }
            }
            waiting.cancel()
            #expect(try await waiting.value == .init(code: 5, wasStopped: true))
        }
    }

    @Test func aStoppedCommandIsEndedAllTheSame() async throws {
        let command = try start(
            "kill -STOP $$", terminateAfter: .milliseconds(300), killAfter: .seconds(20))
        #expect(try await command.end {} == .init(code: 143, wasStopped: true))
    }

    @Test(arguments: [["conclave-no-such-command"], ["/"], ["/dev/null"]])
    func whatCannotBeRunIsRefusedBeforehand(_ words: [String]) {
        #expect(throws: ValidationError.self) { try Program(words) }
    }

    @Test func whatTurnsOutNotToBeAProgramIsTrouble() async throws {
        try await withFile { file in
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: file)
            try Data([0, 1, 2, 3]).write(to: URL(filePath: file))
            let now = ContinuousClock.now
            let command = try KeptCommand(
                try Program([file]), environment: [:],
                order: .init(terminateAt: now + Self.later, killAt: now + Self.later))
            await #expect(throws: CommandTrouble.self) { try await command.end {} }
        }
    }
}

@Suite struct HoldingTimes {
    @Test func theCommandIsKilledBeforeTheLeaseCanEnd() throws {
        for ttl in [100, 2000, 60_000] {
            let arguments = try HoldingArguments.parse(["--ttl", "\(ttl)ms", "--grace", "\(ttl / 2)ms"])
            #expect(arguments.margin > arguments.graceDuration)
            #expect(arguments.margin <= arguments.ttl.duration * 2 / 3)
        }
    }

    @Test func aFifthOfTheTimeToLiveIsTheCommandsToEndIn() throws {
        #expect(try HoldingArguments.parse(["--ttl", "2s"]).graceDuration == .milliseconds(400))
    }

    @Test func idsAreDrawnApart() {
        #expect(drawnID() != drawnID())
        #expect((1...128).contains(drawnID().utf8.count))
    }
}
