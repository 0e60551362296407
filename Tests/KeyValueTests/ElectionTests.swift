import KeyValue
import Primitives
import Testing

/// Feeds a store with campaigns for one election.
extension Driver {
    static let controller = ElectionID(kind: .election, name: bytes("controller"))

    @discardableResult
    mutating func campaign(
        _ id: String, _ value: String = "", ttl: TimeSpan = .seconds(2), priority: Int32 = 0, lease: UInt64? = nil,
        in election: ElectionID = controller, mode: Campaign.Mode = .any
    ) -> CommandResult {
        let drawn = LeaseID(UInt64(1_000) + store.appliedIndex.rawValue)
        return apply(
            .campaign(
                Campaign(
                    candidacy: CandidacyID(election: election, candidate: bytes(id)), value: bytes(value),
                    priority: priority, lease: lease.map { .named(LeaseID($0), ttl: ttl) } ?? .drawn(drawn, ttl: ttl),
                    mode: mode))
        ).result
    }

    @discardableResult
    mutating func resign(
        _ id: String, lease: UInt64? = nil, fence: Fence? = nil, in election: ElectionID = controller
    ) -> CommandResult {
        apply(
            .resign(
                Resignation(
                    candidacy: CandidacyID(election: election, candidate: bytes(id)),
                    lease: lease.map { LeaseID($0) }, fence: fence))
        ).result
    }

    /// Ends what is due, as a leader would.
    @discardableResult
    mutating func expire() -> Applied {
        let due = store.dueLeases(at: time, limit: 10_000)
        return apply(.expireLeases(due, term: term))
    }

    func leader(of election: ElectionID = controller) -> String? {
        store.summary(of: election).leader.map { String(decoding: $0.candidate, as: UTF8.self) }
    }

    func fence(of election: ElectionID = controller) -> Fence { store.summary(of: election).fence }
}

extension CommandResult {
    var candidacy: CandidacyResult? { if case .candidacy(let result) = self { result } else { nil } }
    var resigned: ResignationResult? { if case .resigned(let result) = self { result } else { nil } }
}

@Suite struct ElectionTests {
    @Test func theFirstLeadsAndTheOthersWaitInTheOrderTheyCame() {
        var driver = Driver()
        #expect(driver.campaign("a").candidacy?.standing == .leading)
        #expect(driver.campaign("b").candidacy?.standing == .waiting(position: 1))
        #expect(driver.campaign("c").candidacy?.standing == .waiting(position: 2))
        #expect(driver.campaign("urgent", priority: 1).candidacy?.standing == .waiting(position: 1))
        #expect(driver.campaign("c").candidacy?.standing == .waiting(position: 3))
        #expect(driver.leader() == "a")
    }

    @Test func theSuccessorLeadsFromTheEntryOnThatEndedTheOldLeadership() {
        var driver = Driver()
        driver.campaign("a", ttl: .seconds(1))
        driver.campaign("b", ttl: .seconds(9))
        driver.pass(.seconds(1))
        let expired = driver.expire()
        #expect(expired.elections.count == 1)
        let change = expired.elections[0]
        #expect(change.leader?.candidate == bytes("b"))
        #expect(change.ended?.candidate == bytes("a"))
        #expect(change.ended?.end?.reason == .expired)
        #expect(change.fence == Fence(driver.store.appliedIndex.rawValue))
        #expect(driver.resign("b").resigned?.summary.leader == nil)
        #expect(driver.store.leaseCount == 0)
    }

    @Test func whoseLeaseIsOverIsPassedOverAndMayLeadAfterItRenews() {
        var driver = Driver()
        driver.campaign("a", ttl: .seconds(9))
        driver.campaign("late", ttl: .seconds(1))
        driver.pass(.seconds(2))
        // The end of its lease is not ordered yet.
        driver.resign("a")
        #expect(driver.leader() == nil)
        let renewed = driver.campaign("late", ttl: .seconds(1))
        #expect(renewed.candidacy?.standing == .leading)
    }

    @Test func aRenewalOfTheLeaseSeatsACandidateToo() {
        var driver = Driver()
        driver.campaign("a", ttl: .seconds(9))
        driver.campaign("b", ttl: .seconds(1), lease: 5)
        driver.pass(.seconds(1))
        driver.resign("a")
        let applied = driver.apply(.renewLeases([LeaseID(5)]))
        #expect(applied.elections.map(\.leader?.candidate) == [bytes("b")])
    }

