import ConclaveClient
import Foundation
import LocalProcesses

/// The same story by the election resource: candidates wait in line, the leader's process is killed, its successor is seated
/// in the very entry that ends the old leadership, and hands over by resigning.
struct ElectionAct: Sendable {
    private let ttl: Duration
    private let cluster: LocalCluster
    private let timeline: Timeline
    private let client: ClusterClient
    private let campaigners: [Campaigner]
    private let observers: [Observer]
    private let places: [[Endpoint]]

    /// Candidates in the line at most: more would show nothing more.
    private static let mostCampaigners = 20

    /// `places` are the endpoints in the orders in which clients prefer them.
    init(_ plan: Demo.Plan, _ cluster: LocalCluster, places: [[Endpoint]], client: ClusterClient, _ timeline: Timeline)
    {
        ttl = plan.ttl
        self.cluster = cluster
        self.timeline = timeline
        self.client = client
        self.places = places
        campaigners = (1...min(plan.contenders, Self.mostCampaigners)).map { number in
            Campaigner(
                name: "candidate-\(number)", endpoints: places[number % places.count], ttl: plan.ttl, timeline: timeline
            )
        }
        observers = places.enumerated().map { Observer(name: "observer-\($0 + 1)", endpoints: $1) }
    }

    func end() async {
        await withDiscardingTaskGroup { group in
            for campaigner in campaigners { group.addTask { await campaigner.end() } }
            for observer in observers { group.addTask { await observer.end() } }
        }
    }

    func play(_ report: inout Report) async throws {
        let process = try LeaderProcess(endpoints: places[0], ttl: ttl, folder: cluster.directory)
        for observer in observers { await observer.begin() }
        let first = try await waitForLeader(above: 0, "the process leads")
        timeline.tell(
            .blue, "election", "\(first.leader) leads, run by conclave elect; \(campaigners.count) candidates line up")
        for campaigner in campaigners { await campaigner.begin() }
        try await waitFor("all candidates wait in line") {
            let state = try? await client.state(of: .election(Campaigner.election))
            return state.flatMap { $0.waitingCount >= campaigners.count ? $0 : nil }
        }
        let killed = ContinuousClock.now
        try await process.kill()
        timeline.tell(.red, LeaderProcess.id, "is killed with SIGKILL")
        let second = try await waitForLeader(above: first.fence, "a successor is seated")
        report.add(
            "election_successor", "Election: leader's process killed, successor seated", max(.zero, second.at - killed),
            note: second.isSuccession ? "in the entry that ended the old leadership" : "after a time without a leader")
        report.add("election_told", "  told to observers at all members, after the first", second.lag)
        let third = try await resign(second, &report)
        await end()
        try await check(through: third.fence, process.tenure(fence: first.fence), &report)
    }

    private func resign(_ leader: Change, _ report: inout Report) async throws -> Change {
        guard let holder = campaigners.first(where: { $0.name == leader.leader }) else {
            throw ClusterFailure("\(leader.leader) leads, which is no candidate")
        }
        try await waitFor("\(leader.leader) knows that it leads") { await holder.tenures.last }
        let resigned = ContinuousClock.now
        await holder.resign()
        timeline.tell(.yellow, leader.leader, "resigns")
        let next = try await waitForLeader(above: leader.fence, "the next one is seated")
        report.add("election_resigned", "  it resigns: the next one known to all", next.at + next.lag - resigned)
        timeline.tell(.blue, "election", "\(next.leader) leads, and all observers know", at: next.at + next.lag)
        return next
    }

    // MARK: - The end of the act

    private func check(through last: UInt64, _ acts: Tenure?, _ report: inout Report) async throws {
        var tenures = acts.map { [$0] } ?? []
        if acts == nil { report.problems.append("the command of conclave elect never ran") }
        for campaigner in campaigners {
            tenures += await campaigner.tenures
            report.problems += await campaigner.failures
        }
        report.problems += Verdict.oneAtATime(tenures)
        for member in cluster.members {
            let history = try await ClusterClient.withClient(endpoints: [member.endpoint.url]) { client in
                try await client.history(of: .election(Campaigner.election)) ?? []
            }.map { (fence: $0.fence, id: $0.id) }
            for observer in observers {
                report.problems += await observer.failures
                report.problems += Verdict.everyLeaderTold(
                    observer.name, await observer.seen, history: history, through: last)
            }
        }
    }

    // MARK: - Waiting

    /// A new leader, as the observers were told.
    private struct Change {
        var leader: String
        var fence: UInt64
        /// Whether it was seated in the entry that ended the leadership before.
        var isSuccession: Bool
        /// When the first of them was told.
        var at: ContinuousClock.Instant
        /// How long after the first the last one was.
        var lag: Duration
    }

    /// The first leader above `fence`, when all observers know of it.
    private func waitForLeader(above fence: UInt64, _ what: String) async throws -> Change {
        try await waitFor(what) {
            var told: [Observer.Seen] = []
            for observer in observers {
                guard let seen = await observer.seen.first(where: { $0.fence > fence && $0.leader != nil }) else {
                    return nil
                }
                told.append(seen)
            }
            guard let leader = told[0].leader, let first = told.map(\.at).min(), let last = told.map(\.at).max() else {
                return nil
            }
            return Change(
                leader: leader, fence: told[0].fence, isSuccession: told.allSatisfy { $0.previous != nil }, at: first,
                lag: last - first)
        }
    }

    @discardableResult
    private func waitFor<T>(_ what: String, _ look: () async throws -> T?) async throws -> T {
        try await wait(until: what, within: ttl * 3 + .seconds(15), look)
    }
}
