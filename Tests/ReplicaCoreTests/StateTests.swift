import KeyValue
import Primitives
import Testing

@testable import Consensus
@testable import ReplicaCore

@Suite struct StateTests {
    /// A follower that fell behind a log of four entries, after so many writes.
    private func behind(_ writes: Int) -> (TestReplicas, leader: NodeID, behind: NodeID) {
        var cluster = TestReplicas(
            3, log: LogBounds(trailingEntries: 4, snapshotChunkBytes: 300))
        let leader = cluster.waitForLeader()
        let lagging = cluster.ids.first { $0 != leader }!
        cluster.cutOff = [lagging]
        for number in 0..<writes { cluster.put("k\(number)", at: leader) }
        cluster.handle(.stateSaved(through: cluster.store(leader).appliedIndex), at: leader)
        cluster.cutOff = []
        cluster.mail = []
        return (cluster, leader, lagging)
    }

    private func install(_ cluster: inout TestReplicas, at id: NodeID) {
        for _ in 0..<200 where cluster.snapshots[id] == nil { cluster.run(for: .milliseconds(10)) }
        guard let snapshot = cluster.snapshots.removeValue(forKey: id) else { return }
        cluster.handle(.snapshotSaved(snapshot.position), at: id)
        cluster.run(for: .milliseconds(200))
    }

    @Test func aFollowerBehindTheLogGetsTheStateAndGoesOn() {
        var (cluster, leader, lagging) = behind(30)
        #expect(cluster.replicas[leader]!.raft.log.baseIndex > LogIndex(20))
        install(&cluster, at: lagging)
        cluster.put("after", at: leader)
        cluster.run(for: .milliseconds(200))
        #expect(cluster.store(lagging).header.digest == cluster.store(leader).header.digest)
        #expect(cluster.value("after", at: lagging) == "v")
        #expect(cluster.replicas[leader]!.outgoing.isEmpty)
    }

    @Test func aWishForAPieceThatASnapshotDoesNotHaveBeginsItAnew() {
        var (cluster, leader, lagging) = behind(30)
        cluster.isLost = { if case .consensus(.snapshotReply) = $0 { true } else { false } }
        cluster.run(for: .milliseconds(100))
        guard let position = cluster.replicas[leader]!.outgoing[lagging]?.position else {
            Issue.record("a follower behind the log is sent a snapshot")
            return
        }
        cluster.isLost = { _ in false }
        let wish = SnapshotReply(
            term: cluster.replicas[leader]!.raft.term, index: position.index, next: 1_000, round: 0)
        cluster.handle(.received(.consensus(.snapshotReply(wish)), from: lagging), at: leader)
        install(&cluster, at: lagging)
        #expect(cluster.store(lagging).header.digest == cluster.store(leader).header.digest)
    }

    @Test(arguments: [(1, 0), (0, 1), (0, -1)])
    func aSnapshotWhoseStateStandsElsewhereThanItSaysIsNotInstalled(terms: Int64, nanoseconds: Int64) {
        var (cluster, leader, lagging) = behind(30)
        cluster.isLost = { if case .consensus(.snapshotChunk) = $0 { true } else { false } }
        let store = cluster.store(leader)
        let configuration = cluster.replicas[leader]!.raft.configuration
        var header = store.header
        header.appliedTerm = Term(UInt64(Int64(header.appliedTerm.rawValue) + terms))
        header.time = ClusterTime(nanoseconds: header.time.nanoseconds + nanoseconds)
        var writer = ByteWriter()
        header.encode(into: &writer)
        var records = store.records()
        while let record = records.next() { record.encode(into: &writer) }
        let position = SnapshotPosition(
            index: store.appliedIndex, term: store.header.appliedTerm, time: store.time, configuration: configuration)
        let chunk = SnapshotChunk(
            term: cluster.replicas[leader]!.raft.term, position: position, number: 0, bytes: writer.bytes, isLast: true,
            round: 0)
        cluster.handle(.received(.consensus(.snapshotChunk(chunk)), from: leader), at: lagging)
        #expect(cluster.snapshots[lagging] == nil)
        #expect(cluster.notices[lagging]?.contains(.snapshotUnreadable(position.index)) == true)
    }

    @Test func aSecondSnapshotToTheSameFollowerIsANewOne() {
        var (cluster, leader, lagging) = behind(30)
        install(&cluster, at: lagging)
        let first = cluster.store(lagging).appliedIndex
        cluster.cutOff = [lagging]
        for number in 0..<30 { cluster.put("m\(number)", at: leader) }
        cluster.handle(.stateSaved(through: cluster.store(leader).appliedIndex), at: leader)
        cluster.cutOff = []
        cluster.mail = []
        install(&cluster, at: lagging)
        #expect(cluster.store(lagging).appliedIndex > first)
        #expect(cluster.store(lagging).header.digest == cluster.store(leader).header.digest)
    }

