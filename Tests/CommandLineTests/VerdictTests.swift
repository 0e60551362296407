import ConclaveClient
import Testing

@testable import conclave

@Suite struct Verdicts {
    private let zero = ContinuousClock.now
    private let ttl = Duration.seconds(2)

    private func at(_ milliseconds: Int) -> ContinuousClock.Instant { zero + .milliseconds(milliseconds) }

    private func tenure(
        _ holder: String, _ revision: UInt64, from began: Int, promisedUntil: Int, renewed: Int = 0,
        resigned: Int? = nil
    ) -> Tenure {
        Tenure(
            holder: holder, revision: revision, began: at(began), promisedUntil: at(promisedUntil),
            lastRenewalSent: at(renewed), resigned: resigned.map(at))
    }

    private func notice(_ revision: UInt64, _ change: Told.Change, _ milliseconds: Int) -> Notice {
        Notice(told: Told(revision: revision, change: change), at: at(milliseconds))
    }

    @Test func twoControllersAreFoundHoweverTheyAreOrdered() {
        let first = tenure("a", 2, from: 0, promisedUntil: 2000)
        let early = tenure("b", 5, from: 1900, promisedUntil: 3900)
        let proper = tenure("b", 5, from: 2001, promisedUntil: 3900)
        #expect(Verdict.oneAtATime([early, first]).count == 1)
        #expect(Verdict.oneAtATime([first, proper]).isEmpty)
    }

    @Test func oneWhoResignedHoldsNothingAnyMore() {
        let resigned = tenure("a", 2, from: 0, promisedUntil: 2000, resigned: 500)
        #expect(Verdict.oneAtATime([resigned, tenure("b", 5, from: 501, promisedUntil: 2501)]).isEmpty)
        #expect(Verdict.oneAtATime([resigned, tenure("b", 5, from: 499, promisedUntil: 2499)]).count == 1)
    }

    @Test func anExpiryBeforeTheLastRenewalPlusTheTimeToLiveIsEarly() {
        let held = tenure("a", 2, from: 0, promisedUntil: 3000, renewed: 1000)
        #expect(Verdict.noEarlyExpiry([held], [notice(3, .vacant(.expired), 2999)], ttl: ttl).count == 1)
        #expect(Verdict.noEarlyExpiry([held], [notice(3, .vacant(.expired), 3001)], ttl: ttl).isEmpty)
        #expect(Verdict.noEarlyExpiry([held], [notice(3, .vacant(.revoked), 2000)], ttl: ttl).isEmpty)
    }

    @Test func theFirstToBeToldCountsForAnExpiry() {
        let held = tenure("a", 2, from: 0, promisedUntil: 3000, renewed: 1000)
        let notices = [notice(3, .vacant(.expired), 3100), notice(3, .vacant(.expired), 2900)]
        #expect(Verdict.noEarlyExpiry([held], notices, ttl: ttl).count == 1)
    }

    private let history = [
        Told(revision: 2, change: .seated("a")), Told(revision: 4, change: .vacant(.expired)),
        Told(revision: 5, change: .seated("b")),
    ]

    private func contender(_ told: [Told], startingAt revision: UInt64? = 1, killed: Bool = false) -> ContenderRecord {
        var record = ContenderRecord(name: "c")
        record.start = revision.map { ($0, zero) }
        record.notices = told.map { Notice(told: $0, at: zero) }
        if killed { record.killed = zero }
        return record
    }

    @Test func everyKindOfWrongTellingIsFound() {
        let wrong = [
            Array(history.dropLast()), Array(history.dropFirst()), [history[0], history[0]] + history[1...],
            [history[0], history[2], history[1]], [],
        ]
        for told in wrong {
            #expect(Verdict.everythingToldOnce([contender(told)], history: history).count == 1)
        }
        #expect(Verdict.everythingToldOnce([contender(history)], history: history).isEmpty)
    }

    @Test func aWatchThatBeganLaterIsHeldToWhatCameAfterIt() {
        let late = contender(Array(history.dropFirst()), startingAt: 2)
        #expect(Verdict.everythingToldOnce([late], history: history).isEmpty)
        #expect(Verdict.everythingToldOnce([contender([], startingAt: nil)], history: history).count == 1)
    }

    @Test func oneWhoWasKilledKnowsABeginningAndNothingElse() {
        let prefix = contender(Array(history.prefix(1)), killed: true)
        let gap = contender([history[0], history[2]], killed: true)
        #expect(Verdict.everythingToldOnce([prefix], history: history).isEmpty)
        #expect(Verdict.everythingToldOnce([gap], history: history).count == 1)
    }

    @Test func anOfficeIsSeatedAndVacatedInTurn() {
        #expect(Verdict.alternates(history).isEmpty)
        #expect(Verdict.alternates([history[0], history[2]]).count == 1)
    }

    @Test func aLostAndAChangedWriteAreFound() {
        var writer = WriterRecord(name: "w")
        writer.acknowledged = ["w/1": "one", "w/2": "two", "w/3": "three"]
        let stored: [ByteString: ByteString] = ["w/1": "one", "w/2": "other", "w/4": "not acknowledged"]
        #expect(Verdict.nothingLost([writer], stored: stored).count == 2)
        #expect(Verdict.nothingLost([writer], stored: writer.acknowledged).isEmpty)
    }

    @Test func aPauseCountsWhenItEndsInTheWindow() {
        var writer = WriterRecord(name: "w")
        writer.moments = [at(0), at(500), at(510), at(720), at(730)]
        #expect(writer.longestPause(in: at(505)...at(1000)) == .milliseconds(210))
        #expect(writer.longestPause(in: at(900)...at(1000)) == .zero)
    }

    @Test func aLeaderThatAnObserverWasNotToldOfIsFound() {
        let history: [(fence: UInt64, id: String)] = [(21, "late"), (17, "b"), (9, "a")]
        func seen(_ leaders: [(UInt64, String?)]) -> [Observer.Seen] {
            leaders.map { Observer.Seen(fence: $0.0, leader: $0.1, at: zero) }
        }
        let whole = seen([(0, nil), (9, "a"), (15, nil), (17, "b"), (19, nil)])
        #expect(Verdict.everyLeaderTold("o", whole, history: history, through: 20).isEmpty)
        let wrongs: [[(UInt64, String?)]] = [
            [(9, "a")], [(17, "b"), (9, "a")], [(9, "a"), (17, "c")], [(9, "a"), (12, "b"), (17, "b")],
        ]
        for wrong in wrongs {
            #expect(Verdict.everyLeaderTold("o", seen(wrong), history: history, through: 20).count == 1)
        }
    }
}
