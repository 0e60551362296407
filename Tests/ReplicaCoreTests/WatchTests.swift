import Consensus
import KeyValue
import Primitives
import Testing

@testable import ReplicaCore

@Suite struct WatchTests {
    private let watch = WatchID(1)

    private func cluster(history: HistoryBounds = HistoryBounds()) -> (TestReplicas, NodeID) {
        var cluster = TestReplicas(1, history: history)
        let leader = cluster.waitForLeader()
        return (cluster, leader)
    }

    private func open(_ cluster: inout TestReplicas, _ start: WatchStart) -> ClientReply? {
        cluster.ask(
            .watch(watch, WatchRequest(selections: [.prefix(Bytes("k".utf8))], start: start)), at: cluster.ids[0])
    }

    private func revisions(_ cluster: TestReplicas) -> [UInt64] {
        cluster.deliveries[watch, default: []].map(\.revision.rawValue)
    }

    @Test func aWatchFromNowBeginsWithWhatIsThereAndGoesOnFromThere() {
        var (cluster, id) = cluster()
        cluster.put("k1", at: id)
        guard case .watching(let records, let position) = open(&cluster, .now) else {
            Issue.record("the watch did not open")
            return
        }
        #expect(records?.map(\.key) == [Bytes("k1".utf8)])
        #expect(position.revision == Revision(2))
        cluster.put("k2", at: id)
        cluster.put("other", at: id)
        cluster.put("k1", at: id)
        #expect(revisions(cluster) == [3, 5])
    }

    @Test func aWatchAfterARevisionReadsTheHistoryFirst() {
        var (cluster, id) = cluster()
        for number in 1...5 { cluster.put("k\(number)", at: id) }
        _ = open(&cluster, .after(Revision(3)))
        cluster.put("k6", at: id)
        #expect(revisions(cluster) == [4, 5, 6, 7])
    }

    @Test func aWatchAfterAFutureRevisionIsSilentUntilThen() {
        var (cluster, id) = cluster()
        _ = open(&cluster, .after(Revision(4)))
        for number in 1...5 { cluster.put("k\(number)", at: id) }
        #expect(revisions(cluster) == [5, 6])
    }

    @Test func aPausedWatchGoesOnWithoutGapOrRepetition() {
        var (cluster, id) = cluster()
        _ = open(&cluster, .now)
        cluster.put("k1", at: id)
        cluster.handle(.pauseWatch(watch), at: id)
        cluster.put("k2", at: id)
        cluster.put("k3", at: id)
        #expect(revisions(cluster) == [2])
        cluster.handle(.resumeWatch(watch), at: id)
        cluster.put("k4", at: id)
        #expect(revisions(cluster) == [2, 3, 4, 5])
    }

    @Test func pausingInTheBatchOfAWriteLosesNothing() {
        var (cluster, id) = cluster()
        _ = open(&cluster, .now)
        let write = Input.request(RequestID(900), put("k1", "1"), timeout: .seconds(1))
        cluster.handle([write, .pauseWatch(watch), .resumeWatch(watch)], at: id)
        cluster.run(for: .milliseconds(50))
        #expect(revisions(cluster) == [2])
    }

    @Test func aPausedWatchWhoseHistoryIsGoneIsTold() {
        var (cluster, id) = cluster(history: HistoryBounds(revisions: 10))
        _ = open(&cluster, .now)
        cluster.put("k", at: id)
        cluster.handle(.pauseWatch(watch), at: id)
        for number in 0..<40 { cluster.put("k\(number)", at: id) }
        cluster.handle(.resumeWatch(watch), at: id)
        cluster.run(for: .milliseconds(50))
        #expect(cluster.ended[watch] == .compacted(oldest: cluster.store(id).oldestRevision))
        #expect(revisions(cluster) == [2])
        #expect(open(&cluster, .after(Revision(2)))?.refusal == .compacted(oldest: cluster.store(id).oldestRevision))
    }

    @Test func aClosedWatchGetsNothingMore() {
        var (cluster, id) = cluster()
        _ = open(&cluster, .now)
        cluster.handle(.closeWatch(watch), at: id)
        cluster.put("k1", at: id)
        #expect(revisions(cluster).isEmpty)
        #expect(cluster.replicas[id]!.status(at: cluster.now).watches == 0)
    }
}
