/// Searches an order of the operations on one key in which each met what it says, and none lies outside of the time
/// between its call and its answer (Wing and Gong; just-in-time linearization after Lowe).
///
/// All states that are possible are carried along: whenever an operation is answered, it is put in order, after as many
/// of those still open as that takes.
struct OrderSearch {
    /// One way things may have gone so far.
    private struct Way: Hashable {
        var state: KeyCourse.State
        /// Open operations that are in the order already, by their slots.
        var done: UInt64
    }

    /// What the search came to.
    enum Outcome: Hashable {
        case explained
        /// There were too many ways; so many operations were looked at.
        case gaveUp(after: Int)
        /// The operation with this number, in the order of calls, fits nowhere.
        case impossible(Int)
    }

    private let steps: [KeyCourse.Step]
    /// The open operation in each slot.
    private var slots: [Int?] = []
    private var slotOf: [Int: Int] = [:]
    private var ways: Set<Way> = [Way(state: KeyCourse.absent, done: 0)]
    private let limit: Int

    /// `limit` bounds the ways carried along.
    init(_ course: KeyCourse, limit: Int = 4096) {
        steps = course.steps.sorted { $0.call < $1.call }
        self.limit = limit
    }

    mutating func run() -> Outcome {
        var answered = 0
        for (step, isCall) in moments() {
            if isCall {
                guard open(step) else { return .gaveUp(after: answered) }
                continue
            }
            guard let slot = slotOf[step], close(step, slot) else { return .gaveUp(after: answered) }
            if ways.isEmpty { return .impossible(step) }
            answered += 1
        }
        return .explained
    }

    /// Calls and answers in the order of time; of the same moment, calls first.
    private func moments() -> [(step: Int, isCall: Bool)] {
        var moments: [(step: Int, isCall: Bool)] = []
        moments.reserveCapacity(steps.count * 2)
        let byEnd = steps.indices.sorted { (steps[$0].end, $0) < (steps[$1].end, $1) }
        var next = 0
        for step in byEnd {
            while next < steps.count, steps[next].call <= steps[step].end {
                moments.append((next, true))
                next += 1
            }
            moments.append((step, false))
        }
        return moments
    }

    private mutating func open(_ step: Int) -> Bool {
        if let free = slots.firstIndex(of: nil) {
            slots[free] = step
            slotOf[step] = free
            return true
        }
        guard slots.count < UInt64.bitWidth else { return false }
        slotOf[step] = slots.count
        slots.append(step)
        return true
    }

    /// Puts an operation in order in every way; `false` when there are too many.
    private mutating func close(_ step: Int, _ slot: Int) -> Bool {
        var seen: Set<Way> = []
        var next: Set<Way> = []
        var unseen = Array(ways)
        let bit = UInt64(1) << UInt64(slot)
        while let way = unseen.popLast() {
            guard seen.insert(way).inserted else { continue }
            if seen.count > limit { return false }
            if way.done & bit != 0 {
                next.insert(Way(state: way.state, done: way.done & ~bit))
            } else {
                unseen += continuations(of: way)
            }
        }
        ways = next
        slots[slot] = nil
        slotOf[step] = nil
        return true
    }

    /// The way with one more open operation in order. A read that fits is put there at once: that never hinders another.
    private func continuations(of way: Way) -> [Way] {
        var further: [Way] = []
        for (slot, step) in slots.enumerated() {
            let bit = UInt64(1) << UInt64(slot)
            guard let step, way.done & bit == 0, steps[step].requires.holds(for: way.state) else { continue }
            let next = Way(state: steps[step].leaves ?? way.state, done: way.done | bit)
            if steps[step].leaves == nil { return [next] }
            further.append(next)
        }
        return further
    }
}
