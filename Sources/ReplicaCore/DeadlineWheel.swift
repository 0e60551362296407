internal import Primitives

/// Which requests to look at when, in steps of 16 ms. A request that is done by then is simply not found any more.
struct DeadlineWheel: Sendable {
    private static let step: Int64 = 16_000_000
    private var slots: [Int64: [RequestID]] = [:]
    /// The earliest slot that holds a request; of no meaning while there is none.
    private var nextSlot: Int64

    init(now: Instant) { nextSlot = now.nanoseconds / Self.step }

    mutating func add(_ request: RequestID, at deadline: Instant) {
        let slot = deadline.nanoseconds / Self.step + 1
        nextSlot = slots.isEmpty ? slot : min(nextSlot, slot)
        slots[slot, default: []].append(request)
    }

    /// The requests whose deadline has passed, in the order of their slots.
    mutating func due(at now: Instant) -> [RequestID] {
        let last = now.nanoseconds / Self.step
        guard nextSlot <= last else { return [] }
        var requests: [RequestID] = []
        while nextSlot <= last && !slots.isEmpty {
            if let slot = slots.removeValue(forKey: nextSlot) { requests.append(contentsOf: slot) }
            nextSlot += 1
        }
        nextSlot = slots.keys.min() ?? last + 1
        return requests
    }

    /// The next moment at which something may be due.
    var nextDeadline: Instant {
        slots.isEmpty ? .distantFuture : Instant(nanoseconds: nextSlot * Self.step)
    }
}
