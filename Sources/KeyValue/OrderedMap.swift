internal import Primitives

/// A key that an ``OrderedMap`` finds among its neighbours by few bytes, without a look at the keys themselves.
protocol OrderedKey: Comparable, Sendable {
    /// How many bytes at the beginning this key and `other` have in common.
    func shared(with other: Self) -> Int
    /// What follows the first `offset` bytes, in eight: of two keys that have those in common, the one with the lesser fragment is the
    /// lesser one. Equal fragments say nothing.
    func fragment(from offset: Int) -> UInt64
}

extension OrderedKey {
    func shared(with other: Self) -> Int { 0 }
    func fragment(from offset: Int) -> UInt64 { 0 }
}

extension ElectionID: OrderedKey {}
extension CandidacyID: OrderedKey {}

extension LeaseID: OrderedKey {
    func fragment(from offset: Int) -> UInt64 { rawValue }
}

/// A map in the order of its keys, held in blocks of bounded size. A copy shares every block; a mutation after it clones
/// the list of blocks and the one block it touches.
struct OrderedMap<Key: OrderedKey, Value: Sendable>: Sendable {
    /// Entries of one block at most.
    static var blockCapacity: Int { 256 }

    struct Entry: Sendable {
        let key: Key
        var value: Value
    }

    /// A place in the map, valid until the next insertion or removal.
    struct Position: Hashable, Comparable, Sendable {
        var block: Int
        var offset: Int
        static func < (a: Position, b: Position) -> Bool { (a.block, a.offset) < (b.block, b.offset) }
    }

    /// Where a key is (`found`), or where it is to be inserted.
    struct Search: Sendable {
        var position: Position
        var found: Bool
    }

    /// Never empty blocks, in order.
    private var blocks: [Block] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var startPosition: Position { Position(block: 0, offset: 0) }
    var endPosition: Position { Position(block: blocks.count, offset: 0) }

    // MARK: Finding

