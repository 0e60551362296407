import KeyValue
import Testing

/// An id that counts how often one is looked at.
private struct CountedID: Hashable, Comparable, Sendable {
    @TaskLocal static var steps = Steps()
    final class Steps: @unchecked Sendable { var count = 0 }

    let number: Int

    static func < (a: CountedID, b: CountedID) -> Bool {
        steps.count += 1
        return a.number < b.number
    }

    static func == (a: CountedID, b: CountedID) -> Bool {
        steps.count += 1
        return a.number == b.number
    }

    func hash(into hasher: inout Hasher) {
        Self.steps.count += 1
        hasher.combine(number)
    }
}

@Suite struct WatchRosterTests {
    @Test func everyoneIsTherePresentOrBack() {
        var roster = WatchRoster<Int>()
        for id in [2, 4, 1, 3, 5] { roster.insert(id) }
        #expect(roster.all() == [1, 2, 3, 4, 5])
        roster.remove(2)
        #expect(roster.count == 4)
        roster.insert(2)
        roster.remove(4)
        #expect(roster.all() == [1, 2, 3, 5])
        roster.insert(4)
        #expect(roster.all() == [1, 2, 3, 4, 5])
        for id in 1...5 { roster.remove(id) }
        #expect(roster.isEmpty && roster.all().isEmpty)
    }

    @Test func isWhatAPlainSetIs() {
        var generator = SystemRandomNumberGenerator()
        var roster = WatchRoster<Int>()
        var model: Set<Int> = []
        for _ in 0..<20_000 {
            let id = Int.random(in: 0..<50, using: &generator)
            if model.remove(id) != nil {
                roster.remove(id)
            } else {
                model.insert(id)
                roster.insert(id)
            }
            #expect(roster.count == model.count)
            if Int.random(in: 0..<4, using: &generator) == 0 { #expect(roster.all() == model.sorted()) }
        }
    }

    /// Steps until all of so many have gone, one after the other, in any order.
    private func steps(_ count: Int, in order: (ClosedRange<Int>) -> [Int]) -> Int {
        CountedID.$steps.withValue(CountedID.Steps()) {
            var roster = WatchRoster<CountedID>()
            for number in 1...count { roster.insert(CountedID(number: number)) }
            CountedID.steps.count = 0
            for number in order(1...count) { roster.remove(CountedID(number: number)) }
            #expect(roster.isEmpty)
            return CountedID.steps.count
        }
    }

    @Test func tenTimesAsManyThatGoTogetherCostTenTimesAsMuch() {
        for order in [{ Array($0) }, { $0.reversed() }, { $0.shuffled() }] as [(ClosedRange<Int>) -> [Int]] {
            let few = steps(1_000, in: order)
            let many = steps(10_000, in: order)
            #expect(many < few * 13, "\(few) steps for 1 000, \(many) for 10 000")
        }
    }
}
