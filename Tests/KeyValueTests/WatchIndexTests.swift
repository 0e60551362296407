import KeyValue
import Primitives
import Testing

@Suite struct WatchIndexTests {
    func revision(_ names: String...) -> RevisionEvents { revision(of: names.map(bytes)) }

    func revision(of keys: [Bytes]) -> RevisionEvents {
        RevisionEvents(
            revision: Revision(9),
            events: keys.map { .delete(key: $0, revision: Revision(9), reason: .deleted, previous: nil) })
    }

    @Test func aWatchGetsItsKeysAndPrefixesAndRangesAndNoOthers() {
        var index = WatchIndex<Int>()
        index.add(1, selections: [key("a")])
        index.add(2, selections: [prefix("a")])
        index.add(3, selections: [.range(from: bytes("aa"), to: bytes("b"))])
        index.add(4, selections: [everything])
        index.add(5, selections: [key("b"), prefix("c")])
        #expect(index.match(revision("a")).first?.ids == [1, 2, 4])
        #expect(index.match(revision("ab")).first?.ids == [2, 3, 4])
        #expect(index.match(revision("b")).first?.ids == [4, 5])
        #expect(index.match(revision("cd")).first?.ids == [4, 5])
        #expect(index.match(revision("z")).first?.ids == [4])
    }

    @Test func aWatchWhoseSelectionsOverlapGetsAnEventOnce() {
        var index = WatchIndex<Int>()
        index.add(1, selections: [key("a"), prefix("a"), key("a"), everything])
        index.add(2, selections: [key("a")])
        #expect(index.match(revision("a")).map(\.ids) == [[1, 2]])
    }

    @Test func everyoneWhoGetsAllOfARevisionSharesItsObject() {
        var index = WatchIndex<Int>()
        index.add(1, selections: [prefix("a")])
        index.add(2, selections: [key("a1"), key("a2")])
        index.add(3, selections: [key("a2")])
        let events = revision("a1", "a2")
        let groups = index.match(events)
        #expect(groups.map(\.ids) == [[1, 2], [3]])
        #expect(groups[0].events === events)
        #expect(groups[1].events.events.map(\.key) == [bytes("a2")])
    }

    @Test func aRemovedWatchIsNotFoundAgainAndItsPlaceIsFree() {
        var index = WatchIndex<Int>()
        for round in 1...3 {
            for id in 1...10 { index.add(id, selections: [key("a"), prefix("b\(id)"), .range(from: [1], to: [5])]) }
            #expect(index.count == 10)
            for id in 1...9 { index.remove(id) }
            #expect(index.match(revision("a")).map(\.ids) == [[10]], "round \(round)")
            index.remove(10)
            index.remove(10)
            #expect(index.isEmpty)
            #expect(index.match(revision("a", "b1")).isEmpty)
        }
    }

    @Test func aRangeThatIsWrittenLikeAPrefixMatchesLikeAPrefix() {
        var index = WatchIndex<Int>()
        index.add(1, selections: [.prefix([0xFF])])
        index.add(2, selections: [.prefix([0x61, 0xFF])])
        index.add(3, selections: [.range(from: [0x61], to: [0x63])])
        #expect(index.match(revision(of: [[0xFF, 0xFF]])).map(\.ids) == [[1]])
        #expect(index.match(revision(of: [[0x61, 0xFF, 3]])).map(\.ids) == [[2, 3]])
        #expect(index.match(revision(of: [[0x62]])).map(\.ids) == [[3]])
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func agreesWithAskingEveryWatchAboutEveryEvent(seed: UInt64) {
        var draw = RandomCommands(seed: seed)
        var index = WatchIndex<Int>()
        var watches: [Int: [KeySelection]] = [:]
        for step in 1...150 {
            if draw.chance(70) {
                let selections = (0..<draw.number(0...3)).map { _ in draw.selection() }
                index.add(step, selections: selections)
                watches[step] = selections
            } else if let id = watches.keys.sorted().randomElement(using: &draw.random) {
                index.remove(id)
                watches[id] = nil
            }
            let events = revision(of: (0..<draw.number(1...5)).map { _ in draw.key() })
            var expected: [Int: [Event]] = [:]
            for (id, selections) in watches {
                let selected = events.events.filter { event in selections.contains { $0.contains(event.key) } }
                if !selected.isEmpty { expected[id] = selected }
            }
            let groups = index.match(events)
            var matched: [Int: [Event]] = [:]
            for group in groups {
                #expect(group.ids == group.ids.sorted())
                for id in group.ids {
                    #expect(matched[id] == nil, "a watch is in one group")
                    matched[id] = group.events.events
                }
            }
            #expect(matched == expected)
            #expect(Set(groups.map(\.events.events)).count == groups.count, "equal events are one group")
        }
    }

    @Test func theGroupsDependOnNothingButTheWatchesAndTheEvents() {
        func groups() -> [[Int]] {
            var draw = RandomCommands(seed: 77)
            var index = WatchIndex<Int>()
            for id in 1...200 { index.add(id, selections: (0...draw.number(0...2)).map { _ in draw.selection() }) }
            return (1...50).flatMap { _ in
                index.match(revision(of: (0..<4).map { _ in draw.key() })).map(\.ids)
            }
        }
        #expect(groups() == groups())
    }

    @Test func aStormOfExpiriesUnderManyWatchersIsGroupedByKeyNotByWatcher() {
        var index = WatchIndex<Int>()
        for id in 1...2_000 { index.add(id, selections: [prefix("lock/")]) }
        for id in 2_001...4_000 { index.add(id, selections: [key("lock/\(id)")]) }
        let events = revision(of: (2_001...12_000).map { bytes("lock/\($0)") })
        let groups = index.match(events)
        #expect(groups.count == 2_001)
        let all = groups.first { $0.events === events }
        #expect(all?.ids == Array(1...2_000))
        #expect(groups.allSatisfy { $0.events === events || $0.events.events.count == 1 })
    }
}
