/// A kind of trouble that a world can make.
package enum Fault: String, CaseIterable, Sendable {
    /// Messages take long, each its own time, so that they overtake each other.
    case delay
    case loss
    /// Consensus messages arrive again, soon or much later.
    case duplication
    /// Frames that were sent long ago, also by and to earlier lives, arrive again.
    case replay
    /// Bits of frames flip on their way; the checksum tells, and the connection is closed.
    case corruption
    /// Some nodes do not hear some others, in one direction or both.
    case partition
    /// Two nodes do not hear each other, but both hear all others.
    case bridge
    /// The leader, of all nodes, is cut off.
    case isolation
    /// A link holds everything back for a while, then lets all of it go at once.
    case clog
    /// Connections break, and nodes are told wrongly or late what became of their peers.
    case reset
    /// A process dies with all writes that are not synced.
    case crash
    /// A crash keeps some first part of what is not synced.
    case torn
    /// A process stands still while its clock goes on.
    case pause
    /// A process gets to its work only now and then.
    case slow
    /// Clocks run up to a tenth too fast or too slow.
    case clock
    /// Disks are slow or hang.
    case disk
    /// A sync fails: the process exits, and nothing of what was not synced is there afterwards.
    case syncError
    /// A disk is full for a while.
    case fullDisk
    /// A node's log loses what it had acknowledged at its end, and its durable mark says so.
    case damage
    /// Bits flip on a disk: the log ends before them, or the state cannot be read.
    case bitFlip
    /// A node's log and state are gone; at most its durable mark is left.
    case lostDisk
    /// A node's state is not the cluster's any more.
    case divergence

    /// Whether it happens at a moment, as opposed to being in every message, clock or crash.
    var isSudden: Bool {
        switch self {
        case .delay, .loss, .duplication, .corruption, .clock, .torn: false
        default: true
        }
    }
}
