internal import Primitives

/// Something that will happen in a world.
enum Happening {
    case arrival(Packet)
    /// A node turns to its inbox.
    case wake(node: Int, life: Int)
    case timer(node: Int, life: Int)
    case logSynced(node: Int, life: Int)
    case stateStep(node: Int, life: Int)
    case stateReplaced(node: Int, life: Int)
    /// `to` becomes reachable for `from`, or is looked for again.
    case linkUp(from: Int, to: Int)
    case linkDown(from: Int, to: Int, life: Int, isGone: Bool)
    case client(Int)
    case request(CallID)
    /// A client gives up on a connection whose other end died.
    case lost(CallID, wasTaken: Bool)
    case watchTurn(client: Int, watch: UInt64)
    case fault
    case undo(Remedy)
    case restart(node: Int)
    case check
}

/// What ends a fault.
enum Remedy {
    case heal(from: Int, to: Int)
    case release(from: Int, to: Int)
    case resume(node: Int)
    case space(node: Int)
}

/// A frame on its way between two lives of two nodes.
struct Packet {
    var from: Int
    var to: Int
    var fromLife: Int
    var toLife: Int
    var bytes: Bytes
    /// What the bytes were when they were sent; looked at only when something may have happened to them.
    var checksum: UInt32?
    /// Sent again by the network, not by its sender.
    var isReplayed = false
}

/// What will happen when, in an order that is the same in every run.
struct Schedule {
    /// Small, because a heap moves its items about.
    private struct Item {
        var time: Int64
        /// Its number, then where in ``happenings`` it is.
        var numberAndPlace: UInt64
        var place: Int { Int(truncatingIfNeeded: numberAndPlace & 0xFFFF_FFFF) }

        init(time: Int64, number: UInt32, place: Int) {
            self.time = time
            numberAndPlace = UInt64(number) << 32 | UInt64(place)
        }

        /// Two numbers are never the same.
        static func < (a: Item, b: Item) -> Bool {
            a.time == b.time ? a.numberAndPlace < b.numberAndPlace : a.time < b.time
        }
    }

    /// A heap in which the four items after 4n are not before item n.
    private var heap: [Item] = []
    private var number: UInt32 = 0
    private var happenings: [Happening] = []
    /// Places in ``happenings`` whose turn is over.
    private var free: [Int] = []

    mutating func add(_ happening: consuming Happening, at time: Int64) {
        number += 1
        let place: Int
        if let last = free.popLast() {
            place = last
            happenings[place] = happening
        } else {
            place = happenings.count
            happenings.append(happening)
        }
        insert(Item(time: time, number: number, place: place))
    }

    mutating func next() -> (time: Int64, happening: Happening)? {
        guard let item = popFirst() else { return nil }
        free.append(item.place)
        var happening = Happening.check
        swap(&happening, &happenings[item.place])
        return (item.time, happening)
    }

    private mutating func insert(_ item: Item) {
        heap.append(item)
        heap.withUnsafeMutableBufferPointer { heap in
            var hole = heap.count - 1
            while hole > 0 {
                let parent = (hole - 1) / 4
                guard item < heap[parent] else { break }
                heap[hole] = heap[parent]
                hole = parent
            }
            heap[hole] = item
        }
    }

    private mutating func popFirst() -> Item? {
        guard let item = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return item }
        return heap.withUnsafeMutableBufferPointer { heap in
            let first = heap[0]
            var hole = 0
            while true {
                let child = 4 * hole + 1
                guard child < heap.count else { break }
                let least = Self.least(in: heap, from: child)
                guard heap[least] < item else { break }
                heap[hole] = heap[least]
                hole = least
            }
            heap[hole] = item
            return first
        }
    }

    /// The place of the earliest of up to four items.
    private static func least(in heap: UnsafeMutableBufferPointer<Item>, from first: Int) -> Int {
        guard first + 3 < heap.count else {
            var least = first
            for place in first..<heap.count where heap[place] < heap[least] { least = place }
            return least
        }
        let left = heap[first + 1] < heap[first] ? first + 1 : first
        let right = heap[first + 3] < heap[first + 2] ? first + 3 : first + 2
        return heap[right] < heap[left] ? right : left
    }
}