    @Test func aNodeWhoseStateDiffersFencesItselfAndTakesTheLeaders() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let follower = cluster.ids.first { $0 != leader }!
        cluster.put("a", "1", at: leader)
        cluster.run(for: .milliseconds(200))
        _ = cluster.ask(
            .watch(WatchID(1), WatchRequest(selections: [.prefix([])], start: .now)), at: follower)
        corrupt(&cluster, follower)
        cluster.put("a", "2", at: leader)
        cluster.run(for: .milliseconds(200))
        #expect(cluster.notices[follower]!.contains { if case .diverged = $0 { true } else { false } })
        #expect(cluster.replicas[follower]!.isFenced)
        guard case .stateReplaced = cluster.ended[WatchID(1)] else {
            Issue.record("a watch of a wrong state goes on")
            return
        }
        let read = cluster.ask(.read(.range(RangeQuery(selection: .key([1]))), .stale), at: follower)
        guard case .notReady = read?.refusal else {
            Issue.record("a fenced node answers \(String(describing: read))")
            return
        }
        install(&cluster, at: follower)
        #expect(!cluster.replicas[follower]!.isFenced)
        #expect(cluster.value("a", at: follower) == "2")
        #expect(cluster.store(follower).header.digest == cluster.store(leader).header.digest)
    }

    @Test func aFencedNodeThatLeadsGivesItsOfficeAway() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        cluster.replicas[leader]!.isFenced = true
        cluster.run(for: .seconds(1))
        #expect(cluster.ids.contains { $0 != leader && cluster.replicas[$0]!.raft.isLeader })
    }

    @Test func aFencedNodeKeepsTheEntriesAfterTheStateItWaitsFor() {
        var cluster = TestReplicas(1, log: LogBounds(trailingEntries: 2))
        let leader = cluster.waitForLeader()
        for number in 0..<20 { cluster.put("k\(number)", at: leader) }
        let applied = cluster.store(leader).appliedIndex
        cluster.replicas[leader]!.isFenced = true
        cluster.handle(.stateSaved(through: applied), at: leader)
        #expect(cluster.truncations == 0)
        cluster.replicas[leader]!.isFenced = false
        cluster.handle(.stateSaved(through: applied), at: leader)
        #expect(cluster.truncations == 1)
    }

    @Test func aLongLogIsCutInStepsThatKeepNobodyWaiting() {
        var cluster = TestReplicas(1, log: LogBounds(trailingEntries: 4))
        let leader = cluster.waitForLeader()
        let writes = Limits.entriesCutAtOnce * 5 / 2
        for number in 0..<writes { cluster.put("k\(number)", at: leader) }
        let applied = cluster.store(leader).appliedIndex
        cluster.handle(.stateSaved(through: applied), at: leader)
        #expect(cluster.replicas[leader]!.raft.log.baseIndex.rawValue == UInt64(Limits.entriesCutAtOnce))
        cluster.run(for: .milliseconds(500))
        #expect(cluster.replicas[leader]!.raft.log.baseIndex.rawValue == applied.rawValue - 4)
        #expect(cluster.truncations == 1)
    }

    @Test func peerMessagesSurviveTheirCodec() throws {
        let origin = Origin(node: NodeID(9), number: .max)
        let messages: [PeerMessage] = [

            .forward(
                Forward(
                    term: Term(4),
                    items: [
                        Forward.Item(origin: origin, content: .proposal([1, 2, 3])),
                        Forward.Item(origin: origin, content: .renewal([LeaseID(1), LeaseID(.max)])),
                    ])),
            .forwardRefused(ForwardRefused(term: Term(4), origins: [origin], reason: .overloaded)),
        ]
        var random = SeededGenerator(seed: 3)
        for message in messages {
            let bytes = message.encoded()
            #expect(try PeerMessage(decoding: bytes) == message)
            for _ in 0..<5_000 {
                var mutated = bytes
                mutated[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                mutated.removeLast(Int.random(in: 0..<3, using: &random))
                _ = try? PeerMessage(decoding: mutated)
            }
            #expect(throws: DecodingFailure.self) { try PeerMessage(decoding: bytes + [0]) }
        }
    }

    /// One record of a node's store becomes another.
    private func corrupt(_ cluster: inout TestReplicas, _ id: NodeID) {
        let store = cluster.store(id)
        var header = store.header
        header.digest ^= 1
        cluster.replicas[id]!.store = try! Store(restoring: header, records: store.records())
    }
}
