@testable import Consensus
import Primitives
import ReplicaCore
import Testing

@testable import Node

@Suite("News of the commit index that wait for entries to go with")
struct HeldNewsTests {
    private let n2 = NodeID(name: "n2")
    private let n3 = NodeID(name: "n3")

    private func append(_ entries: Int = 0, urgent: Bool = false) -> PeerMessage {
        let entries = (0..<entries).map {
            Entry(index: LogIndex(UInt64($0) + 1), term: Term(1), time: .zero, payload: .noop)
        }
        return .consensus(
            .append(
                Append(
                    term: Term(1), previousIndex: .zero, previousTerm: .zero, entries: entries, commit: .zero, round: 1,
                    roundIsUrgent: urgent, time: .zero, digestIndex: .zero, digest: 0)))
    }

    @Test func areReplacedByTheNextAppendToTheSameMember() {
        var news = HeldNews()
        var sends = [(to: n2, message: append()), (to: n3, message: append())]
        news.hold(&sends)
        #expect(sends.isEmpty)
        let before = news.take(before: [(to: n2, message: append(1))])
        #expect(before.map(\.to) == [n3])
        #expect(news.take(before: []).isEmpty)
    }

    @Test func goOutByThemselvesWhenNothingFollows() {
        var news = HeldNews()
        var sends = [(to: n2, message: append())]
        news.hold(&sends)
        #expect(news.take(before: []).map(\.to) == [n2])
    }

    @Test func areNotWaitedWithWhenAnotherMessageIsAmongThem() {
        for other in [append(1), append(urgent: true), .consensus(.campaignNow(CampaignNow(term: Term(1))))] {
            var news = HeldNews()
            var sends = [(to: n2, message: append()), (to: n3, message: other)]
            news.hold(&sends)
            #expect(sends.count == 2)
            #expect(news.take(before: []).isEmpty)
        }
    }
}
