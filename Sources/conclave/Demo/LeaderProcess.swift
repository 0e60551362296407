import ConclaveClient
import Foundation
import LocalProcesses

/// `conclave elect` in a process of its own, whose command writes down again and again that it acts.
struct LeaderProcess: Sendable {
    static let id = "process"

    private let process: ChildProcess
    private let acts: URL
    /// This machine's time since it started, and the same moment on the clock of this process.
    private let zero: (uptime: Double, at: ContinuousClock.Instant)

    init(endpoints: [Endpoint], ttl: Duration, folder: URL) throws {
        acts = folder.appending(path: "acts")
        // The file is the clock that a shell can read without starting a process.
        let script = #"while read up rest </proc/uptime; do echo $up >>"$0"; sleep 0.02; done"#
        let now = ContinuousClock.now
        zero = try (Self.uptime(), now)
        let program = try ServerProgram.conclave().executable
        process = try ChildProcess(
            program,
            [
                "elect", Campaigner.election, "--id", Self.id, "--ttl", "\(Int(ttl.inMilliseconds))ms", "--endpoints",
                endpoints.map(\.url).joined(separator: ","), "--", "/bin/sh", "-c", script, acts.path,
            ],
            log: folder.appending(path: "elect.log"))
    }

    var isRunning: Bool { process.isRunning }

    /// SIGKILL: it says nothing to anybody any more.
    func kill() async throws {
        process.send(SIGKILL)
        try await process.waitForEnd(within: .seconds(5))
    }

    /// From the first to the last moment at which its command acted, as a leadership under this fence.
    func tenure(fence: UInt64) -> Tenure? {
        let text = (try? String(contentsOf: acts, encoding: .utf8)) ?? ""
        let moments = text.split(separator: "\n").compactMap { Double($0) }.map { zero.at + .seconds($0 - zero.uptime) }
        guard let first = moments.min(), let last = moments.max() else { return nil }
        return Tenure(holder: Self.id, revision: fence, began: first, promisedUntil: last, lastRenewalSent: first)
    }

    private static func uptime() throws -> Double {
        let text = try String(contentsOfFile: "/proc/uptime", encoding: .utf8)
        guard let uptime = text.split(separator: " ").first.flatMap({ Double($0) }) else {
            throw ClusterFailure("/proc/uptime is \(text)")
        }
        return uptime
    }
}
