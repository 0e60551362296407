import ConclaveClient
import Foundation
import LocalProcesses

/// The story: a cluster starts, contenders elect a controller, the controller dies, the cluster's leader dies, the same is done
/// by the election resource, and in the end everything is checked.
struct Demo: Sendable {
    /// The size of things.
    struct Plan: Sendable {
        var nodes: Int
        var contenders: Int
        var ttl: Duration
    }

    private let plan: Plan
    private let cluster: LocalCluster
    private let timeline: Timeline
    private let client: ClusterClient
    private let contenders: [Contender]
    private let writers: [Writer]
    private let electionAct: ElectionAct

    init(_ plan: Plan, _ cluster: LocalCluster, _ timeline: Timeline) {
        self.plan = plan
        self.cluster = cluster
        self.timeline = timeline
        let endpoints = cluster.endpoints
        // Contender 1 prefers the first node, contender 2 the second, and so on around.
        let rotated = endpoints.indices.map { Array(endpoints[$0...] + endpoints[..<$0]) }
        client = ClusterClient(endpoints: endpoints)
        let digits = String(plan.contenders).count
        contenders = (1...plan.contenders).map { number in
            let name = "contender-" + String(repeating: "0", count: digits - String(number).count) + String(number)
            return Contender(
                name: name, endpoints: rotated[number % rotated.count], ttl: plan.ttl, timeline: timeline)
        }
        writers = rotated.enumerated().map { Writer(name: "writer-\($0 + 1)", endpoints: $1) }
        electionAct = ElectionAct(plan, cluster, places: rotated, client: client, timeline)
    }

    func run() async throws -> Report {
        let result: Result<Report, any Error>
        do {
            result = .success(try await story())
        } catch {
            result = .failure(error)
        }
        await endEverybody()
        await electionAct.end()
        await client.shutdown()
        return try result.get()
    }

    private func story() async throws -> Report {
        var report = Report()
        try await startCluster(&report)
        try await electFirst(&report)
        try await Task.sleep(for: plan.ttl * 1.25)
        let first = try await waitForController()
        try await killController(first, &report)
        try await Task.sleep(for: plan.ttl * 0.75)
        let present = try await waitForController()
        try await killLeader(present, &report)
        try await resign(try await waitForController())
        await endEverybody()
        try await electionAct.play(&report)
        try await check(&report)
        return report
    }

    private func endEverybody() async {
        await withDiscardingTaskGroup { group in
            for contender in contenders { group.addTask { await contender.end() } }
            for writer in writers { group.addTask { await writer.end() } }
        }
    }

    // MARK: - The chapters

    private func startCluster(_ report: inout Report) async throws {
        timeline.tell(
            .cyan, "cluster",
            "starting \(plan.nodes) members: \(cluster.members.map(\.clientAddress).joined(separator: ", "))")
        try cluster.startAll()
        try await cluster.waitUntilReady(client)
        let (leader, term) = try await cluster.waitForLeader(client)
        report.add("cluster_ready", "Cluster started, leader elected, ready", .now - timeline.start)
        timeline.tell(.cyan, "cluster", "ready: \(leader.name) leads in term \(term)")
    }

    private func electFirst(_ report: inout Report) async throws {
        let begin = ContinuousClock.now
        timeline.tell(.blue, "contenders", "\(plan.contenders) contenders run for the office, spread over all members")
        for writer in writers { await writer.begin() }
        for contender in contenders { await contender.begin() }
        let tenure = try await waitForTenure(after: 0)
        let (_, last) = try await waitUntilAllKnow(of: tenure.revision, "who was elected first")
        report.add("first_elected", "First controller elected", tenure.began - begin)
        report.add("first_known", "  known to all \(plan.contenders) contenders", max(last, tenure.began) - begin)
        timeline.tell(
            .blue, "contenders", "all \(plan.contenders) know that \(tenure.holder) is in charge",
            at: max(last, tenure.began))
    }

