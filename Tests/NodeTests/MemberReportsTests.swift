import Primitives
import ReplicaCore
import Testing

@testable import Node

@Suite struct MemberReportsTests {
    private let others = [NodeID(name: "n2"), NodeID(name: "n3")]
    private let report = MemberReport(
        role: .follower, term: Term(2), appliedIndex: LogIndex(7), clientAddress: "n2:1", diskSync: nil, version: "1")
    private let start = Instant(nanoseconds: 77)

    @Test func reportsGoOutOnceAnInterval() {
        var reports = MemberReports(others: others, now: start)
        #expect(reports.recipients(term: .zero, leader: nil, at: start) == others)
        #expect(reports.recipients(term: .zero, leader: nil, at: start).isEmpty)
        #expect(reports.deadline == start + Limits.reportInterval)
        #expect(reports.recipients(term: .zero, leader: nil, at: reports.deadline) == others)
    }

    @Test func aNewLeaderTermOrConnectionIsToldAtOnce() {
        var reports = MemberReports(others: others, now: start)
        _ = reports.recipients(term: .zero, leader: nil, at: start)
        #expect(reports.recipients(term: Term(1), leader: nil, at: start) == others)
        #expect(reports.recipients(term: Term(1), leader: others[0], at: start) == others)
        #expect(reports.recipients(term: Term(1), leader: others[0], at: start).isEmpty)
        reports.connected(at: start)
        #expect(reports.recipients(term: Term(1), leader: others[0], at: start) == others)
    }

    @Test func aNodeAloneTellsNobodyAndWakesForNothing() {
        var reports = MemberReports(others: [], now: start)
        reports.connected(at: start)
        #expect(reports.recipients(term: Term(1), leader: nil, at: start).isEmpty)
        #expect(reports.deadline == .distantFuture)
    }

    @Test func whatWasHeardHoldsForAWhileAndNotWhenItsMemberIsLost() {
        var reports = MemberReports(others: others, now: start)
        #expect(reports.accounts(at: start).isEmpty)
        reports.heard(report, from: others[0], at: start)
        func holds(after span: TimeSpan) -> [Bool] { reports.accounts(at: start + span).map(\.isCurrent) }
        #expect(holds(after: .zero) == [true])
        #expect(holds(after: Limits.reportLifetime - .milliseconds(1)) == [true])
        #expect(holds(after: Limits.reportLifetime) == [false])
        #expect(reports.accounts(at: start + Limits.reportLifetime)[0].age == Limits.reportLifetime)
        reports.lost(others[0])
        #expect(holds(after: .zero) == [false])
        reports.heard(report, from: others[0], at: start)
        #expect(holds(after: .zero) == [true])
    }
}
