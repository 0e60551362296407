import KeyValue
import Primitives
import Testing

@Suite struct LeaseTests {
    let id = LeaseID(7)

    func leased(_ names: String..., ttl: TimeSpan = .seconds(3)) -> Driver {
        var driver = Driver()
        driver.apply(.grantLease(id, ttl: ttl))
        for name in names { driver.put(name, lease: .existing(id)) }
        return driver
    }

    func expire(_ driver: inout Driver) -> Applied {
        let due = driver.store.dueLeases(at: driver.time, limit: 1_000)
        return driver.apply(.expireLeases(due, term: driver.term))
    }

    @Test func aLeaseIsDueWhenItsTimeIsOverAndNotAMomentBefore() {
        var driver = leased("a")
        driver.pass(TimeSpan(nanoseconds: 2_999_999_999))
        #expect(driver.store.dueLeases(at: driver.time, limit: 10).isEmpty)
        driver.pass(TimeSpan(nanoseconds: 1))
        #expect(
            driver.store.dueLeases(at: driver.time, limit: 10) == [LeaseGeneration(lease: id, generation: 1)])
    }

    @Test func aDueLeaseStaysDueUntilItsExpiryIsApplied() {
        var driver = leased("a")
        driver.pass(.seconds(3))
        for _ in 1...3 { #expect(driver.store.dueLeases(at: driver.time, limit: 10).count == 1) }
        _ = expire(&driver)
        #expect(driver.store.dueLeases(at: driver.time, limit: 10).isEmpty)
        #expect(driver.store.leaseCount == 0)
    }

    @Test func allKeysOfAllLeasesDueTogetherGoInOneRevisionInKeyOrder() {
        var driver = leased("d", "a")
        driver.put("c", lease: .new(LeaseID(3), ttl: .seconds(1)))
        driver.put("b")
        driver.pass(.seconds(3))
        let applied = expire(&driver)
        #expect(applied.result == .leasesExpired(leases: 2, keys: 3))
        #expect(applied.events?.events.map(\.key) == [bytes("a"), bytes("c"), bytes("d")])
        #expect(applied.events?.events.allSatisfy { $0.reason == .expired } == true)
        #expect(driver.store.keyCount == 1)
    }

    @Test func aRevokedLeaseTakesItsKeysWithThatReason() {
        var driver = leased("b", "a")
        let applied = driver.apply(.revokeLease(id))
        #expect(applied.result == .leaseRevoked(id, deletedKeys: 2, revision: Revision(4)))
        #expect(applied.events?.events.map(\.key) == [bytes("a"), bytes("b")])
        #expect(applied.events?.events.allSatisfy { $0.reason == .revoked } == true)
        #expect(driver.apply(.revokeLease(id)).result.failure == .leaseNotFound(id))
    }

    /// `invariants.md` 24.
    @Test func aRenewalOrderedBeforeAnExpiryWins() {
        var driver = leased("a")
        driver.pass(.seconds(3))
        let due = driver.store.dueLeases(at: driver.time, limit: 10)
        driver.apply(.renewLeases([id]))
        let applied = driver.apply(.expireLeases(due, term: driver.term))
        #expect(applied.result == .leasesExpired(leases: 0, keys: 0))
        #expect(driver.record("a") != nil)
    }

    /// `invariants.md` 24: the leader must find the lease due again, as it is now.
    @Test func anExpiryFoundBeforeARenewalIsIgnoredEvenWhenTheLeaseIsDueOnceMore() {
        var driver = leased("a")
        driver.pass(.seconds(3))
        let due = driver.store.dueLeases(at: driver.time, limit: 10)
        driver.apply(.renewLeases([id]))
        driver.pass(.seconds(3))
        #expect(driver.apply(.expireLeases(due, term: driver.term)).result == .leasesExpired(leases: 0, keys: 0))
        #expect(expire(&driver).result == .leasesExpired(leases: 1, keys: 1))
    }

    /// `invariants.md` 24.
    @Test func anExpiryOfADeposedLeaderIsIgnored() {
        var driver = leased("a")
        driver.pass(.seconds(3))
        let due = driver.store.dueLeases(at: driver.time, limit: 10)
        let deposed = driver.term
        driver.term = driver.term.next
        #expect(driver.apply(.expireLeases(due, term: deposed)).result == .leasesExpired(leases: 0, keys: 0))
        #expect(driver.record("a") != nil)
        #expect(driver.apply(.expireLeases(due, term: driver.term)).result == .leasesExpired(leases: 1, keys: 1))
    }

    /// `invariants.md` 25.
    @Test func anExpiryAheadOfItsLeasesDeadlineIsIgnored() {
        var driver = leased("a")
        driver.pass(.milliseconds(2_999))
        let early = [LeaseGeneration(lease: id, generation: 1)]
        #expect(driver.apply(.expireLeases(early, term: driver.term)).result == .leasesExpired(leases: 0, keys: 0))
        #expect(driver.record("a") != nil)
    }

    /// `invariants.md` 25.
    @Test func timeThatRunsBackwardsInTheLogEndsNoLeaseAndShortensNone() {
        var driver = leased("a")
        driver.pass(.seconds(2))
        driver.apply(.renewLeases([id]))
        driver.time = .zero
        #expect(
            driver.apply(.renewLeases([id])).result
                == .leasesRenewed([LeaseGrant(id: id, ttl: .seconds(3), remaining: .seconds(3))]))
        driver.time = ClusterTime(nanoseconds: 4_999_999_999)
        #expect(driver.store.dueLeases(at: driver.time, limit: 10).isEmpty)
    }

    @Test func aRenewalCountsItsTTLFromItsOwnEntryAndSkipsWhatIsGone() {
        var driver = leased("a")
        driver.pass(.seconds(2))
        let grant = LeaseGrant(id: id, ttl: .seconds(3), remaining: .seconds(3))
        #expect(driver.apply(.renewLeases([LeaseID(1), id])).result == .leasesRenewed([nil, grant]))
        driver.pass(.seconds(1))
        driver.store.advance(to: driver.nextPosition)
        #expect(driver.store.lease(id)?.remaining == .seconds(2))
    }

    @Test func aReadTellsWhatIsLeftByTheTimeItIsAskedWith() {
        func left(at present: ClusterTime) -> [TimeSpan] {
            guard case .lease(let status?) = driver.store.query(.lease(id), at: present),
                case .leases(let page) = driver.store.query(.leases(from: id, limit: 1), at: present)
            else { return [] }
            return [status.grant.remaining] + page.grants.map(\.remaining)
        }
        var driver = leased("a")
        driver.pass(.seconds(1))
        driver.store.advance(to: driver.nextPosition)
        #expect(left(at: .zero) == [.seconds(2), .seconds(2)])
        #expect(left(at: driver.time + .milliseconds(1_500)) == [.milliseconds(500), .milliseconds(500)])
        #expect(left(at: driver.time + .seconds(9)) == [.zero, .zero])
    }

    @Test func writingOntoALeaseDoesNotRenewIt() {
        var driver = leased("a")
        driver.pass(.seconds(2))
        let result = driver.put("b", lease: .existing(id)).written
        #expect(result?.lease == LeaseGrant(id: id, ttl: .seconds(3), remaining: .seconds(1)))
    }

    @Test func aPutWithoutALeaseDetachesTheKeyAndOneWithAnotherMovesIt() {
        var driver = leased("a", "b", "c")
        driver.put("a")
        driver.put("b", lease: .new(LeaseID(8), ttl: .seconds(60)))
        #expect(driver.record("a")?.lease == nil)
        #expect(driver.record("b")?.lease == LeaseID(8))
        driver.pass(.seconds(3))
        #expect(expire(&driver).result == .leasesExpired(leases: 1, keys: 1))
        #expect(driver.record("a") != nil)
        #expect(driver.record("b") != nil)
        #expect(driver.record("c") == nil)
    }

    @Test func aDeletedKeyIsNoLongerAttachedEvenWhenItComesBack() {
        var driver = leased("a")
        driver.delete(key("a"))
        driver.put("a")
        driver.apply(.revokeLease(id))
        #expect(driver.record("a") != nil)
    }

    @Test func aLeaseIdIsGrantedOnceWhileItLives() {
        var driver = leased("a")
        #expect(driver.apply(.grantLease(id, ttl: .seconds(1))).result.failure == .leaseExists(id))
        #expect(driver.put("b", lease: .new(id, ttl: .seconds(1))).failure == .leaseExists(id))
        #expect(driver.put("b", lease: .existing(LeaseID(1))).failure == .leaseNotFound(LeaseID(1)))
        #expect(driver.record("b") == nil)
        driver.apply(.revokeLease(id))
        #expect(driver.apply(.grantLease(id, ttl: .seconds(1))).result.failure == nil)
    }

    @Test func noMoreLeasesThanTheBound() {
        var driver = Driver(bounds: StoreBounds(leases: 2))
        for number in 1...2 as ClosedRange<UInt64> { driver.apply(.grantLease(LeaseID(number), ttl: .seconds(1))) }
        #expect(driver.apply(.grantLease(LeaseID(3), ttl: .seconds(1))).result.failure == .tooManyLeases(limit: 2))
        #expect(driver.put("a", lease: .new(LeaseID(3), ttl: .seconds(1))).failure == .tooManyLeases(limit: 2))
        #expect(driver.apply(.renewLeases([LeaseID(1)])).result.failure == nil)
    }

    @Test func theNextDeadlineIsNeverLaterThanTheTrueOneHoweverOftenLeasesAreRenewed() {
        var driver = Driver()
        var draw = RandomCommands(seed: 5)
        var deadlines: [LeaseID: ClusterTime] = [:]
        var ttls: [LeaseID: TimeSpan] = [:]
        for _ in 1...3_000 {
            driver.pass(.milliseconds(Int64(draw.number(0...3))))
            let lease = LeaseID(UInt64(draw.number(1...40)))
            let ttl = TimeSpan.milliseconds(Int64(draw.number(5...200)))
            switch draw.number(0...5) {
            case 0:
                if driver.apply(.grantLease(lease, ttl: ttl)).result.failure == nil {
                    ttls[lease] = ttl
                    deadlines[lease] = driver.time + ttl
                }
            case 1:
                driver.apply(.revokeLease(lease))
                deadlines[lease] = nil
            default:
                driver.apply(.renewLeases([lease]))
                if deadlines[lease] != nil, let ttl = ttls[lease] { deadlines[lease] = driver.time + ttl }
            }
            if let earliest = deadlines.values.min() {
                #expect((driver.store.nextLeaseDeadline ?? .init(nanoseconds: .max)) <= earliest)
            }
            let due = driver.store.dueLeases(at: driver.time, limit: 100)
            #expect(Set(due.map(\.lease)) == Set(deadlines.filter { $0.value <= driver.time }.keys))
            #expect(due.count == Set(due.map(\.lease)).count)
        }
    }

    @Test func dueLeasesAreCountedWithWhatHangsOnThem() {
        var driver = Driver()
        for number in 1...4 as ClosedRange<UInt64> {
            driver.apply(.grantLease(LeaseID(number), ttl: .seconds(1)))
            for key in 1...3 { driver.put("\(number)/\(key)", lease: .existing(LeaseID(number))) }
        }
        driver.pass(.seconds(1))
        func due(_ limit: Int) -> Int { driver.store.dueLeases(at: driver.time, limit: limit).count }
        #expect(due(100) == 4)
        #expect(due(6) == 2)
        // One with more than fits goes by itself.
        #expect(due(7) == 3)
        #expect(due(1) == 1)
    }

    @Test func tenThousandLeasesMayGoInOneEntry() {
        var driver = Driver()
        for number in 1...10_000 {
            driver.put("k\(number)", lease: .new(LeaseID(UInt64(number)), ttl: .seconds(1)))
        }
        driver.pass(.seconds(1))
        let due = driver.store.dueLeases(at: driver.time, limit: 10_000)
        let applied = driver.apply(.expireLeases(due, term: driver.term))
        #expect(applied.result == .leasesExpired(leases: 10_000, keys: 10_000))
        #expect(applied.events?.events.count == 10_000)
        #expect(driver.store.keyCount == 0)
    }
}
