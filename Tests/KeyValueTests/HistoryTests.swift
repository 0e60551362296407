import KeyValue
import Primitives
import Testing

@Suite struct HistoryTests {
    @Test func anEmptyStoreIsLookedThroughToItsEnd() {
        #expect(Driver().events(after: .zero) == [])
    }

    @Test func aReadAtARevisionShowsTheKeysAsTheyWere() {
        var driver = Driver()
        driver.put("a", "1")
        driver.put("b", "1")
        driver.put("a", "2")
        driver.delete(key("b"))
        #expect(driver.record("a", at: Revision(2))?.value == bytes("1"))
        #expect(driver.record("b", at: Revision(2)) == nil)
        #expect(driver.page(everything, at: Revision(4))?.records.map(\.value) == [bytes("2"), bytes("1")])
        #expect(driver.page(everything, at: Revision(5))?.count == 1)
        #expect(driver.page(everything, at: Revision(1))?.count == 0)
    }

    @Test func aReadOfTheFutureOrOfCompactedHistoryIsRefused() {
        var driver = Driver()
        for number in 1...5 { driver.put("a", "\(number)") }
        #expect(driver.query(key("a"), at: Revision(7)) == .failed(.futureRevision(current: Revision(6))))
        #expect(driver.apply(.compact(through: Revision(4))).result == .compacted(through: Revision(4)))
        #expect(driver.query(key("a"), at: Revision(4)) == .failed(.compacted(oldest: Revision(5))))
        #expect(driver.record("a", at: Revision(5))?.value == bytes("4"))
    }

    @Test func compactionKeepsTheLivingAndEveryLaterRevision() {
        var driver = Driver()
        driver.put("lives", "1")
        driver.put("dies")
        driver.put("changes", "1")
        driver.delete(key("dies"))
        driver.put("changes", "2")
        let atFive = driver.page(everything, at: Revision(5))
        let atSix = driver.page(everything, at: Revision(6))
        driver.apply(.compact(through: Revision(4)))
        #expect(driver.page(everything, at: Revision(5)) == atFive)
        #expect(driver.page(everything, at: Revision(6)) == atSix)
        #expect(driver.page(everything) == atSix)
        #expect(driver.events(after: Revision(4))?.map(\.previous?.value) == [bytes(""), bytes("1")])
    }

    @Test func compactionOfEverythingLeavesTheNewestRevisionReadable() {
        var driver = Driver()
        driver.put("a", "1")
        driver.put("a", "2")
        driver.apply(.compact(through: Revision(3)))
        #expect(driver.record("a", at: Revision(3))?.value == bytes("2"))
        #expect(driver.store.oldestRevision == Revision(4))
        #expect(driver.events(after: Revision(3)) == [])
        driver.put("a", "3")
        #expect(driver.events(after: Revision(3))?.first?.previous?.value == bytes("2"))
        #expect(driver.query(key("a"), at: Revision(3)) == .failed(.compacted(oldest: Revision(4))))
    }

