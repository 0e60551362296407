/// The ids of one kind of watches, of which many may come and go between two looks at all of them: one that goes is only crossed
/// out, and the next look, or half of them being crossed out, pays for the rest.
package struct WatchRoster<ID: Hashable & Comparable & Sendable>: Sendable {
    /// Ascending, with those that are crossed out.
    private var listed: [ID] = []
    private var crossedOut: Set<ID> = []

    package init() {}

    package var count: Int { listed.count - crossedOut.count }
    package var isEmpty: Bool { count == 0 }

    /// Adds an id that is not there.
    package mutating func insert(_ id: ID) {
        if crossedOut.remove(id) == nil { listed.insertAscending(id) }
    }

    /// Removes an id that is there.
    package mutating func remove(_ id: ID) {
        crossedOut.insert(id)
        if 2 * crossedOut.count > listed.count { tidy() }
    }

    /// Everyone, in ascending order.
    package mutating func all() -> [ID] {
        if !crossedOut.isEmpty { tidy() }
        return listed
    }

    private mutating func tidy() {
        if isEmpty {
            // A fresh one: the storage of a crowd that is gone is not kept.
            self = WatchRoster()
        } else {
            listed.removeAll(where: crossedOut.contains)
            crossedOut = []
        }
    }
}
