import KeyValue
import Primitives
import Testing

/// `invariants.md` 20.
@Suite struct IdempotencyTests {
    let first = IdempotencyKey(client: "agent-1", number: 1)

    func increment(_ value: String) -> Command { .put(Put(key: bytes("a"), value: bytes(value))) }

    @Test func aRepetitionIsAnsweredAsTheFirstWasAndChangesNothing() {
        var driver = Driver()
        let original = driver.apply(increment("1"), key: first)
        driver.put("a", "2")
        let repetition = driver.apply(increment("1"), key: first)
        #expect(repetition.repeated)
        #expect(repetition.result == original.result)
        #expect(repetition.events == nil)
        #expect(driver.record("a")?.value == bytes("2"))
        #expect(driver.store.revision == Revision(3))
        #expect(driver.store.appliedIndex == LogIndex(3))
    }

    @Test func aRepetitionDoesNotPromiseTheLeaseTimeOfTheFirstAnswerAgain() throws {
        var driver = Driver()
        let grant = Command.grantLease(LeaseID(7), ttl: .seconds(10))
        #expect(
            driver.apply(grant, key: first).result
                == .leaseGranted(LeaseGrant(id: LeaseID(7), ttl: .seconds(10), remaining: .seconds(10))))
        driver.pass(.seconds(4))
        #expect(
            driver.apply(grant, key: first).result
                == .leaseGranted(LeaseGrant(id: LeaseID(7), ttl: .seconds(10), remaining: .seconds(6))))
        driver.apply(.revokeLease(LeaseID(7)))
        #expect(
            driver.apply(grant, key: first).result
                == .leaseGranted(LeaseGrant(id: LeaseID(7), ttl: .seconds(10), remaining: .zero)))
    }

    @Test func aFailureIsRememberedToo() {
        var driver = Driver()
        driver.put("a", "held")
        let create = Command.put(Put(key: bytes("a"), value: [], precondition: .absent))
        let refused = driver.apply(create, key: first).result
        driver.delete(key("a"))
        #expect(driver.apply(create, key: first).result == refused)
        #expect(driver.record("a") == nil)
    }

    @Test func aRefusalForLackOfRoomIsNotRememberedSoThatARetryMaySucceed() {
        var driver = Driver(bounds: StoreBounds(storeBytes: 500))
        driver.put("big", String(repeating: "x", count: 300))
        #expect(driver.apply(increment("1"), key: first).result.failure == .quotaExceeded(limit: 500))
        driver.delete(key("big"))
        driver.apply(.compact(through: driver.store.revision))
        let retry = driver.apply(increment("1"), key: first)
        #expect(!retry.repeated)
        #expect(driver.record("a")?.value == bytes("1"))
    }

    @Test func aSnapshotCarriesWhatIsRemembered() throws {
        var driver = Driver()
        let original = driver.apply(increment("1"), key: first).result
        driver.store = try Store(restoring: driver.store.header, records: driver.store.records())
        let repetition = driver.apply(increment("1"), key: first)
        #expect(repetition.repeated)
        #expect(repetition.result == original)
        #expect(driver.store.revision == Revision(2))
    }

    @Test func theOldestIsForgottenFirst() {
        var driver = Driver(bounds: StoreBounds(rememberedRequests: 3))
        for number in 1...4 as ClosedRange<UInt64> {
            driver.apply(increment("1"), key: IdempotencyKey(client: "c", number: number))
        }
        for number in [2, 3, 4] as [UInt64] {
            #expect(driver.apply(increment("1"), key: IdempotencyKey(client: "c", number: number)).repeated)
        }
        #expect(!driver.apply(increment("1"), key: IdempotencyKey(client: "c", number: 1)).repeated)
    }

    @Test func whatIsForgottenIsRemovedFromTheTableOnlyIfItWasEverThere() {
        var driver = Driver(bounds: StoreBounds(rememberedRequests: 2))
        driver.apply(increment("1"), key: IdempotencyKey(client: "c", number: 1))
        #expect(driver.store.takeDelta()?.removedRequests == [])
        for number in 2...4 as ClosedRange<UInt64> {
            driver.apply(increment("1"), key: IdempotencyKey(client: "c", number: number))
        }
        let delta = driver.store.takeDelta()
        #expect(delta?.removedRequests == [1])
        let orders = delta?.upserts.compactMap { record in
            if case .remembered(let request) = record { request.order } else { nil }
        }
        #expect(orders == [3, 4])
    }

    @Test func rememberedResultsAreBoundedInBytes() {
        var driver = Driver(bounds: StoreBounds(rememberedBytes: 20_000))
        driver.put("a", String(repeating: "x", count: 9_000))
        let read = Command.transaction(Transaction(comparisons: [], then: [get(key("a"))], otherwise: []))
        for number in 1...3 as ClosedRange<UInt64> {
            driver.apply(read, key: IdempotencyKey(client: "c", number: number))
        }
        #expect(driver.apply(read, key: IdempotencyKey(client: "c", number: 3)).repeated)
        #expect(driver.apply(read, key: IdempotencyKey(client: "c", number: 2)).repeated)
        #expect(!driver.apply(read, key: IdempotencyKey(client: "c", number: 1)).repeated)
    }

    @Test func aLargeValueThatTheRequestItselfWroteIsLeftOutOfTheRepeatedAnswer() {
        var driver = Driver()
        let large = String(repeating: "x", count: Limits.rememberedValueBytes + 1)
        let original = driver.apply(increment(large), key: first).result.written
        let repetition = driver.apply(increment(large), key: first).result.written
        #expect(original?.record.value.isEmpty == false)
        #expect(repetition?.record.value == [])
        #expect(repetition?.record.modRevision == original?.record.modRevision)
    }
}