    @Test func compactionBeyondTheNewestRevisionFailsAndOneBehindTheLastChangesNothing() {
        var driver = Driver()
        driver.put("a")
        driver.put("a")
        #expect(
            driver.apply(.compact(through: Revision(9))).result.failure == .futureRevision(current: Revision(3)))
        driver.apply(.compact(through: Revision(3)))
        #expect(driver.apply(.compact(through: Revision(2))).result == .compacted(through: Revision(3)))
    }

    /// `invariants.md` 29, 30.
    @Test func aWatchFromAnyRevisionReplaysTheLogOrIsToldThatItIsCompacted() {
        var driver = Driver()
        var draw = RandomCommands(seed: 11)
        var log: [Event] = []
        for _ in 1...2_000 {
            let command = draw.command(driver.store.revision, driver.term, due: [])
            if case .compact = command, draw.chance(90) { continue }
            if let events = driver.apply(command).events { log += events.events }
        }
        for _ in 1...300 {
            let start = Revision(UInt64(draw.number(0...Int(driver.store.revision.rawValue))))
            let selections = [draw.selection(), draw.selection()]
            let seen = driver.events(after: start, selections, limit: draw.number(1...40))
            guard start.next >= driver.store.oldestRevision else {
                #expect(seen == nil)
                continue
            }
            let expected = log.filter { event in
                event.revision > start && selections.contains { $0.contains(event.key) }
            }
            #expect(seen == expected)
            #expect(seen?.allSatisfy { $0.revision > start } == true)
        }
    }

    @Test func aPageOfHistoryHoldsWholeRevisionsEvenBeyondItsLimit() {
        var driver = Driver()
        driver.put("x")
        driver.transaction(then: (1...5).map { put("k\($0)") })
        driver.put("y")
        guard
            case .events(let page, let scanned) = driver.store.events(
                after: Revision(1), selections: [everything], limit: 2)
        else {
            Issue.record("compacted")
            return
        }
        #expect(page.map(\.events.count) == [1, 5])
        #expect(scanned == Revision(3))
    }

    @Test func aPageIsBoundedInBytesAndAlwaysHasARevision() {
        var driver = Driver()
        for _ in 1...10 { _ = driver.put("a", String(repeating: "v", count: 100)) }
        func revisions(_ bytes: Int) -> Int? {
            guard
                case .events(let page, _) = driver.store.events(
                    after: Revision(1), selections: [everything], limit: 100, bytes: bytes)
            else { return nil }
            return page.count
        }
        #expect(revisions(1) == 1)
        #expect(revisions(300) == 2)
        #expect(revisions(100_000) == 10)
    }

    @Test func aWatchThatSelectsNothingForLongIsLedThroughInSteps() {
        var driver = Driver()
        for _ in 0..<Limits.historyScan + 10 { driver.put("noise") }
        driver.put("signal")
        guard
            case .events(let page, let scanned) = driver.store.events(
                after: Revision(1), selections: [key("signal")], limit: 100)
        else {
            Issue.record("compacted")
            return
        }
        #expect(page.isEmpty)
        #expect(scanned == Revision(1 + UInt64(Limits.historyScan)))
        #expect(driver.events(after: Revision(1), [key("signal")])?.map(\.key) == [bytes("signal")])
    }

    @Test func historyOverItsNumberIsDueInStepsOfATenth() {
        var driver = Driver()
        let bounds = HistoryBounds(revisions: 100)
        for _ in 1...100 { driver.put("a") }
        #expect(driver.store.compactionDue(bounds) == nil)
        driver.put("a")
        #expect(driver.store.compactionDue(bounds) == Revision(12))
        driver.apply(.compact(through: Revision(12)))
        for _ in 1...10 {
            #expect(driver.store.compactionDue(bounds) == nil)
            driver.put("a")
        }
        driver.put("a")
        #expect(driver.store.compactionDue(bounds) == Revision(23))
    }

    @Test func longHistoryIsDueInStepsThatKeepNobodyWaiting() throws {
        var driver = Driver()
        let step = Limits.compactionRevisions
        for _ in 1...3 * step { driver.put("a") }
        // The first write made revision 2.
        for number in 1...2 {
            let due = try #require(driver.store.compactionDue(HistoryBounds(revisions: step)))
            #expect(due == Revision(UInt64(number * step + 1)))
            driver.apply(.compact(through: due))
        }
        #expect(driver.store.compactionDue(HistoryBounds(revisions: step)) == nil)
    }

    @Test func historyOverItsBytesIsDueUntilItFits() throws {
        var driver = Driver()
        let bounds = HistoryBounds(bytes: 100_000)
        var steps = 0
        for _ in 1...500 {
            driver.put("a", String(repeating: "x", count: 1_000))
            if let due = driver.store.compactionDue(bounds) {
                steps += 1
                driver.apply(.compact(through: due))
                #expect(driver.store.compactionDue(bounds) == nil)
            }
            #expect(driver.store.storeBytes < 103_000)
        }
        #expect((30...60).contains(steps))
    }

    @Test func historyOverItsAgeIsDueAndYoungerHistoryIsNot() {
        var driver = Driver()
        let bounds = HistoryBounds(age: .seconds(100))
        for _ in 1...200 {
            driver.pass(.seconds(1))
            driver.put("a")
            guard let due = driver.store.compactionDue(bounds) else { continue }
            // The write at second n made revision n + 1.
            #expect(Int64(due.rawValue) - 1 == driver.time.nanoseconds / 1_000_000_000 - 101)
            driver.apply(.compact(through: due))
        }
        #expect(driver.store.oldestRevision > Revision(80))
        #expect(driver.store.compactionDue(HistoryBounds(age: TimeSpan(nanoseconds: .max))) == nil)
    }

    @Test func aStoreWhereOnlyFreshKeysAreWrittenKeepsThemAllThroughCompaction() {
        var driver = Driver()
        for number in 1...50 { driver.put("k\(number)") }
        driver.apply(.compact(through: driver.store.revision))
        #expect(driver.page(everything)?.count == 50)
    }
}
