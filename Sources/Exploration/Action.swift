/// One thing that may happen next.
enum Action: Hashable {
    /// A message arrives. When it is `late`, its receiver's patience with the leader has just ended.
    case deliver(letter: UInt32, late: Bool)
    /// A message arrives, and stays under way to arrive again.
    case duplicate(letter: UInt32)
    /// A message is lost.
    case lose(letter: UInt32)
    /// A member that follows or looks runs out of patience.
    case timeout(Int)
    case heartbeat(Int)
    /// A leader speaks until it gives up, and nobody hears it.
    case loseQuorum(Int)
    /// A member's oldest write becomes durable.
    case sync(Int)
    /// A member begins anew with the first so many of its writes.
    case crash(Int, kept: Int)
    case propose(Int, entry: Int)
    case handOver(Int, to: Int)

    /// The action in one word, as a history keeps it.
    var packed: UInt32 {
        switch self {
        case .deliver(let letter, let late): letter << 4 | (late ? 1 : 0)
        case .duplicate(let letter): letter << 4 | 2
        case .lose(let letter): letter << 4 | 10
        case .timeout(let member): UInt32(member) << 4 | 3
        case .heartbeat(let member): UInt32(member) << 4 | 4
        case .loseQuorum(let member): UInt32(member) << 4 | 5
        case .sync(let member): UInt32(member) << 4 | 6
        case .crash(let member, let kept): UInt32(kept << 8 | member) << 4 | 7
        case .propose(let member, let entry): UInt32(entry << 8 | member) << 4 | 8
        case .handOver(let member, let target): UInt32(target << 8 | member) << 4 | 9
        }
    }

    init(packed: UInt32) {
        let rest = packed >> 4
        let (low, high) = (Int(rest & 0xFF), Int(rest >> 8))
        switch packed & 15 {
        case 0: self = .deliver(letter: rest, late: false)
        case 1: self = .deliver(letter: rest, late: true)
        case 2: self = .duplicate(letter: rest)
        case 3: self = .timeout(low)
        case 4: self = .heartbeat(low)
        case 5: self = .loseQuorum(low)
        case 6: self = .sync(low)
        case 7: self = .crash(low, kept: high)
        case 8: self = .propose(low, entry: high)
        case 9: self = .handOver(low, to: high)
        default: self = .lose(letter: rest)
        }
    }
}