    private func killController(_ tenure: Tenure, _ report: inout Report) async throws {
        guard let victim = contenders.first(where: { $0.name == tenure.holder }) else { return }
        await victim.kill()
        timeline.tell(.red, tenure.holder, "is killed: nothing is renewed any more")
        let vacancy = try await waitForNotice(after: tenure.revision)
        let (first, last) = try await waitUntilAllKnow(of: vacancy, "that the office is vacant")
        let ended = await victim.history.tenures.last ?? tenure
        let renewal = ended.lastRenewalSent
        let living = plan.contenders - 1
        timeline.tell(
            .yellow, "cluster",
            "the lease has expired \((first - renewal).spoken) after its last renewal; all \(living) are told within \((last - first).spoken)",
            at: last)
        report.add("vacancy", "Controller killed: office vacant after its last renewal", first - renewal)
        report.add(
            "expiry_lag", "  beyond the time to live of \(plan.ttl.spoken)", first - renewal - plan.ttl,
            note: ended.isRenewing ? "another renewal was under way when it was killed" : "")
        report.add("last_told", "  last of \(living) contenders told, after the first", last - first)
        let successor = try await waitForTenure(after: vacancy)
        let (_, known) = try await waitUntilAllKnow(of: successor.revision, "who succeeds")
        report.add("successor", "  successor seated, after the vacancy was known", successor.began - first)
        report.add("successor_known", "  successor known to all", max(known, successor.began) - first)
        timeline.tell(
            .blue, "contenders", "all \(living) know that \(successor.holder) is in charge",
            at: max(known, successor.began))
    }

    private func killLeader(_ tenure: Tenure, _ report: inout Report) async throws {
        let (leader, term) = try await cluster.waitForLeader(client)
        let killed = ContinuousClock.now
        timeline.tell(.red, leader.name, "leads the cluster, and is killed with SIGKILL")
        try await cluster.kill(leader)
        let (next, newTerm) = try await cluster.waitForLeader(client, above: term)
        timeline.tell(.cyan, "cluster", "\(next.name) leads in term \(newTerm)")
        report.add("new_leader", "Leader killed: another one leads", .now - killed)
        try await Task.sleep(for: plan.ttl * 1.25)
        try await inspectOffice(tenure, since: killed, &report)
        try cluster.start(leader)
        try await cluster.waitUntilReady(client)
        timeline.tell(.cyan, "cluster", "\(leader.name) is back on the files it left, and serves again")
    }

    /// After the leader's death: is the controller still in office, and for how long did writes and renewals stand?
    private func inspectOffice(
        _ tenure: Tenure, since killed: ContinuousClock.Instant, _ report: inout Report
    ) async throws {
        let window = killed...ContinuousClock.now
        var pauses: [Duration] = []
        for writer in writers {
            let record = await writer.history
            pauses.append(record.longestPause(in: window))
            if let last = record.moments.last, window.upperBound - last > .seconds(1) {
                report.problems.append("\(record.name) wrote nothing for \((window.upperBound - last).spoken)")
            }
        }
        report.add("write_pause", "  longest pause between two writes of a writer", pauses.max() ?? .zero)
        let holder = try await client.get(Contender.office)
        let record = await contenders.first { $0.name == tenure.holder }?.history
        let renewals = record?.tenures.last?.renewals.filter { window.contains($0) } ?? []
        guard holder?.createRevision == tenure.revision, !renewals.isEmpty else {
            report.problems.append("the controller \(tenure.holder) lost its office when the leader was killed")
            return
        }
        report.add("renewals", "  renewals of the controller since", renewals.count, note: "it stayed in office")
        timeline.tell(
            .green, tenure.holder,
            "is still in office: \(renewals.count) renewals since; writes paused for \((pauses.max() ?? .zero).spoken)")
    }

