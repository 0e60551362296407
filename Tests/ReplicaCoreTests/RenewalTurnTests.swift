import Consensus
import KeyValue
import Primitives
import Testing

@testable import ReplicaCore

@Suite("When renewals become an entry") struct RenewalTurnTests {
    private var cluster = TestReplicas(3)
    private let leader: NodeID
    private let follower: NodeID

    init() {
        leader = cluster.waitForLeader()
        follower = cluster.ids.first { [leader] in $0 != leader }!
        for number in 1...4 as ClosedRange<UInt64> {
            _ = cluster.ask(.write(Proposal(command: .grantLease(LeaseID(number), ttl: .seconds(60)))), at: leader)
        }
    }

    private var lastIndex: LogIndex { cluster.replicas[leader]!.raft.log.lastIndex }

    private mutating func renew(_ lease: UInt64, at node: NodeID) -> RequestID {
        cluster.send(.renew([LeaseID(lease)]), to: node)
    }

    /// Mail that was on its way before arrives.
    private mutating func deliver() {
        let due = cluster.mail
        cluster.mail = []
        for letter in due { cluster.handle(.received(letter.message, from: letter.from), at: letter.to) }
    }

    private func isRenewed(_ request: RequestID) -> Bool {
        if case .renewed(let grants, _)? = cluster.replies[request] { !grants.contains(nil) } else { false }
    }

    @Test mutating func oneAloneIsProposedAtOnce() {
        let before = lastIndex
        let first = renew(1, at: leader)
        #expect(lastIndex == before.next)
        cluster.settle()
        #expect(isRenewed(first))
        cluster.now = cluster.now + Limits.renewalPatience
        _ = renew(2, at: leader)
        #expect(lastIndex == before.next.next)
    }

    @Test mutating func whoComesWhileAnEntryIsUnderWayGoesWithThoseWhoWereJustAnswered() {
        let before = lastIndex
        let first = renew(1, at: leader)
        let second = renew(2, at: leader)
        cluster.settle()
        #expect(isRenewed(first) && !isRenewed(second))
        #expect(lastIndex == before.next)
        let third = renew(3, at: follower)
        deliver()
        #expect(lastIndex == before.next, "the first may ask again, so others wait for it")
        let again = renew(1, at: leader)
        #expect(lastIndex == before.next.next)
        cluster.settle()
        #expect([second, third, again].allSatisfy(isRenewed))
    }

    @Test mutating func nobodyWaitsLongForOneWhoDoesNotComeAgain() {
        let before = lastIndex
        _ = renew(1, at: leader)
        let second = renew(2, at: leader)
        cluster.settle()
        let deadline = cluster.replicas[leader]!.nextDeadline(at: cluster.now)
        #expect(deadline == cluster.now + Limits.renewalPatience)
        cluster.now = deadline
        cluster.handle(.tick, at: leader)
        #expect(lastIndex == before.next.next)
        cluster.settle()
        #expect(isRenewed(second))
    }

    @Test mutating func anEntryThatTakesLongHoldsNoOtherUp() {
        let before = lastIndex
        cluster.isLost = { _ in true }
        _ = renew(1, at: leader)
        _ = renew(2, at: leader)
        #expect(lastIndex == before.next)
        cluster.now = cluster.now + Limits.renewalPatience
        cluster.handle(.tick, at: leader)
        #expect(lastIndex == before.next.next)
    }

    @Test mutating func aLeaderThatLosesItsOfficeHandsThemOn() {
        _ = renew(1, at: leader)
        cluster.mail = []
        let own = renew(2, at: leader)
        let other = renew(3, at: follower)
        deliver()
        cluster.handle(.handOver(to: follower), at: leader)
        cluster.run(for: .seconds(3))
        #expect(cluster.replicas[leader]!.raft.leader != nil)
        #expect(isRenewed(own) && isRenewed(other))
    }

    @Test mutating func whoWaitsNoMoreIsNotRenewed() {
        _ = renew(1, at: leader)
        let gone = renew(2, at: leader)
        let next = renew(3, at: leader)
        cluster.handle(.abandoned(gone), at: leader)
        cluster.now = cluster.now + .seconds(1)
        cluster.handle(.tick, at: leader)
        cluster.settle()
        #expect(isRenewed(next))
        let remaining = cluster.store(leader).lease(LeaseID(2))!.remaining
        #expect(remaining <= .seconds(59))
    }

    @Test func aClusterOfOneLetsNobodyWait() {
        var cluster = TestReplicas(1)
        let leader = cluster.waitForLeader()
        _ = cluster.ask(.write(Proposal(command: .grantLease(LeaseID(1), ttl: .seconds(60)))), at: leader)
        let before = cluster.replicas[leader]!.raft.log.lastIndex
        for _ in 1...3 { cluster.send(.renew([LeaseID(1)]), to: leader) }
        #expect(cluster.replicas[leader]!.raft.log.lastIndex.rawValue == before.rawValue + 3)
    }
}
