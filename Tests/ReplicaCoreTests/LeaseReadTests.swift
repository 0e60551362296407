import KeyValue
import Primitives
import Testing

@testable import Consensus
@testable import ReplicaCore

/// How much of a lease a read tells to be left.
@Suite struct LeaseReadTests {
    private let lease = LeaseID(7)

    private func clusterWithLease(_ ttl: TimeSpan) -> (TestReplicas, leader: NodeID) {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        _ = cluster.ask(.write(Proposal(command: .grantLease(lease, ttl: ttl))), at: leader)
        return (cluster, leader)
    }

    private func remaining(_ reply: ClientReply?) -> TimeSpan? {
        guard case .read(let result, _) = reply else { return nil }
        return switch result {
        case .lease(let status): status?.grant.remaining
        case .leases(let page): page.grants.first?.remaining
        default: nil
        }
    }

    @Test func onAnIdleClusterEveryNodeTellsWhatIsLeftByNow() throws {
        var (cluster, _) = clusterWithLease(.seconds(10))
        cluster.run(for: .seconds(3))
        for id in cluster.ids {
            for query in [Query.lease(lease), .leases(from: LeaseID(1), limit: 0)] {
                let asked = cluster.now
                let told = try #require(remaining(cluster.ask(.read(query, .linearizable), at: id)))
                // Granted after the cluster's leader was there, at least 3 s ago.
                #expect(told <= .seconds(7))
                #expect(told > .milliseconds(6_800))
                cluster.now = asked
            }
        }
    }

    /// The heartbeats come late, by more than the read takes: the answer has a time of the leader's of its own.
    @Test func aFollowerThatHearsItsLeaderLateTellsNoMore() throws {
        var (cluster, leader) = clusterWithLease(.seconds(10))
        let follower = cluster.ids.first { $0 != leader }!
        let (granted, late) = (cluster.now, TimeSpan.milliseconds(300))
        cluster.now = cluster.now + late
        // What it hears now was said long ago.
        let raft = cluster.replicas[leader]!.raft
        let old = Append(
            term: raft.term, previousIndex: raft.log.lastIndex, previousTerm: raft.term, entries: [],
            commit: raft.commitIndex, round: 0, roundIsUrgent: false, time: raft.clusterTime(at: granted),
            digestIndex: .zero, digest: 0)
        cluster.handle(.received(.consensus(.append(old)), from: leader), at: follower)
        let asked = cluster.now
        let told = try #require(remaining(cluster.ask(.read(.lease(lease), .linearizable), at: follower)))
        let left = TimeSpan.seconds(10) - (asked - granted)
        #expect(told <= left)
    }

    @Test func aNodeWithoutALeaderCountsOnWhenItAnswersFromMemory() throws {
        var (cluster, leader) = clusterWithLease(.seconds(10))
        let follower = cluster.ids.first { $0 != leader }!
        // Before that its memory answers nobody.
        _ = cluster.ask(.read(.lease(lease), .linearizable), at: follower)
        cluster.cutOff = [follower]
        cluster.run(for: .seconds(4))
        let told = try #require(remaining(cluster.ask(.read(.lease(lease), .stale), at: follower)))
        #expect(told <= .seconds(6))
        cluster.run(for: .seconds(8))
        let last = cluster.ask(.read(.lease(lease), .stale), at: follower)
        #expect(remaining(last) == .zero, "\(String(describing: last))")
    }
}
