internal import DequeModule

/// Watches that wait for a turn, in the order they came. One that leaves is passed over when its turn comes, so that leaving
/// costs no search.
struct WatchLine: Sendable {
    private struct Place: Sendable {
        let number: UInt64
        let watch: WatchID
    }

    private var places: Deque<Place> = []
    /// The place that each one really has.
    private var numbers: [WatchID: UInt64] = [:]
    private var nextNumber: UInt64 = 0

    var count: Int { numbers.count }
    var isEmpty: Bool { numbers.isEmpty }

    /// Puts a watch that is not in the line at its end.
    mutating func append(_ watch: WatchID) {
        numbers[watch] = nextNumber
        places.append(Place(number: nextNumber, watch: watch))
        nextNumber += 1
    }

    /// Takes a watch out of the line, if it is there.
    mutating func remove(_ watch: WatchID) {
        guard numbers.removeValue(forKey: watch) != nil else { return }
        if places.count > 2 * numbers.count { places.removeAll { numbers[$0.watch] != $0.number } }
    }

    /// Takes out who is first.
    mutating func popFirst() -> WatchID? {
        while let place = places.popFirst() {
            guard numbers[place.watch] == place.number else { continue }
            numbers[place.watch] = nil
            return place.watch
        }
        return nil
    }

    func contains(where isWanted: (WatchID) -> Bool) -> Bool {
        places.contains { numbers[$0.watch] == $0.number && isWanted($0.watch) }
    }
}
