import ArgumentParser
import Foundation
import LoadGenerator
import LocalProcesses
import Simulating

/// `conclave bench office`
struct BenchOffice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "office",
        abstract: "An election's leader dies: how long after its lease of 2 s until all candidates know the next.",
        discussion: """
            Candidates campaign by PUT /v1/elections/{name}/candidates/{id}?wait= and hold one request each. With --svg the \
            figures are drawn as succession.svg.

            EXAMPLE
              conclave bench office --candidates 100,1000 --rounds 3
              conclave bench office --candidates 100,1000,5000,10000 --rounds 3 --svg Docs/Pictures
            """)
    @OptionGroup var target: BenchTargetOptions

    @Option(help: "Candidates (a list).")
    var candidates = "2000"

    @Option(help: "How often for each number of candidates; the median is told.")
    var rounds = 1

    @Option(help: "Draw a picture into this folder.")
    var svg: String?

    private func counts() throws -> [Int] {
        try candidates.split(separator: ",").map { text in
            guard let count = Int(text), (2...50_000).contains(count) else {
                throw ValidationError("--candidates names \(text); numbers from 2 to 50000 are expected")
            }
            return count
        }
    }

    func validate() throws {
        guard try !counts().isEmpty else { throw ValidationError("--candidates names no number") }
        guard (1...100).contains(rounds) else {
            throw ValidationError("--rounds must be from 1 to 100, not \(rounds)")
        }
        guard target.target == .conclave else { throw ValidationError("etcd has no such resource") }
    }

    func run() async throws {
        let endpoints = try target.parsedEndpoints()
        var errors = ErrorTally()
        var fields: [BenchField] = []
        var figures: [SuccessionPicture.Figure] = []
        for count in try counts() {
            let office = try await median(of: count, &errors) {
                try await OfficeWorkload(at: endpoints, candidates: count, loops: target.loops).run()
            }
            fields.append(BenchField("seated_\(count)_ms", "\(count): seated", office.seated, .milliseconds))
            fields.append(BenchField("median_\(count)_ms", "\(count): half know", office.half, .milliseconds))
            fields.append(BenchField("last_\(count)_ms", "\(count): all know", office.all, .milliseconds))
            figures.append(
                SuccessionPicture.Figure(nodes: count, seated: office.seated, half: office.half, all: office.all))
        }
        try BenchOutput.print("office, beyond TTL", fields, errors: errors, json: target.json)
        if let svg {
            try Data(SuccessionPicture.draw(figures).utf8).write(
                to: URL(filePath: svg).appending(path: "succession.svg"))
        }
        if errors.total > 0 { throw ExitCode(1) }
    }

    private func median(
        of count: Int, _ errors: inout ErrorTally, _ run: () async throws -> SuccessionWorkload.Result
    ) async throws -> (seated: Double, half: Double, all: Double) {
        var results: [SuccessionWorkload.Result] = []
        for _ in 0..<rounds {
            let result = try await run()
            errors.add(result.errors)
            results.append(result)
            BenchOutput.progress("\(count): all know after \(Decimals.short(result.lastKnew)) ms")
        }
        func median(_ figure: KeyPath<SuccessionWorkload.Result, Double>) -> Double {
            Sample.median(of: results.map { $0[keyPath: figure] }) ?? 0
        }
        return (median(\.seated), median(\.medianKnew), median(\.lastKnew))
    }
}

/// `conclave bench sessions`
struct BenchSessions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "Many clients that only live, each with a lease and a held request that renews it and listens.",
        discussion: """
            EXAMPLE
              conclave bench sessions --sessions 10000 --ttl 10 --server-pid 4711
            """)
    @OptionGroup var target: BenchTargetOptions

    @Option(help: "Sessions, each with a connection, a lease and a candidacy.")
    var sessions = 10_000

    @Option(help: "Seconds that a lease lives; it is renewed when half of that is over.")
    var ttl = 10

    @Option(help: "How long to measure.")
    var duration = BenchDuration(seconds: 30)

    @Option(
        name: .customLong("server-pid"),
        help: "A server's process id on this machine, to measure what sessions cost it; may be repeated.")
    var serverPids: [Int32] = []

    func validate() throws {
        guard (2...50_000).contains(sessions) else {
            throw ValidationError("--sessions must be from 2 to 50000, not \(sessions)")
        }
        guard (1...3_600).contains(ttl) else { throw ValidationError("--ttl must be from 1 to 3600, not \(ttl)") }
        guard target.target == .conclave else { throw ValidationError("etcd has no such resource") }
    }

    func run() async throws {
        let workload = SessionWorkload(
            at: try target.parsedEndpoints(), sessions: sessions, timeToLive: ttl, duration: duration.amount,
            loops: target.loops)
        let result = try await workload.run {
            try figures(of: serverPids)
        } own: {
            try figures(of: [ProcessInfo.processInfo.processIdentifier])
        }
        var fields = [BenchField("renewals_per_second", "renewals", result.renewals, .perSecond)]
        if !serverPids.isEmpty {
            let share = 100 * result.serversShare
            fields.append(BenchField("servers_percent", "servers' CPU, all together", share, .percent))
            fields.append(BenchField("servers_bytes", "servers' memory per session", result.serversMemory, .bytes))
        }
        fields.append(BenchField("own_percent", "generator's CPU", 100 * result.ownShare, .percent))
        fields.append(BenchField("own_bytes", "generator's memory per session", result.ownMemory, .bytes))
        try BenchOutput.print("sessions", fields, errors: result.errors, json: target.json)
        if result.errors.total > 0 { throw ExitCode(1) }
    }

    private func figures(of pids: [Int32]) throws -> ProcessFigures {
        guard let figures = ProcessFigures.sum(pids: pids) else {
            throw ValidationError("--server-pid names a process that is not there")
        }
        return figures
    }
}
