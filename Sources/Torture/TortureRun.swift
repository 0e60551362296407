internal import Foundation
import ConclaveClient
internal import HistoryChecker
import LoadGenerator
internal import LocalProcesses

/// A cluster of real processes under overlapping faults, used by clients on all nodes, and judged afterwards.
package struct TortureRun: Sendable {
    private let plan: TorturePlan
    private let cluster: LocalCluster
    private let network: Network?
    private let disk: SmallDisk?
    private let file: HistoryFile
    private let observer: StatusObserver

    /// Carries a plan out and judges what came of it; `tell` is given a line of progress now and then. Everything it made
    /// is gone afterwards, but for the history, and for the members' files when something was wrong.
    package static func carryOut(
        _ plan: TorturePlan, _ tell: @escaping @Sendable (String) -> Void
    ) async throws -> TortureReport {
        let directory = try Folder.temporary()
        let log = directory.appending(path: "tools.log")
        let network = plan.isPrivate ? Network(members: plan.nodes, log: log) : nil
        do {
            let run = try await TortureRun(plan, directory, network, log: log)
            let report: TortureReport
            do { report = try await run.run(tell) } catch {
                await run.end(keepingFiles: !(error is CancellationError))
                throw error
            }
            await run.end(keepingFiles: !report.isClean)
            if !report.isClean { tell("the members' files and logs are in \(directory.path)") }
            return report
        } catch {
            await network?.close()
            if error is CancellationError { Folder.remove(directory) }
            throw error
        }
    }

    private init(_ plan: TorturePlan, _ directory: URL, _ network: Network?, log: URL) async throws {
        self.plan = plan
        self.network = network
        let places = try await network?.open() ?? Place.free(plan.nodes)
        cluster = try LocalCluster(.conclave(plan.member?.executable), at: places, directory: directory)
        disk =
            plan.isPrivate
            ? try await SmallDisk.mount(at: cluster.members[plan.nodes - 1].dataDirectory, log: log) : nil
        file = try HistoryFile(plan.history)
        observer = StatusObserver(cluster.members)
    }

    /// Ends all processes, also when this task is cancelled.
    private func end(keepingFiles: Bool) async {
        await Task {
            file.flush()
            for member in cluster.members { cluster.signal(member, SIGKILL) }
            await cluster.shutdown(keepingFiles: true)
            let copy = cluster.directory.appending(path: "n\(plan.nodes)-files")
            await disk?.unmount(keepingIn: keepingFiles ? copy : nil)
            await network?.close()
            if !keepingFiles { Folder.remove(cluster.directory) }
        }.value
    }

    private func run(_ tell: @escaping @Sendable (String) -> Void) async throws -> TortureReport {
        try cluster.startAll()
        try await waitUntilReady()
        let crowd = Crowd(plan, cluster.members, file)
        let watching = Task { await crowd.watch() }
        defer { watching.cancel() }
        let account = try await underFire(crowd, tell)
        tell("all faults have ended; waiting for everybody")
        try await settle(crowd)
        watching.cancel()
        await watching.value
        for change in crowd.historian.changes { file.add(change) }
        for change in crowd.officeHistorians.flatMap(\.changes) { file.add(change) }
        file.end()
        tell("judging the history")
        return try report(account)
    }

    // MARK: - Parts of a run

    private func waitUntilReady() async throws {
        try await cluster.waitUntilReady(within: .seconds(30)) { await observer.isReady($0) }
    }

    /// Clients and faults for the planned time; then the faults end first.
    private func underFire(
        _ crowd: Crowd, _ tell: @escaping @Sendable (String) -> Void
    ) async throws -> FaultAccount {
        let nemesis = Nemesis(cluster, network, disk, observer, file)
        let faults = FaultPlan(seed: plan.seed, length: plan.longest, kinds: plan.kinds)
        let working = Task { await crowd.work() }
        let hitting = Task { await nemesis.run(faults) }
        let telling = Task { await tellProgress(nemesis, tell) }
        defer { for task in [working, hitting, telling] { task.cancel() } }
        let start = ContinuousClock.now
        try await Task.sleep(for: plan.length)
        while file.tally.operations < plan.least, ContinuousClock.now - start < plan.longest {
            try await Task.sleep(for: .milliseconds(200))
        }
        hitting.cancel()
        await hitting.value
        try await nemesis.heal()
        try await waitUntilReady()
        try await Task.sleep(for: .seconds(1))
        working.cancel()
        await working.value
        return await nemesis.account
    }

    private func tellProgress(_ nemesis: Nemesis, _ tell: @Sendable (String) -> Void) async {
        let start = ContinuousClock.now
        while (try? await Task.sleep(for: .seconds(5))) != nil {
            let (tally, account) = (file.tally, await nemesis.account)
            let seconds = (ContinuousClock.now - start).components.seconds
            tell(
                "\(seconds) s: \(tally.operations) operations, \(tally.acknowledged) writes acknowledged, "
                    + "\(tally.unknown) unknown, \(tally.told) changes told, \(account.faults) faults, "
                    + "\(account.kills) kills, \(account.partitions) partitions")
        }
    }

    /// Waits until leases have run out, all members agree, and every watch has told everything; then reads it all once
    /// more from each.
    private func settle(_ crowd: Crowd) async throws {
        var requester = requester("settler", preferring: 0)
        try await eventually("all leases have run out", within: .seconds(30), pause: .milliseconds(200)) {
            guard case .leases(let ids, _, _) = await requester.perform(.leases(start: nil, limit: nil)) else {
                return false
            }
            return ids.isEmpty
        }
        for office in Candidate.offices {
            let answer = await requester.perform(.offices(.standing(office, .newest)))
            guard case .offices(.standing(let standing, _), _) = answer else {
                throw ClusterFailure("nobody told how \(office.word) stands")
            }
            let watchers = crowd.officeHistorians + crowd.officeWatchers
            try await awaitWatches(watchers.filter { $0.office == office }, standing.fence)
        }
        let last = try await writeLast(requester)
        try await eventually("all members have the same state", within: .seconds(30)) { await observer.areEqual() }
        try await awaitWatches(crowd.keyWatchers.filter { $0.isNarrow }, last.ofPrefixes)
        try await awaitWatches(crowd.keyWatchers.filter { !$0.isNarrow }, last.ofAll)
        for place in cluster.members.indices { try await readAll(at: place, through: last.ofAll) }
    }

    /// Writes something last for each watch: who is told of a revision has been told all of it only where that is one change.
    private func writeLast(_ requester: consuming Requester) async throws -> (ofPrefixes: UInt64, ofAll: UInt64) {
        let narrow = EtcdWatcher.prefixes.filter { !$0.isEmpty }
        var revisions: [UInt64] = []
        for keys in [narrow.map { "\($0)end" }, ["end"]] {
            let steps = keys.map { Transaction.Step.put($0, "settler.\($0)", lease: 0) }
            let answer = await requester.perform(.transaction(.init(if: [], then: steps)), idempotent: true)
            guard let revision = answer.revision else { throw ClusterFailure("the last write was not acknowledged") }
            revisions.append(revision)
        }
        await requester.close()
        return (revisions[0], revisions[1])
    }

    private func awaitWatches(_ watchers: [any Watching], _ last: UInt64) async throws {
        for watcher in watchers {
            try await eventually("watch \(watcher.name) has told \(last)", within: .seconds(60)) {
                if let failure = watcher.failure { throw ClusterFailure(failure) }
                return watcher.reached >= last
            }
            watcher.close(at: last)
        }
    }

    /// What one member holds, and the history as it alone tells it.
    private func readAll(at place: Int, through last: UInt64) async throws {
        var requester = requester("reader\(place + 1)", preferring: place)
        for point in [Invocation.Point.newest, .stale] {
            await requester.perform(.list(.init("", point)), attempts: 1)
            for office in Candidate.offices {
                await requester.perform(.offices(.standing(office, point)), attempts: 1)
            }
        }
        await requester.close()
        guard let endpoint = ConclaveClient.Endpoint(cluster.members[place].clientAddress) else { return }
        let late = Watcher(
            "late-\(place + 1)", [.prefix("")], after: max(1, last - min(last - 1, Self.replayed)),
            endpoints: [endpoint], file: file)
        let watching = Task { await late.run() }
        defer { watching.cancel() }
        try await awaitWatches([late], last)
    }

    /// Revisions that each member tells once more in the end: fewer than a member keeps.
    private static let replayed: UInt64 = 15_000

    private func requester(_ name: String, preferring place: Int) -> Requester {
        let nodes = cluster.members.map { Endpoint(host: $0.place.host, port: Int($0.place.client)) }
        return Requester(name: name, nodes: nodes, preferring: place, file: file)
    }

    private func report(_ account: FaultAccount) throws -> TortureReport {
        var report = try TortureReport(judging: plan.history)
        report.complaints = file.tally.nonsense
        report.account = account
        report.losesUnsynced = plan.member?.losesUnsynced ?? false
        return report
    }
}