    @Test func theHighestPriorityOfThoseRenewedTogetherLeads() {
        var driver = Driver()
        driver.campaign("a", ttl: .seconds(9))
        driver.campaign("low", ttl: .seconds(1), lease: 5)
        driver.campaign("high", ttl: .seconds(1), priority: 7, lease: 6)
        driver.pass(.seconds(1))
        driver.resign("a")
        driver.apply(.renewLeases([LeaseID(5), LeaseID(6)]))
        #expect(driver.leader() == "high")
    }

    @Test func aRevokedLeaseRemovesItsCandidacies() {
        var driver = Driver()
        driver.campaign("a", lease: 5)
        driver.campaign("b")
        driver.put("k", lease: .existing(LeaseID(5)))
        let applied = driver.apply(.revokeLease(LeaseID(5)))
        #expect(applied.elections.map(\.ended?.end?.reason) == [.removed])
        #expect(driver.leader() == "b")
        #expect(driver.record("k") == nil)
    }

    /// `invariants.md` 28.
    @Test func aFencedWriteIsCarriedOutOnlyWhileThatLeadershipStands() {
        var driver = Driver()
        driver.campaign("a", ttl: .seconds(1))
        driver.campaign("b", ttl: .seconds(9))
        let condition = FenceCondition(election: Driver.controller, fence: driver.fence())
        let write = Command.put(Put(key: bytes("k"), value: []))
        let both = Command.transaction(
            Transaction(comparisons: [], then: [put("k"), .delete(key("j"))], otherwise: []))
        #expect(driver.apply(write, fence: condition).result.written != nil)
        #expect(driver.apply(both, fence: condition).result.committed != nil)
        driver.pass(.seconds(1))
        driver.expire()
        let revision = driver.store.revision
        for command in [write, both, .grantLease(LeaseID(9), ttl: .seconds(1))] {
            let result = driver.apply(command, fence: condition).result
            #expect(result.failure == .fenced(Driver.controller, now: driver.fence()))
        }
        #expect(driver.store.revision == revision)
        #expect(driver.store.lease(LeaseID(9)) == nil)
    }

    @Test func theFenceOfAnotherElectionOrOfAVacancyNeverStands() {
        var driver = Driver()
        let lock = ElectionID(kind: .lock, name: Driver.controller.name)
        driver.campaign("a")
        let write = Command.put(Put(key: bytes("k"), value: []))
        let other = FenceCondition(election: lock, fence: driver.fence())
        #expect(driver.apply(write, fence: other).result.failure == .fenced(lock, now: .zero))
        driver.resign("a")
        let vacancy = FenceCondition(election: Driver.controller, fence: driver.fence())
        #expect(driver.apply(write, fence: vacancy).result.failure != nil)
    }

    @Test func nobodyElseSpeaksForACandidacyThatNamedItsLease() {
        var driver = Driver()
        driver.campaign("a", lease: 5)
        let summary = driver.store.summary(of: Driver.controller)
        #expect(driver.campaign("a").failure == .candidacyTaken(summary))
        #expect(driver.campaign("a", lease: 6).failure == .candidacyTaken(summary))
        #expect(driver.resign("a").failure == .candidacyTaken(summary))
        #expect(driver.resign("a", lease: 6).failure == .candidacyTaken(summary))
        #expect(driver.store.lease(LeaseID(6)) == nil)
        #expect(driver.campaign("a", lease: 5).candidacy?.standing == .leading)
        #expect(driver.resign("a", lease: 5).resigned?.wasLeading == true)
    }

    @Test func whatDoesNotHoldIsNotReleased() {
        var driver = Driver()
        driver.campaign("a")
        driver.campaign("b")
        let before = driver.store.summary(of: Driver.controller)
        #expect(driver.resign("c").failure == .candidacyNotFound(before))
        #expect(driver.resign("b", fence: before.fence).failure == .candidacyCondition(before))
        #expect(driver.resign("a", fence: Fence(before.fence.rawValue - 1)).failure == .candidacyCondition(before))
        #expect(driver.store.summary(of: Driver.controller) == before)
        #expect(driver.resign("b").resigned?.wasLeading == false)
        #expect(driver.resign("a", fence: before.fence).resigned?.wasLeading == true)
    }

    @Test func whoMustRenewLearnsThatTheCandidacyEnded() {
        var driver = Driver()
        driver.campaign("a", ttl: .seconds(1))
        #expect(driver.campaign("a", mode: .beginning).failure != nil)
        driver.pass(.seconds(1))
        driver.expire()
        #expect(driver.campaign("a", mode: .renewing).failure != nil)
        let again = driver.campaign("a", mode: .beginning).candidacy
        #expect(again?.created == true)
        #expect(again?.standing == .leading)
    }

