internal import Foundation
import LocalProcesses
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
    private var active = 0
    /// Grows with each fault that begins.
    private var begun = 0
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
        let isAlone = active == 1 && dead.isEmpty && stopped.isEmpty
        let begin = file.now
        do {
            var generator = SeededGenerator(seed: fault.dice)
            let leader = await observer.leader()
            let victims = victims(of: fault.kind, leader: leader, using: &generator)
            file.remark("\(begin) \(fault.kind) \(victims.map(\.name).joined(separator: " ")) for \(fault.span)")
            let measured = isAlone && fault.hitsLeader && leader != nil
            async let recovery = measured ? recovery(after: begin, fault: number) : nil
            try await inflict(fault, on: victims, using: &generator)
            if let recovery = await recovery { account.recoveries.append(recovery) }
        } catch {
            if !(error is CancellationError) { file.complain("\(fault.kind): \(error)") }
        }
        active -= 1
    }

    /// How long it took until a write was acknowledged that was sent after a fault began; `nil` when another fault came
    /// in between.
    private func recovery(after begin: Int64, fault: Int) async -> Int64? {
        while file.tally.lastAcknowledgedCall <= begin {
            guard begun == fault, (try? await Task.sleep(for: .milliseconds(1))) != nil else { return nil }
        }
        return file.now - begin
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
        case .killLeader, .stopLeader, .isolateLeader, .askLeaderToGo: return [leader ?? shuffled[0]]
        case .fillDisk: return cluster.members.suffix(1)
        case .killOne, .stopOne, .isolateOne, .loseMessages: return [shuffled[0]]
        }
    }

    private func inflict(
        _ fault: PlannedFault, on victims: [LocalCluster.Member], using generator: inout SeededGenerator
    ) async throws {
        switch fault.kind {
        case .killOne, .killLeader, .killMajority, .killAll: try await kill(victims, for: fault.span, SIGKILL)
        case .askLeaderToGo: try await kill(victims, for: fault.span, SIGTERM)
        case .stopOne, .stopLeader: try await stop(victims[0], for: fault.span)
        case .isolateOne, .isolateLeader, .splitInTwo:
            let alsoClients = Bool.random(using: &generator)
            try await cut(links(around: victims, alsoClients: alsoClients), for: fault.span)
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
        }
    }

    // MARK: - Processes

    private func kill(_ victims: [LocalCluster.Member], for span: Duration, _ signal: Int32) async throws {
        let living = victims.filter { !dead.contains($0.name) && cluster.processID(of: $0) != nil }
        for member in living {
            dead.insert(member.name)
            if signal == SIGTERM { cluster.signal(member, SIGCONT) } else { account.kills += 1 }
            cluster.signal(member, signal)
        }
        for member in living {
            if (try? await cluster.waitForExit(of: member, within: .seconds(10))) == nil {
                try await cluster.kill(member)
            }
        }
        try await Task.sleep(for: span)
        for member in living where dead.remove(member.name) != nil && cluster.processID(of: member) == nil {
            try cluster.start(member)
        }
    }

    private func stop(_ member: LocalCluster.Member, for span: Duration) async throws {
        stopped[member.name, default: 0] += 1
        cluster.signal(member, SIGSTOP)
        try await Task.sleep(for: span)
        stopped[member.name, default: 1] -= 1
        if stopped[member.name] ?? 0 <= 0 {
            stopped[member.name] = nil
            cluster.signal(member, SIGCONT)
        }
    }

    /// A member that ends by itself is a finding; it is started again.
    private func lookAfterTheDead(until end: ContinuousClock.Instant) async {
        while ContinuousClock.now < end, (try? await Task.sleep(for: .milliseconds(100))) != nil {
            for member in cluster.members where !dead.contains(member.name) {
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

    private func cut(_ links: [Network.Link], for span: Duration) async throws {
        try await network?.cut(links, true)
        try await Task.sleep(for: span)
        try await network?.cut(links, false)
    }
}

extension PlannedFault {
    /// Whether its leader must be replaced.
    fileprivate var hitsLeader: Bool {
        switch kind {
        case .killLeader, .isolateLeader, .askLeaderToGo: true
        case .stopLeader: span > .seconds(1)
        default: false
        }
    }
}

/// What was done to a cluster.
package struct FaultAccount: Sendable {
    package var counts: [FaultKind: Int] = [:]
    /// Processes ended with SIGKILL.
    package var kills = 0
    /// Where a leader was lost and nothing else was wrong: the time until a later write was acknowledged, in microseconds.
    package var recoveries: [Int64] = []

    package var partitions: Int { counts.filter(\.key.isPartition).values.reduce(0, +) }
    package var faults: Int { counts.values.reduce(0, +) }
}
