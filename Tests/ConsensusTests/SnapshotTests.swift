import Primitives
import Testing

@testable import Consensus

@Suite struct SnapshotTests {
    /// A leader at index 12 whose log begins after 10, and a member that has only the first entry.
    private func laggingCluster() -> (TestCluster, leader: NodeID, behind: NodeID, position: SnapshotPosition) {
        var cluster = TestCluster(3)
        let (leader, behind) = (cluster.ids[0], cluster.ids[1])
        cluster.cutOff = [behind]
        cluster.elect(leader)
        for number in 0..<10 { cluster.propose("\(number)", at: leader) }
        cluster.settle()
        cluster.with(leader) { raft, _, _ in #expect(raft.compactLog(through: LogIndex(10)) != nil) }
        cluster.cutOff = []
        cluster.mail = []
        cluster.run(for: .milliseconds(100))
        let position = cluster.raft(leader).position(at: LogIndex(12), time: .zero)!
        return (cluster, leader, behind, position)
    }

    private func send(
        _ cluster: inout TestCluster, _ number: UInt64, isLast: Bool, of position: SnapshotPosition, to peer: NodeID
    ) {
        cluster.with(cluster.leaders[0]) {
            $0.sendSnapshotChunk((number, [UInt8(number)], isLast), of: position, to: peer, now: $1, into: &$2)
        }
        cluster.settle()
    }

    @Test func aMemberBehindTheLogGetsASnapshotInPieces() {
        var (cluster, leader, behind, position) = laggingCluster()
        #expect(cluster.wantedChunks[leader]!.contains { $0 == (behind, 0) })
        send(&cluster, 0, isLast: false, of: position, to: behind)
        #expect(cluster.wantedChunks[leader]!.last! == (behind, 1))
        send(&cluster, 1, isLast: true, of: position, to: behind)
        #expect(cluster.receivedSnapshots[behind] == position)
        cluster.with(behind) { $0.snapshotInstalled(at: position, now: $1, into: &$2) }
        cluster.settle()
        let index = cluster.propose("next", at: leader)!
        cluster.settle()
        cluster.run(for: .milliseconds(100))
        #expect(cluster.raft(behind).commitIndex == index)
        #expect(cluster.logs[behind]?.base == position)
    }

    @Test func aRepeatedFirstPieceDoesNotBeginTheTransferAnew() {
        var (cluster, leader, behind, position) = laggingCluster()
        send(&cluster, 0, isLast: false, of: position, to: behind)
        send(&cluster, 1, isLast: false, of: position, to: behind)
        let repeated = SnapshotChunk(
            term: cluster.raft(leader).term, position: position, number: 0, bytes: [0], isLast: false, round: 1)
        cluster.receive(behind, .snapshotChunk(repeated), from: leader)
        cluster.settle()
        send(&cluster, 2, isLast: true, of: position, to: behind)
        #expect(cluster.receivedSnapshots[behind] == position)
    }

    @Test func aTransferThatANewConnectionBeganAnewGoesOnWhereItsReceiverIs() {
        var (cluster, leader, behind, position) = laggingCluster()
        send(&cluster, 0, isLast: false, of: position, to: behind)
        send(&cluster, 1, isLast: false, of: position, to: behind)
        cluster.with(leader) { raft, _, _ in raft.connected(behind) }
        cluster.run(for: .milliseconds(100))
        #expect(cluster.raft(leader).snapshotPosition(for: behind) == nil)
        send(&cluster, 0, isLast: false, of: position, to: behind)
        #expect(cluster.wantedChunks[leader]!.last! == (behind, 2))
        send(&cluster, 2, isLast: true, of: position, to: behind)
        #expect(cluster.receivedSnapshots[behind] == position)
    }

    @Test func aMemberThatInstallsASnapshotWantsAnotherOneFromItsBeginning() {
        var (cluster, leader, behind, position) = laggingCluster()
        for number in 0..<3 { send(&cluster, UInt64(number), isLast: number == 2, of: position, to: behind) }
        #expect(cluster.receivedSnapshots[behind] == position)
        let index = cluster.propose("later", at: leader)!
        cluster.settle()
        cluster.with(leader) { raft, _, _ in raft.connected(behind) }
        cluster.run(for: .milliseconds(100))
        cluster.wantedChunks[leader] = []
        let later = cluster.raft(leader).position(at: index, time: .zero)!
        send(&cluster, 0, isLast: false, of: later, to: behind)
        #expect(cluster.raft(leader).snapshotPosition(for: behind) == later)
        cluster.run(for: Settings().resend * 2)
        #expect(cluster.wantedChunks[leader]!.contains { $0 == (behind, 0) })
        #expect(!cluster.wantedChunks[leader]!.contains { $0.1 > 0 })
    }

    @Test func aReceiverThatRestartsGetsTheSnapshotFromItsBeginning() {
        var (cluster, leader, behind, position) = laggingCluster()
        send(&cluster, 0, isLast: false, of: position, to: behind)
        cluster.restart(behind)
        cluster.wantedChunks[leader] = []
        send(&cluster, 1, isLast: true, of: position, to: behind)
        #expect(cluster.receivedSnapshots[behind] == nil)
        #expect(cluster.wantedChunks[leader]!.contains { $0 == (behind, 0) })
        #expect(cluster.raft(leader).snapshotPosition(for: behind) == nil)
    }

    @Test func aStateThatWasInstalledWithoutItsLogIsGoneOnFrom() {
        var cluster = TestCluster(3)
        let position = SnapshotPosition(
            index: LogIndex(40), term: Term(3), time: ClusterTime(nanoseconds: 7), configuration: cluster.configuration)
        cluster.start(
            cluster.ids[0], from: log(ofTerms: [1, 1, 2], configuration: cluster.configuration), state: position)
        let raft = cluster.raft(cluster.ids[0])
        #expect(raft.log.baseIndex == LogIndex(40) && raft.log.lastIndex == LogIndex(40))
        #expect(raft.commitIndex == LogIndex(40))
        #expect(cluster.logs[cluster.ids[0]]?.base == position)
    }

    @Test func theLogIsKeptForASnapshotUnderWay() {
        var (cluster, leader, behind, position) = laggingCluster()
        send(&cluster, 0, isLast: false, of: position, to: behind)
        for number in 0..<10 { cluster.propose("more \(number)", at: leader) }
        cluster.settle()
        cluster.with(leader) { raft, _, _ in _ = raft.compactLog(through: LogIndex(20)) }
        #expect(cluster.raft(leader).log.baseIndex == position.index)
    }

    @Test func aSnapshotFromBeforeTheLogsBaseIsTurnedDown() {
        var (cluster, leader, behind, position) = laggingCluster()
        send(&cluster, 0, isLast: true, of: position, to: behind)
        cluster.with(behind) { $0.snapshotInstalled(at: position, now: $1, into: &$2) }
        cluster.with(behind) { raft, _, _ in raft.needsSnapshot = true }
        cluster.receivedSnapshots = [:]
        var old = position
        old.index = LogIndex(5)
        let chunk = SnapshotChunk(
            term: cluster.raft(leader).term, position: old, number: 0, bytes: [], isLast: true, round: 1)
        cluster.mail = []
        cluster.receive(behind, .snapshotChunk(chunk), from: leader)
        #expect(cluster.receivedSnapshots.isEmpty)
        #expect(
            cluster.mail.contains {
                $0.message
                    == .snapshotReply(
                        SnapshotReply(term: chunk.term, index: LogIndex(5), next: 0, round: 1))
            })
    }
}
