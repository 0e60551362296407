import KeyValue
import Primitives
import Testing

@Suite struct KeepingTests {
    func filled() -> Driver {
        var driver = Driver()
        var draw = RandomCommands(seed: 3)
        for _ in 1...400 {
            driver.pass(.milliseconds(1))
            let due = driver.store.dueLeases(at: driver.time, limit: 2)
            let proposal = draw.proposal(driver.store.revision, driver.term, due: due)
            driver.apply(proposal.command, key: proposal.idempotencyKey)
        }
        return driver
    }

    /// `invariants.md` 13: what one delta carries leads from one applied index to another, whenever it is taken.
    @Test func aDeltaCarriesTheHeaderThatItsRowsAddUpTo() throws {
        var driver = Driver()
        var draw = RandomCommands(seed: 17)
        var table = ModelTests.Table()
        for _ in 1...1_500 {
            driver.pass(.milliseconds(1))
            let proposal = draw.proposal(driver.store.revision, driver.term, due: [])
            driver.apply(proposal.command, key: proposal.idempotencyKey)
            guard draw.chance(10), let delta = driver.store.takeDelta() else { continue }
            table.carryOut(delta)
            // A crash here must come up as the store was when the delta was taken.
            let header = try #require(table.header)
            let recovered = try Store(restoring: header, records: table.records)
            #expect(recovered.header == driver.store.header)
            #expect(ModelTests.sorted(recovered.records()) == ModelTests.sorted(driver.store.records()))
        }
    }

    @Test func aVersionFromOutsideTheTimeOfItsStoreIsRefused() {
        var driver = Driver()
        driver.put("a")
        let header = driver.store.header
        for time in [ClusterTime(nanoseconds: .min), header.time + .milliseconds(1)] {
            let records = driver.store.records().map { record in
                guard case .version(let version) = record else { return record }
                return StateRecord.version(
                    StoredVersion(position: version.position, content: version.content, time: time))
            }
            #expect(throws: RestoreFailure.self) { try Store(restoring: header, records: records) }
        }
    }

    @Test func aDeltaIsNilUntilAnotherEntryIsApplied() {
        var driver = Driver()
        #expect(driver.store.takeDelta() == nil)
        driver.put("a")
        #expect(driver.store.takeDelta()?.upserts.count == 1)
        #expect(driver.store.takeDelta() == nil)
        driver.store.advance(to: driver.nextPosition)
        let delta = driver.store.takeDelta()
        #expect(delta?.header.appliedIndex == LogIndex(2))
        #expect(delta?.upserts == [])
    }

    @Test func aVersionCompactedBeforeItWasEverKeptAppearsInNoDelta() {
        var driver = Driver()
        driver.put("a", "1")
        driver.put("a", "2")
        driver.apply(.compact(through: Revision(3)))
        let delta = driver.store.takeDelta()
        #expect(delta?.upserts.count == 1)
        #expect(delta?.removedVersions == [])
    }

    @Test func aListingShowsTheStoreAsItWasWhileTheStoreGoesOn() {
        var driver = filled()
        let before = Array(driver.store.records())
        var listing = driver.store.records()
        var listed: [StateRecord] = []
        var draw = RandomCommands(seed: 4)
        while let record = listing.next() {
            listed.append(record)
            driver.apply(draw.command(driver.store.revision, driver.term, due: []))
        }
        #expect(listed == before)
        #expect(Array(driver.store.records()) != before)
    }

    /// `invariants.md` 18.
    @Test func replicasThatAppliedTheSameHaveTheSameDigestHoweverTheyCameThere() throws {
        var one = filled()
        var other = filled()
        #expect(one.store.header == other.store.header)
        other.store = try Store(restoring: other.store.header, records: other.store.records())
        _ = one.store.takeDelta()
        _ = one.store.dueLeases(at: one.time, limit: 3)
        var draw = RandomCommands(seed: 9)
        for _ in 1...400 {
            let proposal = draw.proposal(one.store.revision, one.term, due: [])
            one.apply(proposal.command, key: proposal.idempotencyKey)
            other.apply(proposal.command, key: proposal.idempotencyKey)
            #expect(one.store.header == other.store.header)
        }
    }

    /// `invariants.md` 18.
    @Test func anySingleDifferenceShowsInTheDigest() {
        let commands: [Command] = [
            .put(Put(key: bytes("a"), value: bytes("1"))), .put(Put(key: bytes("a"), value: bytes("2"))),
            .put(Put(key: bytes("b"), value: bytes("1"))),
            .put(Put(key: bytes("a"), value: bytes("1"), lease: .existing(LeaseID(1)))),
            .put(Put(key: bytes("a"), value: bytes("1"), lease: .new(LeaseID(2), ttl: .seconds(1)))),
            .put(Put(key: bytes("a"), value: bytes("1"), lease: .new(LeaseID(2), ttl: .seconds(2)))),
            .delete(Delete(selection: key("kept"))), .delete(Delete(selection: key("missing"))),
            .grantLease(LeaseID(2), ttl: .seconds(1)), .renewLeases([LeaseID(1)]), .revokeLease(LeaseID(1)),
            .compact(through: Revision(2)), .compact(through: Revision(3)),
        ]
        var digests: [UInt64] = []
        for command in commands {
            var driver = Driver()
            driver.apply(.grantLease(LeaseID(1), ttl: .seconds(1)))
            driver.put("kept", lease: .existing(LeaseID(1)))
            driver.put("other")
            driver.apply(command)
            digests.append(driver.store.header.digest)
        }
        #expect(Set(digests).count == commands.count)
        var driver = Driver()
        driver.put("a")
        var later = Driver()
        later.pass(.milliseconds(1))
        later.put("a")
        var newer = Driver()
        newer.term = Term(2)
        newer.put("a")
        #expect(
            Set([driver, later, newer].map(\.store.header.digest)).count == 3, "time and term belong to the state")
    }

    @Test func damagedRecordsAreRefusedAndNeverTrap() throws {
        let store = filled().store
        let records = Array(store.records())
        var random = SeededGenerator(seed: 1)
        for _ in 1...2_000 {
            var damaged = records
            var header = store.header
            switch Int.random(in: 0...4, using: &random) {
            case 0: damaged.remove(at: damaged.indices.randomElement(using: &random)!)
            case 1: damaged.append(damaged.randomElement(using: &random)!)
            case 2:
                damaged.swapAt(
                    damaged.indices.randomElement(using: &random)!, damaged.indices.randomElement(using: &random)!)
            case 3: header.revision = Revision(.random(in: 0...(.max), using: &random))
            default: header.compactedRevision = Revision(.random(in: 0...header.revision.rawValue, using: &random))
            }
            // What it lets pass must be a state that goes on working.
            guard var restored = try? Store(restoring: header, records: damaged) else { continue }
            let position = ApplyPosition(index: header.appliedIndex.next, term: header.appliedTerm, time: header.time)
            _ = restored.apply(Proposal(command: .compact(through: restored.revision)), at: position)
            #expect(restored.keyCount <= store.keyCount + 1)
        }
        var gap = records
        let place = try #require(
            gap.lastIndex { if case .version(let version) = $0 { version.position.ordinal == 0 } else { false } })
        gap.remove(at: place)
        #expect(throws: RestoreFailure.self) { try Store(restoring: store.header, records: gap) }
    }
}
