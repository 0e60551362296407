import ConclaveClient
import Foundation
import LocalProcesses
import Synchronization

@testable import conclave

/// What is done to the members, one after the other; each leaves a cluster that can serve.
enum Fault: String, CaseIterable, Sendable {
    case killLeader, killFollower, stopLeader, stopFollower, askLeaderToGo, killAll
    /// Overlapping: for a while only one member is left.
    case killFollowerWhileLeaderIsStopped
}

/// Carries faults out and brings the victims back.
final class FaultSchedule: Sendable {
    private let cluster: LocalCluster
    private let client: ClusterClient
    /// How often each member was started again, by name.
    private let restarts = Mutex<[String: Int]>([:])
    private let start = ContinuousClock.now
    /// What happened when.
    private let measured = Mutex<[String]>([])

    init(_ cluster: LocalCluster, _ client: ClusterClient) {
        self.cluster = cluster
        self.client = client
    }

    var accounts: [String] { measured.withLock { $0 } }
    func life(of member: LocalCluster.Member) -> Int { restarts.withLock { $0[member.name, default: 0] } }

    func carryOut(_ fault: Fault, using generator: inout some RandomNumberGenerator) async throws {
        let (leader, term) = try await cluster.waitForLeader(client)
        guard let follower = cluster.members.filter({ $0 != leader }).randomElement(using: &generator) else { return }
        let begin = ContinuousClock.now
        tell("\(fault)")
        switch fault {
        case .killLeader:
            try await cluster.kill(leader)
            try await succession(to: term, since: begin)
            try restart(leader)
        case .killFollower:
            try await cluster.kill(follower)
            try await Task.sleep(for: .milliseconds(300))
            try restart(follower)
        case .killFollowerWhileLeaderIsStopped:
            cluster.signal(leader, SIGSTOP)
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...600, using: &generator)))
            try await cluster.kill(follower)
            try restart(follower)
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...900, using: &generator)))
            cluster.signal(leader, SIGCONT)
        case .stopLeader: try await stop(leader)
        case .stopFollower: try await stop(follower)
        case .askLeaderToGo:
            cluster.signal(leader, SIGTERM)
            try await succession(to: term, since: begin)
            let exit = try await cluster.waitForExit(of: leader, within: .seconds(10))
            guard exit == .code(0) else { throw ClusterFailure("\(leader.name), asked to go, \(exit)") }
            try restart(leader)
        case .killAll:
            for member in cluster.members { cluster.signal(member, SIGKILL) }
            for member in cluster.members { try await cluster.kill(member) }
            for member in cluster.members { try restart(member) }
            try await succession(to: term, since: begin)
        }
        try await cluster.waitUntilReady(client)
    }

    private func stop(_ member: LocalCluster.Member) async throws {
        cluster.signal(member, SIGSTOP)
        try await Task.sleep(for: .milliseconds(1500))
        cluster.signal(member, SIGCONT)
    }

    private func restart(_ member: LocalCluster.Member) throws {
        restarts.withLock { $0[member.name, default: 0] += 1 }
        try cluster.start(member)
    }

    private func succession(to term: UInt64, since begin: ContinuousClock.Instant) async throws {
        let (next, newTerm) = try await cluster.waitForLeader(client, above: term)
        tell("\(next.name) leads in term \(newTerm) after \((ContinuousClock.now - begin).spoken)")
    }

    private func tell(_ account: String) {
        measured.withLock { $0.append(account + " at \((ContinuousClock.now - start).spoken)") }
    }
}

/// A small generator that repeats itself from a seed (SplitMix64).
struct FaultGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
