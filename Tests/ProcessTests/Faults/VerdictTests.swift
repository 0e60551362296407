import ConclaveClient
import Testing

@testable import conclave

extension ProcessTests {
    /// What the fault runs are judged by, shown to find each kind of trouble.
    @Suite struct Verdicts {
        private let course = StoreCourse([
            .init(revision: 2, key: "a", value: "a1", version: 1),
            .init(revision: 3, key: "b", value: "b1", version: 1),
            .init(revision: 4, key: "a", value: "a2", version: 2), .init(revision: 5, key: "b", reason: .expired),
        ])

        private func write(
            _ key: ByteString, _ value: ByteString, _ outcome: Ledger.Write.Outcome, floor: UInt64 = 1,
            when condition: Condition = .always
        ) -> Ledger.Write {
            Ledger.Write(key: key, value: value, condition: condition, floor: floor, outcome: outcome)
        }

        private var honest: [Ledger.Write] {
            [write("a", "a1", .acknowledged(2)), write("b", "b1", .unknown), write("a", "a2", .acknowledged(4))]
        }

        @Test func aHistoryThatFitsIsFoundInOrder() {
            #expect(course.disorder() == [])
            #expect(course.contradictions(of: honest) == [])
            #expect(course.contradictions(of: honest + [write("c", "c1", .unknown), write("c", "c2", .refused)]) == [])
        }

        @Test func aLostADoubledAMisplacedAndAnUninvitedWriteAreFound() {
            #expect(course.contradictions(of: honest + [write("c", "c1", .acknowledged(6))]).count == 1)
            #expect(course.contradictions(of: Array(honest.dropLast())).count == 1)
            let misplaced = Array(honest.dropLast()) + [write("a", "a2", .acknowledged(3))]
            #expect(course.contradictions(of: misplaced).count == 1)
            let doubled = StoreCourse(course.changes + [.init(revision: 6, key: "a", value: "a1", version: 3)])
            #expect(doubled.contradictions(of: honest).count == 1)
            let refused = [write("a", "a1", .refused)] + honest.dropFirst()
            #expect(course.contradictions(of: refused).count == 1)
        }

        @Test func aWriteBeforeItsTimeAndAConditionThatDidNotHoldAreFound() {
            let early = Array(honest.dropLast()) + [write("a", "a2", .acknowledged(4), floor: 4)]
            #expect(course.contradictions(of: early).count == 1)
            let created = Array(honest.dropLast()) + [write("a", "a2", .acknowledged(4), when: .absent)]
            #expect(course.contradictions(of: created).count == 1)
            let exchanged = Array(honest.dropLast()) + [write("a", "a2", .acknowledged(4), when: .unchanged(since: 3))]
            #expect(course.contradictions(of: exchanged).count == 1)
            let sound = Array(honest.dropLast()) + [write("a", "a2", .acknowledged(4), when: .unchanged(since: 2))]
            #expect(course.contradictions(of: sound) == [])
        }

        @Test(arguments: [
            (ByteString?.some("a1"), UInt64(3), UInt64(3), 0), ("a2", 4, 2, 0), ("a1", 4, 2, 1), ("a1", 3, 4, 1),
            (nil, 3, 3, 1),
        ])
        func aReadOfWhatWasNotThereOrNoLongerIsFound(
            _ value: ByteString?, at revision: UInt64, knowing floor: UInt64, problems: Int
        ) {
            let read = Ledger.Read(
                node: "n1", life: 0, key: "a", value: value, revision: revision, floor: floor, isStale: false)
            #expect(course.contradictions(of: [read]).count == problems)
        }

        @Test func aMissedARepeatedAndAMixedUpEventAreFound() {
            var account = WatchAccount(name: "watch", start: 2, changes: Array(course.changes.dropFirst()))
            #expect(course.contradictions(of: account) == [])
            account.changes.swapAt(0, 1)
            #expect(course.contradictions(of: account).count == 1)
            account.changes = Array(course.changes.dropFirst(2))
            #expect(course.contradictions(of: account).count == 1)
            account.changes = [course.changes[1]] + course.changes.dropFirst()
            #expect(course.contradictions(of: account).count == 1)
        }

        @Test(arguments: [(Int64(900), 1), (1100, 0), (5000, 1)])
        func aLeaseThatEndsEarlyOrLateIsFound(milliseconds: Int64, problems: Int) {
            let sent = ContinuousClock.now
            let tenure = LeaseHolder.Tenure(
                key: "b", revision: 3, ttl: .seconds(1), promisedUntil: sent + .seconds(1), renewed: sent,
                lastAttempt: sent)
            let arrival = sent + .milliseconds(milliseconds)
            let account = WatchAccount(
                name: "watch", start: 1, changes: course.changes, arrivals: course.changes.map { _ in arrival })
            let verdict = LeaseVerdict(account: account, ledger: Ledger())
            #expect(verdict.problems(of: tenure).count == problems)
        }

        @Test func aPauseOfTheWholeClusterExcusesALateExpiry() async throws {
            let ledger = Ledger()
            let begin = ContinuousClock.now
            ledger.add(write("a", "1", .acknowledged(2)))
            try await Task.sleep(for: .milliseconds(60))
            ledger.add(write("a", "2", .acknowledged(3)))
            #expect(ledger.outage(in: begin...ContinuousClock.now) >= .milliseconds(60))
            ledger.rest()
            try await Task.sleep(for: .milliseconds(60))
            let calm = ContinuousClock.now
            ledger.add(write("a", "3", .acknowledged(4)))
            #expect(ledger.outage(in: calm...calm + .seconds(1)) == .zero)
        }
    }
}
