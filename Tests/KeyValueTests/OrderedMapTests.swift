import Primitives
import Testing

@testable import KeyValue

extension Int: OrderedKey {}

@Suite struct OrderedMapTests {
    typealias IntMap = OrderedMap<Int, Int>

    func entries(_ map: IntMap) -> [(Int, Int)] {
        var result: [(Int, Int)] = []
        var position = map.startPosition
        while position < map.endPosition {
            result.append((map.key(at: position), map[position]))
            position = map.position(after: position)
        }
        return result
    }

    func isEqual(_ map: IntMap, _ model: [Int: Int]) -> Bool {
        let expected = model.sorted { $0.key < $1.key }
        return map.count == model.count && entries(map).elementsEqual(expected) { $0.0 == $1.key && $0.1 == $1.value }
    }

    @Test(arguments: [300, 3_000, 100_000])
    func agreesWithADictionaryAndASort(keys: Int) {
        var random = SeededGenerator(seed: UInt64(keys))
        var map = IntMap()
        var model: [Int: Int] = [:]
        for step in 1...20_000 {
            // Grows first, shrinks then.
            let inserts = Int.random(in: 0..<20_000, using: &random) > step
            let key = Int.random(in: 0..<keys, using: &random)
            let place = map.search(key)
            #expect(place.found == (model[key] != nil))
            if inserts {
                map.set(key, step)
                model[key] = step
            } else if place.found {
                #expect(map.remove(at: place.position) == model.removeValue(forKey: key))
            }
            if step % 2_000 == 0 { #expect(isEqual(map, model)) }
        }
    }

    @Test func countsOfRangesAgreeWithALinearCount() {
        var random = SeededGenerator(seed: 8)
        var map = IntMap()
        for _ in 0..<5_000 { map.set(Int.random(in: 0..<10_000, using: &random), 0) }
        let keys = entries(map).map(\.0)
        for _ in 0..<300 {
            let low = Int.random(in: -10..<10_010, using: &random)
            let high = Int.random(in: -10..<10_010, using: &random)
            let expected = keys.filter { $0 >= low && $0 < high }.count
            #expect(map.distance(from: map.lowerBound(low), to: map.lowerBound(high)) == expected)
        }
    }

    @Test func aCopyStaysAsItWas() {
        var map = IntMap()
        for key in 0..<2_000 { map.set(key, key) }
        let copy = map
        let before = entries(copy).map(\.1)
        for key in stride(from: 0, to: 2_000, by: 3) {
            let place = map.search(key)
            if key % 2 == 0 { map.remove(at: place.position) } else { map.update(at: place.position) { $0 = -1 } }
        }
        for key in 2_000..<2_500 { map.set(key, key) }
        #expect(entries(copy).map(\.1) == before)
        #expect(copy.count == 2_000)
    }

    @Test func keysThatAreEmptiedOutAndComeBackLeaveNoTrace() {
        var map = IntMap()
        for round in 1...3 {
            for key in 0..<1_000 { map.set(key, round) }
            for key in 0..<1_000 { map.remove(at: map.search(key).position) }
            #expect(map.isEmpty)
            #expect(map.startPosition == map.endPosition)
        }
    }

    @Test func byteOrderIsLexicographicalOrder() {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            func draw() -> Bytes {
                (0..<Int.random(in: 0...20, using: &random)).map { _ in
                    [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random)!
                }
            }
            let a = draw()
            let b = Bool.random(using: &random) ? draw() : a + draw()
            #expect(a.precedes(b) == a.lexicographicallyPrecedes(b))
            #expect(b.precedes(a) == b.lexicographicallyPrecedes(a))
        }
    }

    /// Keys that have much in common, or are each other's beginnings, in all the ways that fragments of eight bytes could mistake.
    private func alikeKeys(_ random: inout SeededGenerator) -> [Bytes] {
        let stems: [Bytes] = [
            [], [0], [0, 0, 0, 0, 0, 0, 0, 0, 0], Array("nodes/zone-1/rack-17/machine-".utf8), [0xff, 0xff],
        ]
        return (0..<700).map { _ in
            let stem = stems[Int.random(in: 0..<stems.count, using: &random)]
            let tail = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                [0, 1, 0x7f, 0x80, 0xff][Int.random(in: 0..<5, using: &random)] as UInt8
            }
            return stem + tail
        }
    }

    @Test(arguments: 1...20)
    func keysThatAreAlikeAreFoundAsIfTheyWereCompared(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let keys = alikeKeys(&random)
        var map = OrderedMap<ByteKey, Int>()
        var model: [Bytes: Int] = [:]
        for step in 0..<4_000 {
            let key = keys[Int.random(in: 0..<keys.count, using: &random)]
            let place = map.search(ByteKey(key))
            #expect(place.found == (model[key] != nil))
            if place.found { #expect(map[place.position] == model[key]) }
            if Int.random(in: 0..<4_000, using: &random) > step {
                map.set(ByteKey(key), step)
                model[key] = step
            } else if place.found {
                map.remove(at: place.position)
                model[key] = nil
            }
        }
        let sorted = model.keys.sorted { $0.lexicographicallyPrecedes($1) }
        var position = map.startPosition
        for key in sorted {
            #expect(map.key(at: position).bytes == key)
            position = map.position(after: position)
        }
        #expect(position == map.endPosition)
        for key in keys {
            let before = sorted.prefix { $0.lexicographicallyPrecedes(key) }.count
            #expect(map.distance(from: map.startPosition, to: map.lowerBound(ByteKey(key))) == before)
        }
    }

    @Test func whatTwoKeysShareIsCountedInBytes() {
        for length in 0...20 {
            let key = Bytes(repeating: 7, count: length)
            #expect(ByteKey(key).shared(with: ByteKey(key + [1])) == length)
            #expect(ByteKey(key + [2]).shared(with: ByteKey(key + [1, 9, 9, 9, 9, 9, 9, 9, 9])) == length)
            #expect(ByteKey(key + [1]).fragment(from: length) == 1 << 56)
        }
    }
}
