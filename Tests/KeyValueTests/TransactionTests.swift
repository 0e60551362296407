import KeyValue
import Primitives
import Testing

@Suite struct TransactionTests {
    typealias Comparison = Transaction.Comparison

    @Test func allWritesOfATransactionShareOneRevisionAndTheirEventsComeInOrder() {
        var driver = Driver()
        driver.put("old")
        let applied = driver.apply(
            .transaction(
                Transaction(
                    comparisons: [], then: [put("b"), .delete(key("old")), put("a")], otherwise: [])))
        #expect(applied.events?.revision == Revision(3))
        #expect(applied.events?.events.map(\.key) == [bytes("b"), bytes("old"), bytes("a")])
        #expect(driver.store.revision == Revision(3))
        #expect(driver.record("a")?.modRevision == driver.record("b")?.modRevision)
    }

    @Test func aTransactionsReadSeesTheWritesBeforeItAndNotThoseAfter() throws {
        var driver = Driver()
        driver.put("a", "1")
        let result = try #require(
            driver.transaction(then: [
                get(key("a")), put("a", "2"), get(key("a")), .delete(key("b")), get(key("a"), at: Revision(2)),
            ]).committed)
        let values = result.results.map { result -> Bytes? in
            if case .get(let page) = result { page.records.first?.value } else { nil }
        }
        #expect(values == [bytes("1"), nil, bytes("2"), nil, bytes("1")])
    }

    @Test func theOtherBranchIsTakenWhenAComparisonFails() {
        var driver = Driver()
        driver.put("a", "1")
        let holds = Comparison(key: bytes("a"), target: .value(bytes("1")), relation: .equal)
        let fails = Comparison(key: bytes("a"), target: .version(1), relation: .greater)
        #expect(driver.transaction(if: [holds], then: [put("then")]).committed?.succeeded == true)
        #expect(
            driver.transaction(if: [holds, fails], then: [put("x")], otherwise: [put("else")]).committed?.succeeded
                == false)
        #expect(driver.record("then") != nil)
        #expect(driver.record("else") != nil)
        #expect(driver.record("x") == nil)
    }

    @Test func anAbsentKeyComparesAsZeroAndItsValueAsNothing() {
        var driver = Driver()
        func succeeds(_ target: Transaction.Target, _ relation: Transaction.Relation) -> Bool? {
            driver.transaction(
                if: [Comparison(key: bytes("none"), target: target, relation: relation)], then: []
            ).committed?.succeeded
        }
        for target in [Transaction.Target.modRevision(0), .createRevision(0), .version(0), .lease(0)] {
            #expect(succeeds(target, .equal) == true)
            #expect(succeeds(target, .greater) == false)
        }
        for relation in [Transaction.Relation.equal, .notEqual, .less, .greater] {
            #expect(succeeds(.value([]), relation) == false)
        }
    }

    @Test func aKeyWrittenTwiceIsRefusedInEitherBranch() {
        var driver = Driver()
        let twice = [put("a", "1"), put("a", "2")]
        let overlap = [Transaction.Operation.delete(prefix("a")), put("ab")]
        #expect(driver.transaction(then: twice).failure == .duplicateKey(bytes("a")))
        #expect(driver.transaction(then: overlap).failure == .duplicateKey(bytes("ab")))
        #expect(driver.transaction(then: [], otherwise: twice).failure == .duplicateKey(bytes("a")))
        #expect(driver.store.revision == .empty)
        #expect(driver.transaction(then: [put("a")], otherwise: [put("a")]).failure == nil)
    }

    @Test func aTransactionThatFailsAnywhereChangesNothing() {
        var driver = Driver()
        driver.put("a", "before")
        driver.put("a", "now")
        driver.apply(.compact(through: Revision(2)))
        let failing: [([Transaction.Operation], CommandFailure)] = [
            ([put("b", lease: .existing(LeaseID(9)))], .leaseNotFound(LeaseID(9))),
            ([get(key("a"), at: Revision(2))], .compacted(oldest: Revision(3))),
            ([get(key("a"), at: Revision(4))], .futureRevision(current: Revision(3))),
            (
                [
                    put("b", lease: .new(LeaseID(5), ttl: .seconds(1))),
                    put("c", lease: .new(LeaseID(5), ttl: .seconds(1))),
                ],
                .leaseExists(LeaseID(5))
            ),
        ]
        for (operations, failure) in failing {
            let result = driver.transaction(
                then: [put("a", "after"), .delete(key("z")), put("d", lease: .new(LeaseID(7), ttl: .seconds(1)))]
                    + operations)
            #expect(result.failure == failure)
            #expect(driver.record("a")?.value == bytes("now"))
            #expect(driver.store.leaseCount == 0)
            #expect(driver.store.revision == Revision(3))
        }
    }

    @Test func aLeaseMadeByATransactionCanBeUsedLaterInIt() throws {
        var driver = Driver()
        let result = driver.transaction(then: [
            put("a", lease: .new(LeaseID(5), ttl: .seconds(1))), put("b", lease: .existing(LeaseID(5))),
        ])
        #expect(result.failure == nil)
        guard case .lease(let status?) = driver.store.query(.lease(LeaseID(5))) else {
            Issue.record("no lease")
            return
        }
        #expect(status.keys == [bytes("a"), bytes("b")])
    }

    /// `invariants.md` 19: what a transaction may read is decided by the log alone.
    @Test func aTransactionReadsACompactedRevisionOnNoReplicaOrOnAll() throws {
        var driver = Driver()
        for number in 1...10 { driver.put("a", "\(number)") }
        driver.apply(.compact(through: Revision(6)))
        var restored = driver
        restored.store = try Store(restoring: driver.store.header, records: driver.store.records())
        for revision in 1...12 as ClosedRange<UInt64> {
            let transaction = [put("log-\(revision)"), get(key("a"), at: Revision(revision))]
            let result = driver.transaction(then: transaction)
            #expect(restored.transaction(then: transaction) == result)
            #expect((result.failure == .compacted(oldest: Revision(7))) == (revision <= 6))
            #expect(restored.store.header == driver.store.header)
        }
    }
}
