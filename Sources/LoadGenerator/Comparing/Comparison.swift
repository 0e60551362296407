package import Foundation
internal import LocalProcesses
internal import NIOCore

/// Measures the systems in turn. Every single measurement gets a fresh cluster, and only one cluster exists at a time:
/// an idle one would take CPU from the one that is measured, and a grown store would slow it. Within a round the
/// systems take turns trial by trial; every other round begins with the other system, so that neither
/// gains from a machine that speeds up or slows down.
package final class Comparison {
    private static let settle = TimeAmount.seconds(2)

    private let plan: ComparisonPlan
    /// Where the clusters keep their files, each in a folder of its own.
    private let directory: URL
    private let tell: @Sendable (String) -> Void
    package private(set) var samples = Samples()
    package private(set) var versions: [TargetSystem: String] = [:]
    package private(set) var problems: [String] = []

    /// `tell` gets one line for everything that begins or ends.
    package init(_ plan: ComparisonPlan, directory: URL, tell: @escaping @Sendable (String) -> Void) {
        self.plan = plan
        self.directory = directory
        self.tell = tell
    }

    package func run() async {
        for round in 1...plan.rounds {
            for trial in plan.trials {
                for contestant in round.isMultiple(of: 2) ? plan.contestants.reversed() : plan.contestants {
                    tell("round \(round) of \(plan.rounds): \(trial.rawValue), \(contestant.system.rawValue)")
                    await measure(trial, of: contestant, round: round)
                }
            }
        }
    }

    private func measure(_ trial: Trial, of contestant: Contestant, round: Int) async {
        do {
            FileDescriptors.allow(2 * max(plan.scale.watchers, plan.scale.crowd.clients, plan.scale.crowd.contenders))
            let cluster = try await ServerCluster.start(
                contestant, size: trial.nodes,
                directory: directory.appending(path: "\(contestant.system.rawValue)-\(trial.rawValue)-\(round)"))
            do {
                versions[contestant.system] = await cluster.report(of: cluster.members[0])?.version
                try await take(trial, of: cluster)
            } catch {
                problem(trial, contestant.system, "\(error)")
            }
            await cluster.processes.destroy()
        } catch {
            problem(trial, contestant.system, "\(error)")
        }
    }

    private func problem(_ trial: Trial, _ system: TargetSystem, _ text: String) {
        let line = "\(trial.rawValue), \(system.rawValue): \(text.replacing("\n", with: " / "))"
        tell("  " + line)
        problems.append(line)
    }

    private func add(_ value: Double, _ trial: Trial, _ quantity: Figure.Quantity, _ system: TargetSystem) {
        samples.add(value, of: Figure(trial, quantity), for: system)
    }

    private func blame(_ errors: ErrorTally, _ trial: Trial, _ system: TargetSystem) {
        for error in errors.ranked { problem(trial, system, "\(error.reason) (\(error.count) times)") }
    }

    private func take(_ trial: Trial, of cluster: ServerCluster) async throws {
        switch trial {
        case .idle: try await idle(cluster)
        case .create, .put, .get, .serial, .renew, .renewAtFollower, .renewAlone, .renewMany, .renewManyAtFollower,
            .grpcPut, .grpcRange, .grpcKeepAlive, .gatewayPut, .gatewayRange, .grpcPutApart, .grpcRangeApart,
            .grpcKeepAliveApart:
            if let kind = trial.throughput { try await throughput(kind, trial, cluster) }
        case .storm: try await storm(cluster)
        case .succession: try await succession(cluster)
        case .comeback: try await comeBack(cluster)
        case .watch: try await watch(cluster)
        case .expiry: try await expiry(cluster)
        case .kill: try await failover(SIGKILL, trial, cluster)
        case .stop: try await failover(SIGSTOP, trial, cluster)
        case .term: try await failover(SIGTERM, trial, cluster)
        case .wrk: try await wrk(cluster)
        }
    }

    private func idle(_ cluster: ServerCluster) async throws {
        try await Task.sleep(for: .nanoseconds(Self.settle.nanoseconds))
        let figures = try cluster.figures()
        add(figures.residentBytes / Double(cluster.members.count), .idle, .resident, cluster.system)
    }

    private func throughput(
        _ kind: ThroughputKind, _ trial: Trial, _ cluster: ServerCluster
    ) async throws {
        let wire = trial.wire(of: cluster.system)
        var load = LoadPlan(
            endpoints: cluster.endpoints, connections: trial.connections(in: plan),
            transport: wire.transport(of: kind), ownConnections: trial.isApart, loops: plan.loops,
            bound: .duration(.seconds(plan.scale.warmUpSeconds)))
        let leader = try await cluster.leader()
        if kind == .serial { load.endpoints = [Endpoint(leader)] }
        if trial.isAtFollower {
            load.endpoints = cluster.members.filter { $0 != leader }.prefix(1).map(Endpoint.init)
        }
        let workload = ThroughputWorkload(kind, over: wire, keys: plan.keys, valueSize: plan.valueSize)
        _ = try await LoadRunner.run(load, source: try await workload.prepare(load))
        let source = try await workload.prepare(load)
        let syncs = await cluster.metric(cluster.system.dialect.syncCounter)
        let before = (servers: try cluster.figures(), own: ProcessFigures.read(pid: getpid()))
        load.bound = .duration(.seconds(plan.scale.seconds))
        let result = try await LoadRunner.run(load, source: source, progress: progress)
        let after = (servers: try cluster.figures(), own: ProcessFigures.read(pid: getpid()))
        let syncsAfter = await cluster.metric(cluster.system.dialect.syncCounter)
        blame(result.errors, trial, cluster.system)
        record(result, trial, cluster.system, before.servers, after.servers)
        if let from = before.own, let to = after.own, result.completed > 0 {
            let own = (to.cpuMicroseconds - from.cpuMicroseconds) / Double(result.completed)
            add(own, trial, .generator, cluster.system)
        }
        if let syncs, let syncsAfter, kind.writes, result.completed > 0 {
            add((syncsAfter - syncs) / Double(result.completed), trial, .syncs, cluster.system)
        }
    }

    private var progress: @Sendable (Progress) -> Void {
        { [tell] in tell("  " + $0.line) }
    }

    private func record(
        _ result: LoadResult, _ trial: Trial, _ system: TargetSystem, _ before: ProcessFigures,
        _ after: ProcessFigures
    ) {
        guard result.completed > 0 else { return }
        let requests = Double(result.completed)
        add(result.rate, trial, .rate, system)
        add(result.latency.milliseconds(at: 50), trial, .p50, system)
        add(result.latency.milliseconds(at: 99), trial, .p99, system)
        add((after.cpuMicroseconds - before.cpuMicroseconds) / requests, trial, .cpu, system)
        if let from = before.writtenBytes, let to = after.writtenBytes {
            add((to - from) / requests, trial, .written, system)
        }
    }

    private func watch(_ cluster: ServerCluster) async throws {
        try await Task.sleep(for: .nanoseconds(Self.settle.nanoseconds))
        let before = try cluster.figures()
        let workload = WatchWorkload(
            on: cluster.system, endpoints: cluster.endpoints, watchers: plan.scale.watchers,
            changes: plan.scale.changes, loops: plan.loops)
        var open: ProcessFigures?
        let result = try await workload.run {
            try await Task.sleep(for: .nanoseconds(Self.settle.nanoseconds))
            open = try cluster.figures()
        }
        blame(result.errors, .watch, cluster.system)
        for telling in result.tellings {
            add(telling.median, .watch, .median, cluster.system)
            add(telling.last, .watch, .last, cluster.system)
        }
        if let open {
            let grown = open.residentBytes - before.residentBytes
            add(grown / Double(plan.scale.watchers), .watch, .resident, cluster.system)
        }
    }

    private func expiry(_ cluster: ServerCluster) async throws {
        let workload = ExpiryWorkload(on: cluster.system, endpoints: cluster.endpoints, leases: plan.scale.leases)
        let result = try await workload.run()
        blame(result.errors, .expiry, cluster.system)
        for lag in result.lags { add(lag, .expiry, .lag, cluster.system) }
    }

    private func storm(_ cluster: ServerCluster) async throws {
        let result = try await StormWorkload(
            on: cluster.system, endpoints: cluster.endpoints, leases: plan.scale.crowd.leases,
            timeToLive: plan.scale.crowd.leaseSeconds
        ).run()
        blame(result.errors, .storm, cluster.system)
        add(result.gone, .storm, .last, cluster.system)
        add(result.idleWrites, .storm, .calm, cluster.system)
        add(result.stormWrites, .storm, .p99, cluster.system)
        if result.idleWrites > 0 { add(result.stormWrites / result.idleWrites, .storm, .rate, cluster.system) }
    }

    private func succession(_ cluster: ServerCluster) async throws {
        for _ in 0..<plan.scale.hits {
            let result = try await SuccessionWorkload(
                on: cluster.system, endpoints: cluster.endpoints, contenders: plan.scale.crowd.contenders,
                loops: plan.loops
            ).run()
            blame(result.errors, .succession, cluster.system)
            add(result.seated, .succession, .seated, cluster.system)
            add(result.medianKnew, .succession, .median, cluster.system)
            add(result.lastKnew, .succession, .last, cluster.system)
        }
    }

    private func comeBack(_ cluster: ServerCluster) async throws {
        let result = try await ReturnWorkload(
            on: cluster.system, endpoints: cluster.endpoints, clients: plan.scale.crowd.clients
        ).run()
        blame(result.errors, .comeback, cluster.system)
        add(result.back, .comeback, .last, cluster.system)
        add(result.writes, .comeback, .p99, cluster.system)
        add(Double(result.elections), .comeback, .elections, cluster.system)
    }

    private func failover(_ number: CInt, _ trial: Trial, _ cluster: ServerCluster) async throws {
        for hit in 1...plan.scale.hits {
            let leader = try await cluster.leader()
            let workload = FailoverWorkload(on: cluster.system, endpoints: cluster.endpoints)
            let result = try await workload.run { cluster.processes.signal(leader, number) }
            tell("  hit \(hit): no write for \(FigureUnit.milliseconds.text(result.gap))")
            add(result.gap, trial, .gap, cluster.system)
            if number == SIGSTOP {
                cluster.processes.signal(leader, SIGCONT)
                try await cluster.waitUntilReady()
            } else {
                try await cluster.restart(leader)
            }
            try await Task.sleep(for: .nanoseconds(Self.settle.nanoseconds))
        }
    }

    private func wrk(_ cluster: ServerCluster) async throws {
        let check = WrkCheck(
            system: cluster.system, endpoint: Endpoint(try await cluster.leader()),
            connections: plan.connections, seconds: plan.scale.seconds, valueSize: plan.valueSize)
        add(try await check.rate(.put, directory: directory), .wrk, .putRate, cluster.system)
        add(try await check.rate(.get, directory: directory), .wrk, .getRate, cluster.system)
    }
}

extension Progress {
    /// One line for people.
    package var line: String {
        let seconds = String(second)
        return String(repeating: " ", count: max(0, 4 - seconds.count)) + seconds + " s  "
            + FigureUnit.perSecond.text(rate) + "  p50 " + FigureUnit.milliseconds.text(p50) + "  p99 "
            + FigureUnit.milliseconds.text(p99) + "  errors \(errors)"
    }
}
