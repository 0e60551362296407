import KeyValue
import Primitives
import Testing

@Suite struct WriteTests {
    @Test func anEmptyStoreIsAtRevisionOneAndTheFirstWriteTakesTheNext() {
        var driver = Driver()
        #expect(driver.store.revision == Revision(1))
        driver.put("a")
        #expect(driver.store.revision == Revision(2))
    }

    @Test func aKeyCountsItsVersionsFromOneAndKeepsItsCreateRevisionUntilItIsDeleted() {
        var driver = Driver()
        driver.put("a", "x")
        driver.put("a", "y")
        #expect(
            driver.record("a")
                == KeyRecord(
                    key: bytes("a"), value: bytes("y"), createRevision: Revision(2), modRevision: Revision(3),
                    version: 2, lease: nil))
        driver.delete(key("a"))
        driver.put("a", "z")
        #expect(driver.record("a")?.version == 1)
        #expect(driver.record("a")?.createRevision == Revision(5))
    }

    @Test func ofManyWhoCreateAKeyIfItIsAbsentExactlyOneDoesAndTheOthersLearnWho() {
        var driver = Driver()
        var winners = 0
        for contender in 1...20 {
            let result = driver.put("controller", "node-\(contender)", if: .absent)
            if result.written?.created == true { winners += 1 }
            if contender > 1 {
                #expect(result.failure == .preconditionFailed(holder: driver.record("controller")))
            }
        }
        #expect(winners == 1)
        #expect(driver.record("controller")?.value == bytes("node-1"))
    }

    @Test func aWriteIfUnchangedFailsOnceTheKeyHasChangedAndWhenItIsAbsent() {
        var driver = Driver()
        #expect(driver.put("a", if: .unchanged(since: Revision(1))).failure == .preconditionFailed(holder: nil))
        driver.put("a", "1")
        #expect(driver.put("a", "2", if: .unchanged(since: Revision(2))).written?.record.version == 2)
        #expect(
            driver.put("a", "3", if: .unchanged(since: Revision(2))).failure
                == .preconditionFailed(holder: driver.record("a")))
        #expect(driver.delete(key("a"), if: .unchanged(since: Revision(2))).failure != nil)
        #expect(
            driver.delete(key("a"), if: .unchanged(since: Revision(3))) == .deleted(count: 1, revision: Revision(4)))
    }

    @Test func aWriteThatChangesNothingTakesNoRevision() {
        var driver = Driver()
        driver.put("a")
        let revision = driver.store.revision
        #expect(driver.delete(key("missing")) == .deleted(count: 0, revision: revision))
        #expect(driver.delete(prefix("missing")) == .deleted(count: 0, revision: revision))
        driver.put("a", if: .absent)
        driver.transaction(then: [get(key("a"))])
        driver.apply(.grantLease(LeaseID(1), ttl: .seconds(1)))
        #expect(driver.apply(.revokeLease(LeaseID(1))).events == nil)
        #expect(driver.store.revision == revision)
    }

    @Test func aRangeIsDeletedInOneRevisionInKeyOrder() {
        var driver = Driver()
        for name in ["b/2", "a", "b/1", "c"] { driver.put(name) }
        let applied = driver.apply(.delete(Delete(selection: prefix("b/"))))
        #expect(applied.result == .deleted(count: 2, revision: Revision(6)))
        #expect(applied.events?.events.map(\.key) == [bytes("b/1"), bytes("b/2")])
        #expect(applied.events?.events.map(\.reason) == [.deleted, .deleted])
        #expect(driver.store.keyCount == 2)
    }

    @Test func eventsCarryWhatTheyReplaced() throws {
        var driver = Driver()
        driver.put("a", "old")
        let old = try #require(driver.record("a"))
        driver.put("a", "new")
        let new = try #require(driver.record("a"))
        driver.delete(key("a"))
        #expect(driver.events(after: Revision(1))?.map(\.previous) == [nil, old, new])
    }

    @Test func aFullStoreRefusesWhatAddsButStillDeletesRenewsAndExpires() {
        var driver = Driver(bounds: StoreBounds(storeBytes: 2_000))
        driver.put("leased", lease: .new(LeaseID(1), ttl: .seconds(1)))
        driver.put("a", String(repeating: "x", count: 1_500))
        let full = CommandFailure.quotaExceeded(limit: 2_000)
        #expect(driver.put("b", String(repeating: "x", count: 200)).failure == full)
        #expect(driver.transaction(then: [put("b", String(repeating: "x", count: 200))]).failure == full)
        #expect(driver.record("b") == nil)
        #expect(driver.apply(.renewLeases([LeaseID(1)])).result.failure == nil)
        driver.pass(.seconds(1))
        let due = driver.store.dueLeases(at: driver.time, limit: 10)
        #expect(driver.apply(.expireLeases(due, term: driver.term)).result == .leasesExpired(leases: 1, keys: 1))
        #expect(driver.delete(key("a")) == .deleted(count: 1, revision: driver.store.revision))
        driver.apply(.compact(through: driver.store.revision))
        #expect(driver.store.storeBytes == 0)
        #expect(driver.put("b", String(repeating: "x", count: 200)).failure == nil)
    }

    @Test func aPageEndsAtItsLimitAndCountsAllTheSame() {
        var driver = Driver()
        for number in 100..<150 { driver.put("k\(number)") }
        let page = driver.page(prefix("k"), limit: 10)
        #expect(page?.records.map(\.key) == (100..<110).map { bytes("k\($0)") })
        #expect(page?.count == 50)
        #expect(page?.more == true)
        #expect(driver.page(.range(from: bytes("k140"), to: nil), limit: 10)?.more == false)
    }

    @Test func aPageEndsAtItsBytesWithMore() {
        var driver = Driver()
        let megabyte = String(repeating: "x", count: 1024 * 1024)
        for number in 10..<20 { driver.put("k\(number)", megabyte) }
        let page = driver.page(prefix("k"))
        #expect(page?.records.count == Limits.rangeBytes / (1024 * 1024 + 3))
        #expect(page?.count == 10)
        #expect(page?.more == true)
    }
}
