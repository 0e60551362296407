import Foundation
import Primitives
internal import Simulation

/// The search for the first seed whose world shows a planted bug.
///
/// It goes on in a process of its own: the core's `precondition`s are checks, too, and end the process they fail in.
struct PlantedHunt: Sendable {
    /// Seeds tried at most.
    var limit: UInt64
    /// As ``SimulationOptions/judgesAnswers``.
    var judgesAnswers: Bool

    /// How a search ended.
    struct Outcome: Sendable {
        var bug: PlantedBug
        /// Seeds that were run, the last one included.
        var seeds: UInt64
        /// The rule that was seen broken; `nil` when none was.
        var caughtBy: String?
    }

    /// Every bug is given the same worlds: all faults, a mix of sizes, seeds from 1 on.
    func world(_ bug: PlantedBug?, seed: UInt64) -> SimulationOptions {
        var world = SimulationOptions(
            seed: seed, nodes: SimulationOptions.mixedNodes(seed: seed), duration: .seconds(4), planted: bug)
        world.judgesAnswers = judgesAnswers
        return world
    }

    // MARK: In the process that searches

    /// Says each seed before it is run, and in the end the rule that was broken.
    func run(_ bug: PlantedBug) {
        for seed in 1...limit {
            Self.say("seed \(seed)")
            guard let violation = Simulation.run(world(bug, seed: seed)).violation else { continue }
            return Self.say("rule \(violation.rule)")
        }
    }

    /// Prints a line at once, also into a pipe or a file.
    static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    // MARK: In the process that waits for it

    func outcome(of bug: PlantedBug) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["simulate", "--planted", bug.rawValue, "--limit", "\(limit)", "--hunt"]
        if !judgesAnswers { process.arguments?.append("--no-answer-checks") }
        process.environment = ["SWIFT_BACKTRACE": "enable=no"]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            .split(separator: "\n")
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        var result = Outcome(bug: bug, seeds: 0, caughtBy: nil)
        for line in lines {
            if line.hasPrefix("seed ") { result.seeds = UInt64(line.dropFirst(5)) ?? 0 }
            if line.hasPrefix("rule ") { result.caughtBy = String(line.dropFirst(5)) }
        }
        if process.terminationReason == .uncaughtSignal { result.caughtBy = Self.precondition(in: complaint) }
        return result
    }

    /// The words of the precondition that failed.
    private static func precondition(in complaint: String) -> String {
        guard let start = complaint.range(of: "Fatal error: ")?.upperBound else { return "a trap" }
        return "precondition: \(complaint[start...].prefix { $0 != "\n" })"
    }
}
