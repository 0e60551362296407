import Primitives
import Testing

@testable import ReplicaCore

@Suite struct MemberReportTests {
    private static let report = MemberReport(
        role: .leader, term: Term(4), appliedIndex: LogIndex(300),
        followers: [
            MemberReport.Follower(
                node: NodeID(9), lag: 2, roundTrip: .microseconds(170), silence: .milliseconds(20),
                isReceivingSnapshot: true),
            MemberReport.Follower(
                node: NodeID(.max), lag: .max, roundTrip: nil, silence: nil, isReceivingSnapshot: false),
        ],
        clientAddress: "127.0.0.1:2379", diskSync: .microseconds(210), version: "1.2.3",
        election: .ranked, priority: 7)
    private static let barest = MemberReport(
        role: .looking, term: Term(.max), appliedIndex: .zero, clientAddress: nil, diskSync: nil, version: "")

    @Test func reportsSurviveTheirCodec() throws {
        for report in [Self.report, Self.barest] {
            #expect(try PeerMessage(decoding: PeerMessage.report(report).encoded()) == .report(report))
        }
    }

    @Test func aMutatedReportIsReadOrRefusedAndItsTimesCanBeReckonedWith() {
        var random = SeededGenerator(seed: 5)
        let bytes = PeerMessage.report(Self.report).encoded()
        var refused = 0
        for _ in 0..<20_000 {
            var mutated = bytes
            for _ in 0...Int.random(in: 0...2, using: &random) {
                mutated[Int.random(in: 0..<mutated.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { mutated.removeLast(Int.random(in: 0..<9, using: &random)) }
            guard case .report(let report) = try? PeerMessage(decoding: mutated) else {
                refused += 1
                continue
            }
            let spans = [report.diskSync] + report.followers.flatMap { [$0.roundTrip, $0.silence] }
            #expect(spans.allSatisfy { ($0 ?? .zero) + Limits.reportLifetime > .zero })
        }
        #expect((2_000..<18_000).contains(refused))
    }

    @Test func aReportThatIsTooBigOrNamesAnEternityIsRefused() throws {
        func isRefused(_ spoil: (inout MemberReport) -> Void) {
            var report = Self.report
            spoil(&report)
            #expect(throws: DecodingFailure.self) { try PeerMessage(decoding: PeerMessage.report(report).encoded()) }
        }
        isRefused { $0.clientAddress = String(repeating: "a", count: Limits.addressBytes + 1) }
        isRefused { $0.version = String(repeating: "1", count: Limits.releaseBytes + 1) }
        isRefused { $0.followers = Array(repeating: $0.followers[0], count: Limits.members + 1) }
        var eternal = PeerMessage.report(Self.report).encoded()
        // The first follower's lag, then its round trip of 170 µs, which becomes the largest number there is.
        let figures = try #require(eternal.firstRange(of: [2, 171, 1]))
        eternal.replaceSubrange(figures, with: [2] + Array(repeating: 0xFF, count: 9) + [1])
        #expect(throws: DecodingFailure.invalid("time span \(UInt64.max)")) { try PeerMessage(decoding: eternal) }
    }

    @Test func aReplicaDecidesNothingByAReport() throws {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        let other = try #require(cluster.ids.first { $0 != leader })
        let before = cluster.replicas[leader]!.status(at: cluster.now)
        var report = Self.report
        report.term = Term(.max)
        cluster.handle(.received(.report(report), from: other), at: leader)
        let after = cluster.replicas[leader]!.status(at: cluster.now)
        #expect(after.role == .leader && after.term == before.term && after.lastIndex == before.lastIndex)
    }

    @Test func aLeaderReportsHowTheOthersFollowAndAFollowerNothingOfTheKind() throws {
        var cluster = TestReplicas(3)
        let leader = cluster.waitForLeader()
        cluster.put("k", at: leader)
        cluster.run(for: .milliseconds(200))
        for id in cluster.ids {
            let report = cluster.replicas[id]!.report(
                at: cluster.now, clientAddress: "a:1", diskSync: nil, version: "1")
            #expect(report.role == (id == leader ? .leader : .follower))
            #expect(report.appliedIndex == cluster.store(leader).appliedIndex)
            #expect(Set(report.followers.map(\.node)) == (id == leader ? Set(cluster.ids).subtracting([leader]) : []))
            #expect(report.followers.allSatisfy { $0.lag == 0 && $0.roundTrip != nil && $0.silence != nil })
        }
    }
}
