/// The states met so far, each once: a record of words, compared in full, with how it was first reached.
struct StateTable {
    private var words: ContiguousArray<UInt32> = []
    private var starts: ContiguousArray<Int> = [0]
    private var parents: ContiguousArray<UInt32> = []
    private var actions: ContiguousArray<UInt32> = []
    /// Open addressing: number of a state plus one, zero where there is none.
    private var slots = ContiguousArray<UInt32>(repeating: 0, count: 1 << 16)

    var count: Int { parents.count }

    /// The state before `number`, and what led from it; the first state has none.
    func origin(of number: Int) -> (parent: Int, action: Action)? {
        number == 0 ? nil : (Int(parents[number]), Action(packed: actions[number]))
    }

    /// Fills `buffer` with a record's words.
    func read(_ number: Int, into buffer: inout ContiguousArray<UInt32>) {
        buffer.removeAll(keepingCapacity: true)
        buffer.append(contentsOf: words[starts[number]..<starts[number + 1]])
    }

    /// Adds `record` unless it is there.
    ///
    /// - Returns: whether it is new.
    mutating func insert(_ record: ContiguousArray<UInt32>, parent: Int, action: UInt32) -> Bool {
        if (count + 1) * 2 > slots.count { grow() }
        var slot = StateTable.hash(record) & (slots.count - 1)
        while slots[slot] != 0 {
            if isEqual(Int(slots[slot]) - 1, record) { return false }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = UInt32(count + 1)
        words.append(contentsOf: record)
        starts.append(words.count)
        parents.append(UInt32(parent))
        actions.append(action)
        return true
    }

    private func isEqual(_ number: Int, _ record: ContiguousArray<UInt32>) -> Bool {
        let start = starts[number]
        guard starts[number + 1] - start == record.count else { return false }
        for offset in record.indices where words[start + offset] != record[offset] { return false }
        return true
    }

    private mutating func grow() {
        slots = ContiguousArray(repeating: 0, count: slots.count * 2)
        var record: ContiguousArray<UInt32> = []
        for number in 0..<count {
            read(number, into: &record)
            var slot = StateTable.hash(record) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }

    private static func hash(_ record: ContiguousArray<UInt32>) -> Int {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        for word in record {
            hash = (hash ^ UInt64(word)) &* 0xBF58_476D_1CE4_E5B9
            hash ^= hash >> 29
        }
        return Int(truncatingIfNeeded: hash >> 1)
    }
}