    @Test func aLeaderPublishesItsNewValueUnderTheSameFence() {
        var driver = Driver()
        driver.campaign("a", "old")
        let fence = driver.fence()
        let applied = driver.campaign("a", "new")
        #expect(applied.candidacy?.summary.leader?.value == bytes("new"))
        #expect(driver.fence() == fence)
    }

    @Test func aLeaseThatServesSomethingElseOutlivesTheCandidacy() {
        var driver = Driver()
        driver.campaign("a", lease: 5)
        driver.put("k", lease: .existing(LeaseID(5)))
        driver.resign("a", lease: 5)
        #expect(driver.store.lease(LeaseID(5)) != nil)
        driver.apply(.grantLease(LeaseID(6), ttl: .seconds(1)))
        driver.campaign("a", lease: 6)
        driver.resign("a", lease: 6)
        #expect(driver.store.lease(LeaseID(6)) != nil)
    }

    @Test func fencesGrowAlsoAcrossAnElectionThatWasForgotten() {
        var driver = Driver(bounds: StoreBounds(elections: 2))
        let names = ["x", "y", "z"].map { ElectionID(kind: .election, name: bytes($0)) }
        driver.campaign("a", in: names[0])
        driver.resign("a", in: names[0])
        let last = driver.fence(of: names[0])
        driver.campaign("a", in: names[1])
        driver.campaign("a", in: names[2])
        #expect(driver.store.electionCount == 2)
        #expect(driver.store.events(of: names[0], after: last) == nil)
        #expect(driver.campaign("b", in: names[0]).failure == .tooManyElections(limit: 2))
        driver.resign("a", in: names[1])
        driver.campaign("b", in: names[0])
        #expect(driver.fence(of: names[0]) > last)
        #expect(driver.store.events(of: names[0], after: last) == nil)
    }

    @Test func moreLeadershipsThanAreKeptAreForgottenAndWatchesAreTold() throws {
        var driver = Driver()
        var fences: [Fence] = []
        for _ in 0..<Limits.leadershipsKept + 3 {
            driver.campaign("a")
            fences.append(driver.fence())
            driver.resign("a")
            fences.append(driver.fence())
        }
        #expect(driver.store.events(of: Driver.controller, after: fences[4]) == nil)
        let kept = try #require(driver.store.events(of: Driver.controller, after: fences[5]))
        #expect(kept.map(\.fence) == Array(fences[6...]))
        let copy = try Store(restoring: driver.store.header, records: driver.store.records())
        #expect(copy.events(of: Driver.controller, after: fences[5]) == kept)
        #expect(copy.events(of: Driver.controller, after: fences[4]) == nil)
    }

    @Test func tenThousandCandidatesThatExpireTogetherCostOneEntryAndOneChange() {
        var driver = Driver()
        for number in 0..<10_000 { driver.campaign("n\(number)", ttl: .seconds(1), lease: UInt64(number) + 1) }
        driver.campaign("alive", ttl: .seconds(60))
        driver.pass(.seconds(1))
        let applied = driver.expire()
        #expect(applied.elections.count == 1)
        #expect(driver.leader() == "alive")
        #expect(driver.store.leaseCount == 1)
    }

    @Test func aCandidateFloodIsBounded() {
        var driver = Driver(bounds: StoreBounds(storeBytes: 4_000, candidates: 3))
        for id in ["a", "b", "c"] { driver.campaign(id) }
        #expect(driver.campaign("d").failure == .tooManyCandidates(limit: 3))
        let value = String(repeating: "v", count: 2_000)
        #expect(driver.campaign("a", value).failure == .quotaExceeded(limit: 4_000))
        #expect(driver.store.summary(of: Driver.controller).leader?.value == [])
    }

    @Test func aStateThatContradictsItselfIsNotRestored() {
        var driver = Driver()
        driver.campaign("a", lease: 5)
        driver.campaign("b", lease: 6)
        let records = Array(driver.store.records())
        for place in records.indices {
            if case .candidacy = records[place] {
                var more = records
                more.append(records[place])
                #expect(throws: RestoreFailure.self) { try Store(restoring: driver.store.header, records: more) }
            }
            var fewer = records
            let removed = fewer.remove(at: place)
            if case .candidacy(let candidacy) = removed, candidacy.id.candidate == bytes("b") { continue }
            #expect(throws: RestoreFailure.self) { try Store(restoring: driver.store.header, records: fewer) }
        }
    }
}
