internal import HeapModule
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
    case crash(node: Int, life: Int)
    case check
}

/// What ends a fault.
enum Remedy {
    case heal(from: Int, to: Int)
    case resume(node: Int)
}

/// A frame on its way between two lives of two nodes.
struct Packet {
    var from: Int
    var to: Int
    var fromLife: Int
    var toLife: Int
    var bytes: Bytes
}

/// What will happen when, in an order that is the same in every run.
struct Schedule {
    private struct Item: Comparable {
        var time: Int64
        var number: UInt64
        var happening: Happening
        static func < (a: Item, b: Item) -> Bool { (a.time, a.number) < (b.time, b.number) }
        static func == (a: Item, b: Item) -> Bool { a.number == b.number }
    }

    private var heap = Heap<Item>()
    private var number: UInt64 = 0

    mutating func add(_ happening: Happening, at time: Int64) {
        number += 1
        heap.insert(Item(time: time, number: number, happening: happening))
    }

    mutating func next() -> (time: Int64, happening: Happening)? { heap.popMin().map { ($0.time, $0.happening) } }
}
