internal import Foundation
internal import LocalProcesses
import Primitives

/// Carries faults out, overlapping as planned, and makes everything whole in the end.
actor Nemesis {
    private let cluster: LocalCluster
    private let network: Network?
    private let disk: SmallDisk?
    private let file: HistoryFile
    private let observer: StatusObserver
    /// Members that a fault of ours holds dead.
    private var dead: Set<String> = []
    /// Members stopped, with how many faults that do so.
    private var stopped: [String: Int] = [:]
    /// Members whose syncs hang or fail, by name.
    private var ordered: [String: SyncFaults.Kind] = [:]
    private var active = 0
    /// Grows with each fault that begins.
    private var begun = 0
    /// When each fault had done its harm, by number.
    private var struck: [Int: Int64] = [:]
    private(set) var account = FaultAccount()

    init(
        _ cluster: LocalCluster, _ network: Network?, _ disk: SmallDisk?, _ observer: StatusObserver,
        _ file: HistoryFile
    ) {
        self.cluster = cluster
        self.network = network
        self.disk = disk
        self.observer = observer
        self.file = file
    }

    /// Carries out the plan; returns when the last fault has begun.
    func run(_ plan: FaultPlan) async {
        let start = ContinuousClock.now
        await withDiscardingTaskGroup { group in
            for fault in plan.faults {
                group.addTask {
                    guard (try? await Task.sleep(until: start + fault.at)) != nil else { return }
                    await self.carryOut(fault)
                }
            }
            group.addTask { await self.lookAfterTheDead(until: start + (plan.faults.last?.at ?? .zero)) }
        }
    }

    /// Ends all faults.
    func heal() async throws {
        try await network?.heal()
        disk?.empty()
        for member in cluster.members {
            cluster.signal(member, SIGCONT)
            stopped[member.name] = nil
            if ordered[member.name] == .fail { dead.insert(member.name) }
            if ordered[member.name] != nil { try mend(member) }
            guard dead.remove(member.name) != nil else { continue }
            if cluster.processID(of: member) != nil { try await cluster.kill(member) }
            try cluster.start(member)
        }
    }

    // MARK: - One fault

    private func carryOut(_ fault: PlannedFault) async {
        active += 1
        begun += 1
        account.counts[fault.kind, default: 0] += 1
        let number = begun
        let isAlone = active == 1 && dead.isEmpty && stopped.isEmpty && ordered.isEmpty
        let begin = file.now
        do {
            var generator = SeededGenerator(seed: fault.dice)
            let leader = await observer.leader()
            let victims = victims(of: fault.kind, leader: leader, using: &generator)
            file.remark("\(begin) \(fault.kind) \(victims.map(\.name).joined(separator: " ")) for \(fault.span)")
            let measured = isAlone && fault.hitsLeader && leader != nil
            async let recovery = measured ? recovery(fault: number) : nil
            try await inflict(fault, number, on: victims, using: &generator)
            if let recovery = await recovery { account.recoveries[fault.kind, default: []].append(recovery) }
        } catch {
            if !(error is CancellationError) { file.complain("\(fault.kind): \(error)") }
        }
        active -= 1
    }

    /// How long it took until a write was acknowledged that was sent after a fault had done its harm; `nil` when another
    /// fault came in between.
    private func recovery(fault: Int) async -> Int64? {
        while file.tally.lastAcknowledgedCall <= struck[fault] ?? .max {
            guard begun == fault, (try? await Task.sleep(for: .milliseconds(1))) != nil else { return nil }
        }
        return struck.removeValue(forKey: fault).map { file.now - $0 }
    }

    private func victims(
        of kind: FaultKind, leader: LocalCluster.Member?, using generator: inout SeededGenerator
    ) -> [LocalCluster.Member] {
        let shuffled = cluster.members.shuffled(using: &generator)
        switch kind {
        case .killAll: return cluster.members
        case .killMajority: return Array(shuffled.prefix(cluster.members.count / 2 + 1))
        case .splitInTwo: return Array(shuffled.prefix(cluster.members.count / 2))
        case .cutOneWay, .cutPair: return Array(shuffled.prefix(2))
        case .killLeader, .stopLeader, .isolateLeader, .askLeaderToGo, .hangingLeader: return [leader ?? shuffled[0]]
        case .fillDisk: return cluster.members.suffix(1)
        case .killOne, .stopOne, .isolateOne, .loseMessages, .hangingSync, .failingSync: return [shuffled[0]]
        }
    }

    private func inflict(
        _ fault: PlannedFault, _ number: Int, on victims: [LocalCluster.Member],
        using generator: inout SeededGenerator
    ) async throws {
        let strikes = { self.struck[number] = self.file.now }
        switch fault.kind {
        case .killOne, .killLeader, .killMajority, .killAll: try await kill(victims, for: fault.span, SIGKILL, strikes)
        case .askLeaderToGo: try await kill(victims, for: fault.span, SIGTERM, strikes)
        case .stopOne, .stopLeader: try await stop(victims[0], for: fault.span, strikes)
        case .isolateOne, .isolateLeader, .splitInTwo:
            let alsoClients = Bool.random(using: &generator)
            try await cut(links(around: victims, alsoClients: alsoClients), for: fault.span, strikes)
        case .cutPair: try await cut(links(around: [victims[0]], only: victims[1]), for: fault.span)
        case .cutOneWay: try await cut([.init(from: place(victims[0]), to: place(victims[1]))], for: fault.span)
        case .loseMessages:
            let (percent, member) = (Int.random(in: 2...40, using: &generator), place(victims[0]))
            try await network?.lose(percent, at: member, true)
            try await Task.sleep(for: fault.span)
            try await network?.lose(percent, at: member, false)
        case .fillDisk:
            disk?.fill()
            try await Task.sleep(for: fault.span)
            disk?.empty()
        case .hangingSync, .hangingLeader:
            try await hangSyncs(of: victims[0], leads: fault.kind == .hangingLeader, for: fault.span, strikes)
        case .failingSync: try await failSync(of: victims[0], for: fault.span)
        }
    }

    // MARK: - Processes

    private func kill(_ victims: [LocalCluster.Member], for span: Duration, _ signal: Int32, _ strikes: () -> Void)
        async throws
    {
        let living = victims.filter { !dead.contains($0.name) && cluster.processID(of: $0) != nil }
        for member in living {
            dead.insert(member.name)
            if signal == SIGTERM { cluster.signal(member, SIGCONT) } else { account.kills += 1 }
            cluster.signal(member, signal)
        }
        strikes()
        for member in living {
            if (try? await cluster.waitForExit(of: member, within: .seconds(10))) == nil {
                try await cluster.kill(member)
            }
        }
        try await Task.sleep(for: span)
        for member in living where dead.remove(member.name) != nil && cluster.processID(of: member) == nil {
            if ordered[member.name] == .fail { try mend(member) }
            try cluster.start(member)
        }
    }

    private func stop(_ member: LocalCluster.Member, for span: Duration, _ strikes: () -> Void) async throws {
        stopped[member.name, default: 0] += 1
        cluster.signal(member, SIGSTOP)
        strikes()
        try await Task.sleep(for: span)
        stopped[member.name, default: 1] -= 1
        if stopped[member.name] ?? 0 <= 0 {
            stopped[member.name] = nil
            cluster.signal(member, SIGCONT)
        }
    }

    /// Takes an order back.
    private func mend(_ member: LocalCluster.Member) throws {
        ordered[member.name] = nil
        try SyncFaults(of: member.dataDirectory.path).order(nil)
    }

    private func hangSyncs(of member: LocalCluster.Member, leads: Bool, for span: Duration, _ strikes: () -> Void)
        async throws
    {
        guard ordered[member.name] == nil else { return }
        let faults = SyncFaults(of: member.dataDirectory.path)
        ordered[member.name] = .hang
        try faults.order(.hang)
        strikes()
        try await Task.sleep(for: span)
        if faults.isMet {
            account.hangs += 1
            if leads { account.hungLeaders += 1 }
        }
        if ordered[member.name] == .hang { try mend(member) }
    }

    /// The member must end itself, which is waited for as long as one may take that answers its clients first.
    private func failSync(of member: LocalCluster.Member, for span: Duration) async throws {
        guard ordered[member.name] == nil, !dead.contains(member.name) else { return }
        let faults = SyncFaults(of: member.dataDirectory.path)
        ordered[member.name] = .fail
        try faults.order(.fail)
        let exit = try await exitAfterFailure(of: member, faults)
        if faults.isMet { account.failures += 1 }
        if let exit {
            account.failureExits += 1
            if exit != .code(1) { file.complain("\(member.name) \(exit) when its disk failed") }
            try await Task.sleep(for: span)
        }
        if ordered[member.name] == .fail { try mend(member) }
        if exit != nil, !dead.contains(member.name), cluster.processID(of: member) == nil { try cluster.start(member) }
    }

    /// How a member ended whose disk fails; `nil` when another fault kept it from noticing, or from ending.
    private func exitAfterFailure(
        of member: LocalCluster.Member, _ faults: SyncFaults
    ) async throws -> ChildProcess.Exit? {
        var patience = Self.patienceWithFailure
        while patience > .zero {
            if dead.contains(member.name) { return nil }
            if let exit = cluster.exitStatus(of: member) { return exit }
            if stopped[member.name] == nil { patience -= .milliseconds(20) }
            try await Task.sleep(for: .milliseconds(20))
        }
        if faults.isMet { file.complain("\(member.name) goes on though its disk failed") }
        return nil
    }

    private static let patienceWithFailure = Duration.seconds(12)

    /// A member that ends by itself is a finding; it is started again.
    private func lookAfterTheDead(until end: ContinuousClock.Instant) async {
        while ContinuousClock.now < end, (try? await Task.sleep(for: .milliseconds(100))) != nil {
            for member in cluster.members where !dead.contains(member.name) && ordered[member.name] != .fail {
                guard let exit = cluster.exitStatus(of: member) else { continue }
                file.complain("\(member.name) \(exit) by itself: \(cluster.logTail(of: member, lines: 5))")
                try? cluster.start(member)
            }
        }
    }

    // MARK: - Links

    private func place(_ member: LocalCluster.Member) -> Int { cluster.members.firstIndex(of: member) ?? 0 }

    /// Both directions between some members and the others, or one of them.
    private func links(
        around inside: [LocalCluster.Member], only outside: LocalCluster.Member? = nil, alsoClients: Bool = false
    ) -> [Network.Link] {
        let inner = inside.map(place)
        var outer = outside.map { [place($0)] } ?? cluster.members.indices.filter { !inner.contains($0) }
        if alsoClients { outer.append(cluster.members.count) }
        return inner.flatMap { one in outer.flatMap { [.init(from: one, to: $0), .init(from: $0, to: one)] } }
    }

    private func cut(_ links: [Network.Link], for span: Duration, _ strikes: () -> Void = {}) async throws {
        try await network?.cut(links, true)
        strikes()
        try await Task.sleep(for: span)
        try await network?.cut(links, false)
    }
}

extension PlannedFault {
    /// Whether its leader must be replaced.
    fileprivate var hitsLeader: Bool {
        kind.takesLeaderAway && (kind == .killLeader || kind == .askLeaderToGo || span > .seconds(2))
    }
}