    private func resign(_ tenure: Tenure) async throws {
        guard let holder = contenders.first(where: { $0.name == tenure.holder }) else { return }
        for contender in contenders { await contender.withdraw() }
        try await holder.resign()
        let vacancy = try await waitForNotice(after: tenure.revision)
        let (_, last) = try await waitUntilAllKnow(of: vacancy, "that the controller resigned")
        timeline.tell(.yellow, tenure.holder, "resigns; all are told, and nobody runs again", at: last)
    }

    private func check(_ report: inout Report) async throws {
        timeline.tell(.cyan, "cluster", "reading back every write, and the history of the office from every member")
        var records: [ContenderRecord] = []
        for contender in contenders { records.append(await contender.history) }
        var written: [WriterRecord] = []
        for writer in writers { written.append(await writer.history) }
        let evidence = Evidence(cluster: cluster, client: client)
        let stored = try await evidence.storedWrites()
        let histories = try await evidence.histories(
            after: records.compactMap(\.start?.revision).min() ?? 1,
            through: records.flatMap(\.notices).map(\.told.revision).max() ?? 1)
        let tenures = records.flatMap(\.tenures)
        let history = histories.first ?? []
        report.problems += records.flatMap(\.failures)
        report.problems += Verdict.oneAtATime(tenures)
        report.problems += Verdict.noEarlyExpiry(tenures, records.flatMap(\.notices), ttl: plan.ttl)
        report.problems += Verdict.everythingToldOnce(records, history: history)
        report.problems += Verdict.alternates(history)
        if Set(histories).count != 1 { report.problems.append("the members tell different histories of the office") }
        let lost = Verdict.nothingLost(written, stored: stored)
        report.problems += lost
        let acknowledged = written.map(\.acknowledged.count).reduce(0, +)
        report.add("events", "Changes of the office, told to everybody once", history.count)
        report.add(
            "writes", "Writes acknowledged by \(plan.nodes) writers", acknowledged,
            note: lost.isEmpty ? "every one read back" : "\(lost.count) of them lost")
        report.add("total", "All in all", .now - timeline.start)
    }

    // MARK: - Waiting

    private func waitForTenure(after revision: UInt64) async throws -> Tenure {
        try await waitFor("somebody is elected") {
            for contender in contenders {
                let tenures = await contender.history.tenures
                if let tenure = tenures.last(where: { $0.revision > revision }) { return tenure }
            }
            return nil
        }
    }

    /// The tenure of the contender that is in office now.
    private func waitForController() async throws -> Tenure {
        try await waitFor("somebody is in office") {
            for contender in contenders {
                if let tenure = await contender.presentTenure { return tenure }
            }
            return nil
        }
    }

    /// The revision of the first event after `revision` that anybody was told.
    private func waitForNotice(after revision: UInt64) async throws -> UInt64 {
        try await waitFor("the office is vacant") {
            var found: UInt64?
            for contender in contenders {
                let notices = await contender.history.notices
                guard let next = notices.first(where: { $0.told.revision > revision }) else { continue }
                found = min(found ?? .max, next.told.revision)
            }
            return found
        }
    }

    /// When the first and the last living contender knew what happened at `revision`.
    private func waitUntilAllKnow(
        of revision: UInt64, _ what: String
    ) async throws -> (first: ContinuousClock.Instant, last: ContinuousClock.Instant) {
        try await waitFor("everybody knows \(what)") {
            var moments: [ContinuousClock.Instant] = []
            for contender in contenders {
                let record = await contender.history
                guard record.killed == nil else { continue }
                guard let moment = record.learned(of: revision) else { return nil }
                moments.append(moment)
            }
            guard let first = moments.min(), let last = moments.max() else { return nil }
            return (first, last)
        }
    }

    private func waitFor<T>(_ what: String, _ look: () async throws -> T?) async throws -> T {
        try await wait(until: what, within: plan.ttl * 3 + .seconds(10), failures: failures, look)
    }

    /// What the contenders could not cope with so far.
    private func failures() async -> [String] {
        var failures: [String] = []
        for contender in contenders { failures += await contender.history.failures }
        return failures
    }
}
