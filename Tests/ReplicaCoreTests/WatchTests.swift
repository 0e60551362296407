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

    @Test func watchesThatBeginInTheFutureKeepNobodyFromTheirTurn() {
        var (cluster, id) = cluster()
        for number in 1...3 { cluster.put("k\(number)", at: id) }
        let selections = [KeySelection.prefix(Bytes("k".utf8))]
        for number in 0..<UInt64(Limits.watchTurn) {
            let wanted = WatchRequest(selections: selections, start: .after(Revision(1_000)))
            cluster.send(.watch(WatchID(100 + number), wanted), to: id)
        }
        _ = open(&cluster, .after(Revision(2)))
        cluster.run(for: .milliseconds(100))
        #expect(revisions(cluster) == [3, 4])
    }

    @Test func aWatchThatIsClosedBeforeItIsOpenStaysClosed() {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let other = cluster.ids.first { $0 != leader }!
        let election = ElectionID(kind: .election, name: Bytes("e".utf8))
        cluster.cutOff = [other]
        let requests = [
            cluster.send(.watch(watch, WatchRequest(selections: [.key([1])], start: .now)), to: other),
            cluster.send(.observe(WatchID(2), election, after: nil), to: other),
        ]
        cluster.handle([.closeWatch(watch), .closeWatch(WatchID(2))], at: other)
        cluster.cutOff = []
        cluster.run(for: .seconds(2))
        #expect(cluster.replicas[other]!.isReady)
        #expect(cluster.replicas[other]!.status(at: cluster.now).watches == 0)
        #expect(requests.allSatisfy { cluster.replies[$0]?.refusal != nil })
    }

    /// How long it takes to close so many watches that were opened together, each.
    private func closing(_ count: UInt64, _ open: (WatchID) -> ClientRequest) -> Duration {
        var (cluster, id) = cluster()
        cluster.put("k", at: id)
        let inputs = (1...count).map { Input.request(RequestID(10_000 + $0), open(WatchID($0)), timeout: .seconds(5)) }
        var out = Outbox()
        for input in inputs { cluster.replicas[id]!.handle(input, at: cluster.now, into: &out) }
        let ids = (1...count).map { WatchID($0) }.shuffled()
        let time = ContinuousClock().measure {
            for watch in ids { cluster.replicas[id]!.handle(.closeWatch(watch), at: cluster.now, into: &out) }
        }
        #expect(cluster.replicas[id]!.status(at: cluster.now).watches == 0)
        return time / Int(count)
    }

    @Test func closingOneOfTenThousandCostsWhatOneOfAThousandDoes() {
        let election = ElectionID(kind: .election, name: Bytes("e".utf8))
        let kinds: [(WatchID) -> ClientRequest] = [
            { .observe($0, election, after: .zero) },
            { .watch($0, WatchRequest(selections: [.key(Bytes("k".utf8))], start: .after(Revision(1)))) },
            { .watch($0, WatchRequest(selections: [.key(Bytes("k".utf8))], start: .after(Revision(2)))) },
        ]
        for open in kinds {
            // The least of several, because the machine does other things as well.
            let few = (1...5).map { _ in closing(1_000, open) }.min()!
            let many = (1...5).map { _ in closing(10_000, open) }.min()!
            #expect(many < few * 4, "\(few) for one of 1 000, \(many) for one of 10 000")
        }
    }
}
