import Consensus
import KeyValue
import Primitives
import Testing

@testable import ReplicaCore

private let controller = ElectionID(kind: .election, name: Bytes("controller".utf8))

private func campaign(_ id: String, _ value: String = "", ttl: TimeSpan = .seconds(60), lease: UInt64) -> ClientRequest
{
    .write(
        Proposal(
            command: .campaign(
                Campaign(
                    candidacy: CandidacyID(election: controller, candidate: Bytes(id.utf8)), value: Bytes(value.utf8),
                    lease: .drawn(LeaseID(lease), ttl: ttl)))))
}

private func create(_ key: String, _ value: String) -> ClientRequest {
    .write(
        Proposal(
            command: .put(Put(key: Bytes(key.utf8), value: Bytes(value.utf8), precondition: .absent))))
}

extension ClientReply {
    fileprivate var candidacy: CandidacyResult? {
        if case .written(.candidacy(let result), _) = self { result } else { nil }
    }

    fileprivate var holder: KeyRecord? {
        if case .written(.failed(.preconditionFailed(let holder)), _) = self { holder } else { nil }
    }
}

@Suite struct ElectionTests {
    @Test func repetitionsOnAllNodesShareOneEntryAndEachHearsHowItStands() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        for (number, id) in cluster.ids.enumerated() {
            _ = cluster.ask(campaign("c\(number)", lease: UInt64(number) + 1), at: id)
        }
        let before = cluster.replicas[leader]!.raft.log.lastIndex
        let requests = cluster.ids.enumerated().map { number, id in
            cluster.send(campaign("c\(number)", lease: UInt64(number) + 100), to: id)
        }
        let others = (0..<3).map { number in
            RequestID(9_000 + UInt64(number))
        }
        cluster.settle()
        cluster.run(for: .milliseconds(20))
        // One for the leader's own, one for what the others forwarded, at most.
        #expect(cluster.replicas[leader]!.raft.log.lastIndex.rawValue - before.rawValue <= 3)
        for (number, request) in requests.enumerated() {
            let result = cluster.replies[request]?.candidacy
            #expect(result?.created == false)
            #expect(result?.grant?.remaining == .seconds(60))
            #expect(result?.grant?.id == LeaseID(UInt64(number) + 1))
            #expect(result?.standing == (number == 0 ? .leading : .waiting(position: number)))
        }
        let again = before.next
        let mark = cluster.replicas[leader]!.raft.log.lastIndex
        let inputs: [Input] = others.enumerated().map { number, id in
            .request(id, campaign("c\(number)", lease: 500), timeout: .seconds(1))
        }
        cluster.handle(inputs, at: leader)
        cluster.settle()
        #expect(cluster.replicas[leader]!.raft.log.lastIndex == mark.next && again <= mark)
        #expect(others.allSatisfy { cluster.replies[$0]?.candidacy != nil })
    }

    @Test func aRepetitionThatChangesSomethingHasItsOwnEntry() {
        var cluster = TestReplicas(1)
        let leader = cluster.waitForLeader()
        _ = cluster.ask(campaign("a", "old", lease: 1), at: leader)
        let changed = cluster.ask(campaign("a", "new", lease: 2), at: leader)?.candidacy
        #expect(changed?.summary.leader?.value == Bytes("new".utf8))
        #expect(changed?.created == false)
    }

    @Test func aCandidacyThatEndsBeforeItsRenewalIsOrderedBeginsAnew() {
        var cluster = TestReplicas(1)
        let leader = cluster.waitForLeader()
        _ = cluster.ask(campaign("a", lease: 1), at: leader)
        let resignation = Resignation(candidacy: CandidacyID(election: controller, candidate: Bytes("a".utf8)))
        // The repetition looks like a renewal when it comes, and is ordered after the resignation.
        cluster.handle(
            [
                .request(RequestID(1_000), .write(Proposal(command: .resign(resignation))), timeout: .seconds(1)),
                .request(RequestID(1_001), campaign("a", lease: 2), timeout: .seconds(1)),
            ], at: leader)
        cluster.settle()
        cluster.run(for: .milliseconds(50))
        let result = cluster.replies[RequestID(1_001)]?.candidacy
        #expect(result?.created == true)
        #expect(result?.standing == .leading)
        #expect(result?.grant?.id == LeaseID(2))
    }

    /// Found by the simulator (seed 91 when it was written).
    @Test func aRenewalOfALeaseThatIsGoneSpeaksForNoOther() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let behind = cluster.ids.first { $0 != leader }!
        _ = cluster.ask(campaign("a", lease: 1), at: leader)
        cluster.run(for: .milliseconds(100))
        cluster.isLost = { message in
            if case .consensus(.append) = message { true } else { false }
        }
        // This node still knows the candidacy by its first lease.
        let request = cluster.send(campaign("a", lease: 3), to: behind, timeout: .seconds(9))
        cluster.isLost = { _ in false }
        let resignation = Resignation(candidacy: CandidacyID(election: controller, candidate: Bytes("a".utf8)))
        let mail = cluster.mail
        cluster.mail = []
        _ = cluster.ask(.write(Proposal(command: .resign(resignation))), at: leader)
        cluster.cutOff = [behind]
        _ = cluster.ask(campaign("a", ttl: .seconds(30), lease: 2), at: leader)
        cluster.cutOff = []
        cluster.now = cluster.now + .milliseconds(30)
        cluster.mail += mail
        cluster.settle()
        cluster.run(for: .seconds(1))
        let result = cluster.replies[request]?.candidacy
        #expect(result?.grant?.id == LeaseID(2))
        #expect(result.map { $0.grant?.remaining == $0.grant?.ttl } == true)
    }

    @Test func theLeaseOfACandidacyIsNotResetWhenTheCoreElects() {
        var cluster = TestReplicas(3)
        let old = cluster.waitForLeader()
        _ = cluster.ask(campaign("a", ttl: .seconds(8), lease: 1), at: old)
        _ = cluster.ask(campaign("b", ttl: .seconds(60), lease: 2), at: old)
        cluster.run(for: .seconds(5))
        cluster.cutOff = [old]
        let next = cluster.waitForLeader()
        let since = cluster.now
        while cluster.store(next).summary(of: controller).leader?.candidate == Bytes("a".utf8) {
            cluster.run(for: .milliseconds(20))
            #expect(cluster.now - since < .seconds(4))
            guard cluster.now - since < .seconds(9) else { return }
        }
        #expect(cluster.store(next).summary(of: controller).leader?.candidate == Bytes("b".utf8))
    }

    // MARK: Watches

    @Test func anObservationBeginsWithWhoLeadsAndTellsEachChangeOnce() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        _ = cluster.ask(campaign("a", ttl: .seconds(1), lease: 1), at: leader)
        guard case .observing(let newest?, _) = cluster.ask(.observe(WatchID(1), controller, after: nil), at: follower)
        else {
            Issue.record("the observation did not open")
            return
        }
        #expect(newest.leader?.candidate == Bytes("a".utf8))
        _ = cluster.ask(campaign("b", lease: 2), at: leader)
        cluster.run(for: .seconds(2))
        let changes = cluster.changes[WatchID(1), default: []]
        #expect(changes.map(\.leader?.candidate) == [Bytes("b".utf8)])
        #expect(changes.map(\.ended?.end?.reason) == [.expired])
        // Another node goes on where this one was.
        guard case .observing(nil, _) = cluster.ask(.observe(WatchID(2), controller, after: newest.fence), at: leader)
        else {
            Issue.record("the observation did not resume")
            return
        }
        cluster.run(for: .milliseconds(50))
        #expect(cluster.changes[WatchID(2), default: []] == changes)
    }

    /// Found by the simulator (seed 22 when it was written).
    @Test func anObservationResumesAtANodeThatIsBehind() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let behind = cluster.ids.first { $0 != leader }!
        cluster.cutOff = [behind]
        _ = cluster.ask(campaign("a", ttl: .seconds(1), lease: 1), at: leader)
        _ = cluster.ask(campaign("b", lease: 2), at: leader)
        let told = cluster.store(leader).summary(of: controller).fence
        _ = cluster.ask(.observe(WatchID(1), controller, after: told), at: behind)
        #expect(cluster.ended[WatchID(1)] == nil)
        cluster.cutOff = []
        cluster.mail = []
        cluster.run(for: .seconds(4))
        #expect(cluster.changes[WatchID(1), default: []].map(\.leader?.candidate) == [Bytes("b".utf8)])
    }

    @Test func aPausedObservationMissesNothing() {
        var cluster = TestReplicas(1)
        let leader = cluster.waitForLeader()
        _ = cluster.ask(.observe(WatchID(1), controller, after: nil), at: leader)
        cluster.handle(.pauseWatch(WatchID(1)), at: leader)
        for (number, id) in ["a", "b", "c"].enumerated() {
            _ = cluster.ask(
                campaign(id, ttl: .milliseconds(100 + Int64(number) * 100), lease: UInt64(number) + 1), at: leader)
        }
        cluster.run(for: .seconds(1))
        #expect(cluster.changes[WatchID(1)] == nil)
        cluster.handle(.resumeWatch(WatchID(1)), at: leader)
        cluster.run(for: .milliseconds(20))
        let fences = cluster.changes[WatchID(1), default: []].map(\.fence)
        #expect(fences.count == 4 && fences == fences.sorted())
        _ = cluster.ask(campaign("d", lease: 9), at: leader)
        #expect(cluster.changes[WatchID(1)]?.count == 5)
    }

    // MARK: Contenders

    @Test func tenThousandContendersCostOneEntry() {
        var cluster = TestReplicas(1)
        let leader = cluster.waitForLeader()
        let before = cluster.replicas[leader]!.raft.log.lastIndex
        let inputs: [Input] = (0..<10_000).map { number in
            .request(RequestID(50_000 + number), create("controller", "n\(number)"), timeout: .seconds(5))
        }
        cluster.handle(inputs, at: leader)
        cluster.settle()
        cluster.run(for: .milliseconds(50))
        #expect(cluster.replicas[leader]!.raft.log.lastIndex == before.next)
        let replies = (0..<10_000).compactMap { cluster.replies[RequestID(50_000 + $0)] }
        let holders = replies.compactMap(\.holder)
        #expect(replies.count == 10_000 && holders.count == 9_999)
        #expect(Set(holders.map(\.value)) == [Bytes("n0".utf8)])
    }

    @Test func aFollowersContendersCostOneEntryToo() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        let before = cluster.replicas[leader]!.raft.log.lastIndex
        let requests = (0..<50).map { cluster.send(create("controller", "n\($0)"), to: follower) }
        cluster.settle()
        cluster.run(for: .milliseconds(200))
        #expect(cluster.replicas[leader]!.raft.log.lastIndex == before.next)
        #expect(requests.count { cluster.replies[$0]?.holder != nil } == 49)
    }

    @Test func whoWaitsForAContenderThatHangsUpHasItsOwnTurn() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        cluster.isLost = { if case .forward = $0 { true } else { false } }
        let first = cluster.send(create("controller", "n1"), to: follower)
        let second = cluster.send(create("controller", "n2"), to: follower)
        cluster.settle()
        cluster.isLost = { _ in false }
        cluster.handle(.abandoned(first), at: follower)
        cluster.settle()
        cluster.run(for: .milliseconds(100))
        #expect(cluster.replies[second]?.isWritten == true)
        #expect(cluster.value("controller", at: leader) == "n2")
    }

    @Test func aLoserIsNotAnsweredFromAMemoryThatIsBehind() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        cluster.put("controller", "old", at: leader)
        cluster.run(for: .milliseconds(100))
        let stale = cluster.ids.first { $0 != leader }!
        cluster.cutOff = [stale]
        _ = cluster.ask(
            .write(Proposal(command: .delete(Delete(selection: .key(Bytes("controller".utf8)))))), at: leader)
        let request = cluster.send(create("controller", "new"), to: stale, timeout: .seconds(30))
        #expect(cluster.replies[request] == nil)
        cluster.cutOff = []
        cluster.mail = []
        cluster.run(for: .seconds(3))
        #expect(cluster.replies[request]?.holder == nil)
        #expect(cluster.value("controller", at: leader) == "new")
    }
}
