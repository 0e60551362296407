import HistoryChecker
import Primitives
import Testing

/// The judge accepts what a right service may show, and notices when a word of it is changed.
@Suite struct LegalHistoryTests {
    @Test func aThousandRandomLegalHistoriesAreAccepted() {
        var figures = Verdict.Figures()
        for seed in 1...1000 {
            let verdict = Judge.judge(LegalHistory(seed: UInt64(seed), steps: 400).history)
            #expect(verdict.violations == [], "seed \(seed)")
            figures.operations += verdict.figures.operations
            figures.unknownCarriedOut += verdict.figures.unknownCarriedOut
            figures.expiries += verdict.figures.expiries
            figures.searched += verdict.figures.searched
            figures.unsearched += verdict.figures.unsearched
        }
        #expect(figures.operations > 30_000)
        #expect(figures.unknownCarriedOut > 500)
        #expect(figures.expiries > 1000)
        #expect(figures.searched > 15_000)
        #expect(figures.unsearched == 0)
    }

    @Test func aThousandRandomLegalHistoriesOfElectionsAreAccepted() {
        var figures = Verdict.Figures()
        for seed in 1...1000 {
            let verdict = Judge.judge(LegalOffices(seed: UInt64(seed), steps: 400).history)
            #expect(verdict.violations == [], "seed \(seed)")
            figures.leaderships += verdict.figures.leaderships
            figures.expiries += verdict.figures.expiries
        }
        #expect(figures.leaderships > 5_000)
        #expect(figures.expiries > 2_000)
    }

    @Test func anEventTakenOutOfAWatchOfAnElectionIsMissedInEveryHistory() {
        var tried = 0
        for seed in 1...100 {
            var history = LegalOffices(seed: UInt64(seed), steps: 200).history
            for name in history.watches.keys.sorted() {
                guard
                    let place = history.watches[name]?.deliveries.lastIndex(where: { delivery in
                        if case .office = delivery.event { true } else { false }
                    })
                else { continue }
                history.watches[name]?.deliveries.remove(at: place)
                tried += 1
                #expect(!Judge.judge(history).isClean, "seed \(seed)")
            }
        }
        #expect(tried > 100)
    }

    /// One of a fence that a watch had told to be over.
    @Test func aFencedWriteThatIsCarriedOutIsNoticedInEveryHistory() {
        var tried = 0
        for seed in 1...200 {
            var history = LegalOffices(seed: UInt64(seed), steps: 400).history
            guard
                let place = history.operations.firstIndex(where: { operation in
                    guard case .offices(.fenced, _) = operation.response, let condition = operation.invocation.guard
                    else { return false }
                    return history.watches.values.contains { watched in
                        watched.deliveries.contains { delivery in
                            guard case .office(let change) = delivery.event, delivery.time < operation.call else {
                                return false
                            }
                            return change.office == condition.office && change.fence > condition.fence
                        }
                    }
                }), case .under(_, .put(let put)) = history.operations[place].invocation,
                let last = history.log.last?.record
            else { continue }
            let record = Record(
                key: "k", value: put.value, revision: last.revision + 1, created: last.created,
                version: last.version + 1)
            history.log.append(Change(put: record))
            history.operations[place].response = .done(revision: record.revision)
            tried += 1
            #expect(Judge.judge(history).count(.fenced) > 0, "seed \(seed)")
        }
        #expect(tried > 50)
    }

    @Test func aHistoryReadFromItsLinesIsTheSame() throws {
        let histories = (1...20).flatMap { seed in
            [LegalHistory(seed: seed, steps: 300).history, LegalOffices(seed: seed, steps: 300).history]
        }
        for history in histories {
            let read = try RecordedHistory(text: history.text)
            #expect(read.operations == history.operations)
            #expect(read.log == history.log)
            #expect(read.offices == history.offices)
            for (name, watched) in history.watches {
                #expect(read.watches[name]?.deliveries == watched.deliveries)
                #expect(read.watches[name]?.selections == watched.selections)
            }
        }
    }

    @Test func anAcknowledgedWriteTakenOutOfTheLogIsMissedInEveryHistory() {
        for seed in 1...100 {
            var history = LegalHistory(seed: UInt64(seed), steps: 200).history
            guard let last = history.log.last?.revision else { continue }
            let seen = history.operations.compactMap(\.response.revision).max() ?? 0
            guard seen == last else { continue }
            history.log.removeAll { $0.revision == last }
            #expect(!Judge.judge(history).isClean, "seed \(seed)")
        }
    }

    @Test func anOlderValueInAReadIsNoticedInEveryHistory() {
        var tried = 0
        for seed in 1...400 {
            var history = LegalHistory(seed: UInt64(seed), steps: 200).history
            guard
                let place = history.operations.lastIndex(where: { operation in
                    guard case .get(_, .newest) = operation.invocation, case .read(let page, _) = operation.response
                    else { return false }
                    return !page.records.isEmpty
                })
            else { continue }
            guard let revision = history.operations[place].response.revision else { continue }
            history.operations[place].response = .read(.init(all: []), revision: revision)
            tried += 1
            #expect(!Judge.judge(history).isClean, "seed \(seed)")
        }
        #expect(tried > 50)
    }

    @Test func linesThatAreNoHistoryAreRefusedWithTheirNumber() {
        for (text, line) in [
            ("", 0), ("history 2\n", 1), ("history 1\n", 1), ("history 1\nop a n1 1\nend 5\n", 2),
            ("history 1\nop a n1 9 1 get k => read 0 at 1\nend 5\n", 2), ("history 1\nnonsense\nend 1\n", 2),
            ("history 1\nop a n1 1 2 get k => read 0 at 1 extra\nend 5\n", 2),
            ("history 1\nlog put k@1,1,1\nend 5\n", 2), ("history 1\nend 99999999999999999999\n", 2),
        ] {
            #expect(throws: HistoryFault.self) { try RecordedHistory(text: text) }
            do { _ = try RecordedHistory(text: text) } catch { #expect(error.line == line, "\(text)") }
        }
    }

    @Test func randomBytesAndBrokenLinesDoNotTrap() {
        var generator = SeededGenerator(seed: 7)
        let texts = [
            Array(LegalHistory(seed: 3, steps: 200).history.text.utf8),
            Array(LegalOffices(seed: 3, steps: 200).history.text.utf8),
        ]
        for number in 0..<4000 {
            var bytes = texts[number % 2]
            for _ in 0..<3 {
                bytes[Int.random(in: 10..<bytes.count, using: &generator)] = UInt8(generator.next() % 128)
            }
            let history = bytes.withUnsafeBytes { raw in try? RecordedHistory(reading: raw) }
            if let history { _ = Judge.judge(history) }
        }
    }
}

extension RecordedHistory {
    /// The file of this history.
    fileprivate var text: String {
        var lines = [RecordedHistory.firstLine]
        lines += watches.flatMap { name, watched in watched.selections.map { $0.line(of: name) } }
        lines += operations.map(\.line)
        lines += watches.flatMap { name, watched in watched.deliveries.map { $0.line(of: name) } }
        lines += log.map(\.line) + offices.map(\.line)
        return (lines + [RecordedHistory.lastLine(end: end)]).joined(separator: "\n") + "\n"
    }
}