    func search(_ key: Key) -> Search {
        guard !blocks.isEmpty else { return Search(position: startPosition, found: false) }
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if key < blocks[middle].firstKey { high = middle } else { low = middle + 1 }
        }
        let block = max(low - 1, 0)
        let (offset, found) = blocks[block].search(key)
        return Search(position: Position(block: block, offset: offset), found: found)
    }

    /// The first entry whose key is not before `key`, or the end.
    func lowerBound(_ key: Key) -> Position {
        let position = search(key).position
        guard position.block < blocks.count, position.offset == blocks[position.block].count else { return position }
        return Position(block: position.block + 1, offset: 0)
    }

    func value(for key: Key) -> Value? {
        let place = search(key)
        return place.found ? self[place.position] : nil
    }

    func key(at position: Position) -> Key { blocks[position.block].entries[position.offset].key }
    /// The value at a position, looked at where it is.
    subscript(position: Position) -> Value { _read { yield blocks[position.block].entries[position.offset].value } }

    func position(after position: Position) -> Position {
        position.offset + 1 < blocks[position.block].count
            ? Position(block: position.block, offset: position.offset + 1)
            : Position(block: position.block + 1, offset: 0)
    }

    /// How many entries lie from `start` up to and without `end`; costs the blocks between, not the entries.
    func distance(from start: Position, to end: Position) -> Int {
        guard start < end else { return 0 }
        var result = end.offset - start.offset
        for block in start.block..<end.block { result += blocks[block].count }
        return result
    }

    // MARK: Changing

    /// Inserts a key that `search` did not find, at the place it named.
    mutating func insert(_ key: Key, _ value: Value, at position: Position) {
        count += 1
        let entry = Entry(key: key, value: value)
        guard position.block < blocks.count else { return blocks.append(Block([entry])) }
        guard blocks[position.block].count == Self.blockCapacity else {
            return blocks[position.block].insert(entry, at: position.offset)
        }
        if position.block == blocks.count - 1 && position.offset == Self.blockCapacity {
            // Keys that come in order fill their blocks.
            return blocks.append(Block([entry]))
        }
        let half = Self.blockCapacity / 2
        blocks.insert(blocks[position.block].split(at: half), at: position.block + 1)
        if position.offset <= half {
            blocks[position.block].insert(entry, at: position.offset)
        } else {
            blocks[position.block + 1].insert(entry, at: position.offset - half)
        }
    }

    /// Inserts or replaces.
    mutating func set(_ key: Key, _ value: Value) {
        let place = search(key)
        if place.found {
            update(at: place.position) { $0 = value }
        } else {
            insert(key, value, at: place.position)
        }
    }

    mutating func update<Result>(at position: Position, _ body: (inout Value) -> Result) -> Result {
        body(&blocks[position.block].entries[position.offset].value)
    }

    @discardableResult
    mutating func remove(at position: Position) -> Value {
        count -= 1
        let removed = blocks[position.block].remove(at: position.offset)
        if blocks[position.block].count < Self.blockCapacity / 4 { shrink(position.block) }
        return removed
    }

    /// Drops an empty block, or joins a small one with a neighbour that leaves room to grow.
    private mutating func shrink(_ index: Int) {
        if blocks[index].count == 0 {
            blocks.remove(at: index)
            return
        }
        let room = Self.blockCapacity * 3 / 4
        if index + 1 < blocks.count && blocks[index].count + blocks[index + 1].count <= room {
            let next = blocks.remove(at: index + 1)
            blocks[index].append(next)
        } else if index > 0 && blocks[index - 1].count + blocks[index].count <= room {
            let last = blocks.remove(at: index)
            blocks[index - 1].append(last)
        }
    }

    // MARK: Blocks

    /// A run of entries, with what a search and a count need of it beside the list itself: keys lie apart in memory, fragments do not.
    private struct Block: Sendable {
        var entries: [Entry]
        /// The keys' fragments behind what they share.
        private var fragments: [UInt64]
        /// No more than what all keys have in common.
        private var shared: Int
        /// The key of the first entry; stale only while the block is empty.
        private(set) var firstKey: Key
        /// How many entries there are.
        private(set) var count: Int

        init(_ entries: [Entry]) {
            self.entries = entries
            firstKey = entries[0].key
            count = entries.count
            // What the first and the last have in common all between them have.
            let shared = firstKey.shared(with: entries[count - 1].key)
            self.shared = shared
            fragments = entries.map { $0.key.fragment(from: shared) }
        }

        /// The first place whose key is not before `key`, and whether it is that one's.
        func search(_ key: Key) -> (offset: Int, found: Bool) {
            guard count > 0 else { return (0, false) }
            guard shared == 0 || key.shared(with: firstKey) >= shared else {
                return (key < firstKey ? 0 : count, false)
            }
            let fragment = key.fragment(from: shared)
            var start = fragments.first(from: 0, to: count) { $0 >= fragment }
            guard start < count, fragments[start] == fragment else { return (start, false) }
            if start + 1 < count, fragments[start + 1] == fragment {
                let end = fragments.first(from: start + 2, to: count) { $0 > fragment }
                start = entries.first(from: start, to: end) { !($0.key < key) }
                return (start, start < end && entries[start].key == key)
            }
            // One is left that can be it.
            let candidate = entries[start].key
            if candidate == key { return (start, true) }
            return (candidate < key ? start + 1 : start, false)
        }

        mutating func insert(_ entry: Entry, at offset: Int) {
            if offset == 0 || offset == count { share(with: entry.key) }
            entries.insert(entry, at: offset)
            fragments.insert(entry.key.fragment(from: shared), at: offset)
            count += 1
            if offset == 0 { firstKey = entry.key }
        }

        /// Between two keys of the block every key has what they share; one before or behind them all may not.
        private mutating func share(with key: Key) {
            let common = key.shared(with: firstKey)
            guard common < shared else { return }
            shared = common
            for place in entries.indices { fragments[place] = entries[place].key.fragment(from: common) }
        }

        mutating func remove(at offset: Int) -> Value {
            let removed = entries.remove(at: offset)
            fragments.remove(at: offset)
            count -= 1
            if offset == 0 && count > 0 { firstKey = entries[0].key }
            return removed.value
        }

        mutating func split(at offset: Int) -> Block {
            let tail = Block(Array(entries[offset...]))
            self = Block(Array(entries[..<offset]))
            return tail
        }

        mutating func append(_ other: Block) { self = Block(entries + other.entries) }
    }
}

extension Array {
    /// The first place of `start..<end` whose element is `beyond`, as all behind it are; `end` when none is.
    fileprivate func first(from start: Int, to end: Int, _ beyond: (Element) -> Bool) -> Int {
        var low = start
        var high = end
        while low < high {
            let middle = (low + high) / 2
            if beyond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
