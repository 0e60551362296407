import Consensus
import KeyValue
import Primitives
import Testing

@testable import ReplicaCore

@Suite struct RequestTests {
    @Test func aWriteOnAFollowerIsHandedToTheLeaderAndAnsweredByTheFollower() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        #expect(cluster.put("a", "1", at: follower)?.isWritten == true)
        cluster.run(for: .milliseconds(100))
        #expect(cluster.ids.allSatisfy { cluster.value("a", at: $0) == "1" })
    }

    /// What the leader hears of the follower's disk is not on the way of the answer.
    @Test func aWriteOnAFollowerIsAnsweredByItsOwnDiskAndTheLeaders() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        cluster.isLost = { if case .consensus(.appendReply) = $0 { true } else { false } }
        let request = cluster.send(put("a", "1"), to: follower)
        cluster.settle()
        #expect(cluster.replies[request]?.isWritten == true)
        #expect(cluster.value("a", at: leader) == nil)
        // A linearizable read at the leader waits until it knows, too.
        let read = cluster.send(
            .read(.range(RangeQuery(selection: .key(Bytes("a".utf8)))), .linearizable), to: leader)
        cluster.settle()
        #expect(cluster.replies[read] == nil)
        cluster.isLost = { _ in false }
        cluster.run(for: .milliseconds(200))
        guard case .read(.range(let page), _) = cluster.replies[read] else {
            Issue.record("the read is answered")
            return
        }
        #expect(page.records.map(\.value) == [Bytes("1".utf8)])
    }

    @Test func aWriteWithoutALeaderWaitsForOne() {
        var cluster = TestReplicas(3)
        let request = cluster.send(put("a", "1"), to: cluster.ids[0])
        #expect(cluster.replies[request] == nil)
        cluster.waitForLeader()
        cluster.run(for: .milliseconds(100))
        #expect(cluster.replies[request]?.isWritten == true)
    }

    @Test func aWriteThatNoLeaderEverSawIsRefusedForCertain() {
        var cluster = TestReplicas(3)
        cluster.cutOff = Set(cluster.ids)
        let request = cluster.send(put("a", "1"), to: cluster.ids[0], timeout: .milliseconds(100))
        cluster.run(for: .milliseconds(150))
        #expect(cluster.replies[request]?.refusal == .noLeader)
        #expect(cluster.replicas[cluster.ids[0]]!.queue.isEmpty)
    }

    @Test func aWriteThatWasHandedOverAndNotAnsweredIsUnknown() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        cluster.isLost = { if case .forward = $0 { true } else { false } }
        let request = cluster.send(put("a", "1"), to: follower, timeout: .milliseconds(100))
        cluster.run(for: .milliseconds(150))
        #expect(cluster.replies[request]?.refusal == .timeout)
        #expect(cluster.replicas[follower]!.waiters.isEmpty)
    }

    @Test func aWriteThatALeaderLostWithItsOfficeIsTriedAgainAndAppliedOnce() {
        var cluster = TestReplicas(3)
        let old = cluster.waitForLeader()
        cluster.put("a", "0", at: old)
        cluster.cutOff = [old]
        let request = cluster.send(put("a", "1"), to: old, timeout: .seconds(30))
        let next = cluster.waitForLeader()
        #expect(next != old)
        #expect(cluster.replies[request] == nil)
        cluster.cutOff = []
        cluster.mail = []
        cluster.run(for: .seconds(1))
        #expect(cluster.replies[request]?.isWritten == true)
        guard case .range(let page) = cluster.store(next).query(.range(RangeQuery(selection: .key(Bytes("a".utf8)))))
        else {
            Issue.record("no answer")
            return
        }
        #expect(page.records.map(\.version) == [2])
    }

    @Test func aForwardIsNotTakenInAnotherTermThanItWasSentIn() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        let proposal = Proposal(command: .put(Put(key: [1], value: [2]))).encoded()
        let item = Forward.Item(origin: Origin(node: follower, number: 77), content: .proposal(proposal))
        let before = cluster.replicas[leader]!.raft.log.lastIndex
        let stale = Forward(term: Term(cluster.replicas[leader]!.raft.term.rawValue - 1), items: [item])
        cluster.handle(.received(.forward(stale), from: follower), at: leader)
        #expect(cluster.replicas[leader]!.raft.log.lastIndex == before)
        #expect(
            cluster.mail.contains { sent in
                if case .forwardRefused(let refused) = sent.message { refused.origins == [item.origin] } else { false }
            })
    }

    @Test func aLeaderThatTurnsForwardsDownIsNotAskedAgainWithEveryRoundTrip() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        cluster.handle(.handOver(to: nil), at: leader)
        cluster.isLost = { if case .consensus = $0 { true } else { false } }
        cluster.mail = []
        cluster.send(put("a", "1"), to: follower)
        cluster.settle()
        #expect(cluster.mail.isEmpty)
        #expect(cluster.replicas[follower]!.queue.count == 1)
        #expect(cluster.replicas[follower]!.nextDeadline(at: cluster.now) > cluster.now)
        cluster.isLost = { _ in false }
        cluster.run(for: .seconds(2))
        #expect(cluster.replicas[follower]!.queue.isEmpty)
    }

    @Test func renewalsOfAllNodesShareOneEntry() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        for number in 1...3 {
            _ = cluster.ask(
                .write(Proposal(command: .grantLease(LeaseID(UInt64(number)), ttl: .seconds(60)))), at: leader)
        }
        let before = cluster.replicas[leader]!.raft.log.lastIndex
        let inputs: [Input] = (1...3).map {
            .request(RequestID(1000 + UInt64($0)), .renew([LeaseID(UInt64($0))]), timeout: .seconds(1))
        }
        cluster.handle(inputs, at: leader)
        cluster.settle()
        #expect(cluster.replicas[leader]!.raft.log.lastIndex == before.next)
        for number in 1001...1003 as ClosedRange<UInt64> {
            guard case .renewed(let grants, _) = cluster.replies[RequestID(number)] else {
                Issue.record("renewal \(number) was not answered")
                continue
            }
            #expect(grants.count == 1 && grants[0]?.remaining == .seconds(60))
        }
    }

    @Test func moreRenewalsThanAnEntryTakesShareAFew() {
        var batches = RenewalBatches<Int>()
        let leases = (1...UInt64(Limits.renewalsPerRequest)).map { LeaseID($0) }
        for number in 0..<20 { batches.add(leases, for: number) }
        #expect(batches.batches.count == 2)
        #expect(batches.batches.allSatisfy { $0.leases.count <= Limits.renewalsPerEntry })
        #expect(batches.batches.flatMap(\.waiting) == Array(0..<20))
    }

    @Test func anExpiryLosesAgainstARenewalThatWasOrderedBefore() {
        var cluster = TestReplicas(1)
        let leader = cluster.waitForLeader()
        _ = cluster.ask(.write(Proposal(command: .grantLease(LeaseID(7), ttl: .milliseconds(500)))), at: leader)
        cluster.now = cluster.now + .milliseconds(600)
        // The renewal and the tick that finds the lease due are of one batch.
        let renewal = RequestID(5000)
        cluster.handle([.request(renewal, .renew([LeaseID(7)]), timeout: .seconds(1)), .tick], at: leader)
        cluster.run(for: .milliseconds(100))
        guard case .renewed(let grants, _) = cluster.replies[renewal] else {
            Issue.record("the renewal was not answered")
            return
        }
        #expect(grants.first??.remaining == .milliseconds(500))
        #expect(cluster.store(leader).leaseCount == 1)
        cluster.run(for: .milliseconds(500))
        #expect(cluster.store(leader).leaseCount == 0)
    }

    /// Leases that end 100 ms from now.
    private func grantTogether(_ count: Int, at leader: NodeID, in cluster: inout TestReplicas) {
        let grants: [Input] = (1...UInt64(count)).map {
            .request(
                RequestID(1_000_000 + $0), .write(Proposal(command: .grantLease(LeaseID($0), ttl: .milliseconds(100)))),
                timeout: .seconds(1))
        }
        cluster.handle(grants, at: leader)
        cluster.settle()
    }

    @Test func leasesThatEndTogetherLeaveRoomForOthersBetweenTheirEntries() throws {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let count = 2 * Limits.expiriesPerEntry + 1
        grantTogether(count, at: leader, in: &cluster)
        let before = cluster.replicas[leader]!.raft.log.lastIndex
        cluster.now = cluster.now + .milliseconds(100)
        cluster.handle(.tick, at: leader)
        cluster.send(put("a", "1"), to: leader)
        cluster.run(for: .milliseconds(200))
        #expect(cluster.store(leader).leaseCount == 0)
        let log = cluster.replicas[leader]!.raft.log
        var commands: [String] = []
        var index = before.next
        while index <= log.lastIndex {
            if case .command(let bytes) = log[index].payload {
                switch try LoggedCommand.decode(bytes).1.command {
                case .expireLeases(let due, _): commands.append("expiry of \(due.count)")
                case .put: commands.append("put")
                default: commands.append("other")
                }
            }
            index = index.next
        }
        let full = "expiry of \(Limits.expiriesPerEntry)"
        #expect(commands == [full, "put", full, "expiry of 1"])
    }

    /// However long an entry takes, others get ``Limits/expiryRest`` at most; and once they have written nothing for ten times as long,
    /// the leases that are left have all of it.
    @Test func aRestIsBoundedAndEndsWithTheOthersWrites() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        grantTogether(4 * Limits.expiriesPerEntry, at: leader, in: &cluster)
        cluster.now = cluster.now + .milliseconds(100)
        cluster.handle(.tick, at: leader)
        cluster.send(put("a", "1"), to: leader)
        // A slow entry: three times that would be 60 ms.
        cluster.now = cluster.now + .milliseconds(20)
        cluster.settle()
        let wrote = cluster.now
        #expect(cluster.store(leader).leaseCount == 3 * Limits.expiriesPerEntry)
        #expect(cluster.replicas[leader]!.nextDeadline(at: cluster.now) <= wrote + Limits.expiryRest)
        // The next entry is applied while the others' last write is not long ago, the one behind it when it is.
        cluster.now = wrote + Limits.expiryRest
        cluster.handle(.tick, at: leader)
        cluster.now = wrote + Limits.expiryRest * 9
        cluster.settle()
        #expect(cluster.store(leader).leaseCount == 2 * Limits.expiriesPerEntry)
        cluster.now = wrote + Limits.expiryRest * 10
        cluster.handle(.tick, at: leader)
        cluster.now = cluster.now + .milliseconds(1)
        cluster.settle()
        #expect(cluster.store(leader).leaseCount == 0)
    }

    /// Between two entries that end leases others get three times what the first one took, and without others there is none.
    @Test(arguments: [true, false]) func leasesThatEndTogetherRestWhileOthersWrite(othersWrite: Bool) {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let count = 3 * Limits.expiriesPerEntry
        grantTogether(count, at: leader, in: &cluster)
        cluster.now = cluster.now + .milliseconds(100)
        cluster.handle(.tick, at: leader)
        if othersWrite { cluster.send(put("a", "1"), to: leader) }
        // What the entry takes.
        cluster.now = cluster.now + .milliseconds(1)
        cluster.settle()
        let left = cluster.store(leader).leaseCount
        guard othersWrite else {
            #expect(left == 0)
            return
        }
        #expect(left == 2 * Limits.expiriesPerEntry)
        #expect(cluster.replicas[leader]!.nextDeadline(at: cluster.now) <= cluster.now + .milliseconds(3))
        cluster.now = cluster.now + .microseconds(2_999)
        cluster.handle(.tick, at: leader)
        cluster.settle()
        #expect(cluster.store(leader).leaseCount == left)
        cluster.now = cluster.now + .microseconds(1)
        cluster.handle(.tick, at: leader)
        cluster.settle()
        // The next one takes no time, so that nothing rests after it.
        #expect(cluster.store(leader).leaseCount == 0)
    }

    @Test func aLeaderThatHandsOverDoesNotAskToBeCalledForADueLease() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        _ = cluster.ask(.write(Proposal(command: .grantLease(LeaseID(7), ttl: .milliseconds(100)))), at: leader)
        cluster.cutOff = Set(cluster.ids)
        cluster.handle(.handOver(to: nil), at: leader)
        cluster.now = cluster.now + .milliseconds(150)
        cluster.handle(.tick, at: leader)
        #expect(!cluster.replicas[leader]!.raft.acceptsProposals)
        #expect(cluster.replicas[leader]!.nextDeadline(at: cluster.now) > cluster.now)
    }

    @Test func readsThatEndWithoutALeaderLeaveNothingBehind() {
        var cluster = TestReplicas(3)
        cluster.cutOff = Set(cluster.ids)
        let id = cluster.ids[0]
        for _ in 0..<20 {
            cluster.send(
                .read(.range(RangeQuery(selection: .key([1]))), .linearizable), to: id, timeout: .milliseconds(50))
            cluster.run(for: .milliseconds(20))
        }
        cluster.run(for: .milliseconds(200))
        #expect(cluster.replies.count == 20)
        #expect(cluster.replicas[id]!.arrivedReads.isEmpty)
        #expect(cluster.replicas[id]!.readBatches.isEmpty)
        #expect(cluster.replicas[id]!.requests.isEmpty)
    }

    @Test func deadlinesComeUpOnceInTheirOrderAndNeverEarly() {
        var wheel = DeadlineWheel(now: .zero)
        for number in 1...100 as ClosedRange<UInt64> {
            wheel.add(RequestID(number), at: Instant(nanoseconds: Int64(number) * 7_000_000))
        }
        var seen: [RequestID] = []
        var time = Instant.zero
        while time < Instant(nanoseconds: 1_000_000_000) {
            time = time + .milliseconds(3)
            for request in wheel.due(at: time) {
                #expect(Int64(request.rawValue) * 7_000_000 <= time.nanoseconds)
                #expect(time.nanoseconds - Int64(request.rawValue) * 7_000_000 < 20_000_000)
                seen.append(request)
            }
        }
        #expect(seen == (1...100).map { RequestID($0) })
        #expect(wheel.nextDeadline == .distantFuture)
    }
}
