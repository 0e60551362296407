import ConclaveClient
import Foundation
import LocalProcesses

@testable import conclave

/// Everybody who uses the cluster during one run of faults, and what they have to say afterwards.
struct FaultRun {
    let cluster: LocalCluster
    let client: ClusterClient
    let door: NodeDoor
    let schedule: FaultSchedule
    let ledger = Ledger()
    let holders: [LeaseHolder]
    let observers: [Observer]
    private let writers: [FaultWriter]
    let begin = ContinuousClock.now

    init(_ cluster: LocalCluster, _ client: ClusterClient, _ door: NodeDoor) {
        self.cluster = cluster
        self.client = client
        self.door = door
        schedule = FaultSchedule(cluster, client)
        let ledger = ledger
        // Number n prefers node n, then goes around.
        let rotated = cluster.endpoints.indices.map { Array(cluster.endpoints[$0...] + cluster.endpoints[..<$0]) }
        writers = FaultWriter.Habit.allCases.flatMap { habit in
            rotated.enumerated().map { place, endpoints in
                FaultWriter(name: "\(habit)-\(place + 1)", habit: habit, endpoints: endpoints, ledger: ledger)
            }
        }
        holders = (1...6).map { number in
            LeaseHolder(
                "holder-\(number)", ttl: .milliseconds(900 + 300 * number), endpoints: rotated[number % 3],
                ledger: ledger)
        }
        observers = (1...6).map { Observer("watch \($0)", endpoints: rotated[$0 % 3]) }
    }

    /// Lets everybody work while `body` runs.
    func whileBusy(_ body: () async throws -> Void) async throws {
        let crowd = Task { [writers, ledger, door, schedule, cluster] in
            await withDiscardingTaskGroup { group in
                for writer in writers { group.addTask { await writer.run() } }
                for member in cluster.members {
                    for isStale in [false, true] {
                        let reader = FaultReader(
                            member: member, isStale: isStale, writers: writers, ledger: ledger, door: door,
                            life: { schedule.life(of: member) })
                        group.addTask { await reader.run() }
                    }
                }
            }
        }
        for observer in observers { await observer.begin() }
        for holder in holders { await holder.begin() }
        do {
            try await body()
        } catch {
            crowd.cancel()
            await crowd.value
            throw error
        }
        crowd.cancel()
        await crowd.value
        ledger.rest()
    }

    /// Lets every lease run out, and waits until all observers have been told of everything; returns the history as a
    /// watch tells it that begins now.
    func settle() async throws -> StoreCourse {
        for holder in holders { await holder.fallSilent() }
        try await eventually("all leases have run out", within: .seconds(20)) {
            try await client.count(prefix: "lease/") == 0
        }
        let floor = ledger.newest
        let last = try await client.put("end", "end").revision
        ledger.add(
            Ledger.Write(key: "end", value: "end", condition: .always, floor: floor, outcome: .acknowledged(last)))
        let historian = Observer("historian", endpoints: cluster.endpoints, after: 1)
        await historian.begin()
        for observer in observers + [historian] {
            try await eventually("\(await observer.told.name) has reached \(last)", within: .seconds(20)) {
                if let failure = await observer.told.failure { throw ClusterFailure(failure) }
                return await observer.reached >= last
            }
        }
        await historian.end()
        return StoreCourse(await historian.told.changes)
    }

    func end() async {
        for observer in observers { await observer.end() }
        for holder in holders { await holder.end() }
    }

    // MARK: - Verdicts

    func watchProblems(_ course: StoreCourse) async -> [String] {
        var problems: [String] = []
        for observer in observers {
            let account = await observer.told
            problems += course.contradictions(of: account) + (account.failure.map { [$0] } ?? [])
        }
        return problems
    }

    func leaseProblems() async -> [String] {
        let verdict = LeaseVerdict(account: await observers[0].told, ledger: ledger)
        var problems: [String] = []
        for holder in holders { problems += await holder.tenures.flatMap(verdict.problems(of:)) }
        return problems
    }

    /// What every node holds in the end is what the history comes to.
    func storeProblems(_ course: StoreCourse) async throws -> [String] {
        var problems: [String] = []
        for member in cluster.members {
            let direct = ClusterClient(endpoints: [member.endpoint])
            var held: [ByteString: ByteString] = [:]
            var start: ByteString?
            repeat {
                let page = try await direct.list(from: start)
                for record in page.records { held[record.key] = record.value }
                start = page.more ? page.records.last?.key.successor : nil
            } while start != nil
            await direct.shutdown()
            if held != course.outcome { problems.append("\(member.name) holds other keys than the history comes to") }
        }
        return problems
    }

    /// A node's memory only goes forward, across its restarts as well.
    func staleProblems() -> [String] {
        let stale = Dictionary(grouping: ledger.reads.filter(\.isStale), by: \.node)
        return stale.flatMap { node, reads in
            zip(reads, reads.dropFirst()).filter { $0.revision > $1.revision }.map {
                "\(node) went from revision \($0.revision) in its life \($0.life) back to \($1.revision) in \($1.life)"
            }
        }
    }
}
