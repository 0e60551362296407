internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// One node of a world: its disks, which outlive it, and the life it has now.
final class SimulatedNode {
    let number: Int
    let id: NodeID
    var clock: NodeClock
    var log = LogDisk()
    var state = StateDisk()
    /// What keeps both in earnest; `nil` where the record of what is durable is all there is.
    let stores: (any NodeStores)?
    /// A store's first error: the process ends at the end of this step.
    var storesFailed = false
    /// Counts its starts, from 1.
    var life = 0
    var process: Process?
    /// Until then it gets to its work only now and then.
    var slowUntil: Int64 = 0
    var isShortOfSpace = false
    /// There is no space at all.
    var isFull = false
    /// The newest revision it answered with, in any life.
    var answered = Revision.zero

    /// What dies with the process.
    final class Process {
        var replica: Replica
        /// The mistake built into the replica.
        let planted: PlantedBug?
        /// Inputs not handled yet.
        var inbox: [Input] = []
        /// An empty list with room, for the next batch.
        private var spare: [Input] = []
        var isAwake = false
        var isPaused = false
        /// When it last went on after standing still, in true time.
        var resumedAt: Int64 = 0
        /// When its timer is set to go off, in true time.
        var timer = Int64.max
        /// What came due in true time while it was paused.
        var missed: [Happening] = []
        /// The newest life of each member that this process has seen.
        var newestLives: [Int]
        var nextSave: Int64 = 0
        var checks: NodeChecks
        /// Flushes in a row after which the replica wanted to be called again at once.
        var spins = 0

        init(_ replica: Replica, members: Int, planted: PlantedBug?, nextSave: Int64) {
            self.replica = replica
            self.planted = planted
            newestLives = Array(repeating: 0, count: members)
            checks = NodeChecks(members: members)
            self.nextSave = nextSave
            checks.commit = replica.raft.commitIndex
            checks.applied = replica.store.appliedIndex
        }

        /// Takes up to `count` inputs from the inbox and goes through one batch with them.
        ///
        /// - Returns: how many there were.
        func step(atMost count: Int, at now: Instant, into out: inout Outbox) -> Int {
            var batch: [Input] = []
            swap(&batch, &spare)
            if inbox.count <= count {
                swap(&batch, &inbox)
            } else {
                batch.append(contentsOf: inbox[..<count])
                inbox.removeFirst(count)
            }
            let taken = batch.count
            PlantedBug.plant(planted) { Self.step(&replica, &batch, at: now, into: &out) }
            batch.removeAll(keepingCapacity: true)
            swap(&batch, &spare)
            return taken
        }

        /// What `question` finds in the replica, looked at in place.
        func ask<Answer>(_ question: (inout Replica) -> Answer) -> Answer { question(&replica) }

        private static func step(
            _ replica: inout Replica, _ batch: inout [Input], at now: Instant, into out: inout Outbox
        ) {
            for place in batch.indices {
                // Moved out, because a copy counts everything in it.
                var input = Input.tick
                swap(&input, &batch[place])
                replica.handle(input, at: now, into: &out)
            }
            replica.flush(at: now, into: &out)
        }

        /// The term of an entry in the log of the leader of `leadingIn`, looked at in place; `nil` where this is another.
        func term(at index: LogIndex, leadingIn term: Term) -> Term? {
            Self.term(at: index, leadingIn: term, &replica)
        }

        private static func term(at index: LogIndex, leadingIn term: Term, _ replica: inout Replica) -> Term? {
            guard replica.raft.term == term, replica.raft.isLeader else { return nil }
            return replica.raft.log.term(at: index)
        }
    }

    init(number: Int, id: NodeID, clock: NodeClock, stores: (any NodeStores)?) {
        self.stores = stores
        self.number = number
        self.id = id
        self.clock = clock
    }

    var isUp: Bool { process != nil }
    /// Up and not standing still.
    var isRunning: Bool { process.map { !$0.isPaused } ?? false }
    var isLeader: Bool { process?.ask { $0.raft.isLeader } ?? false }
}

/// What the checks remember of one life of a node.
struct NodeChecks {
    var commit = LogIndex.zero
    var applied = LogIndex.zero
    /// Its term at the last look.
    var term = Term.zero
    /// The term it led at the last look.
    var led: Term?
    /// Since when it leads that term, in true time.
    var ledSince: Int64 = 0
    /// When an answer to this node's appends last came from each member, in true time.
    var answered: [Int64]
    /// An answer to its appends came since the last look.
    var hasNewAnswer = false
    /// The newest life of each member that a frame was handed over from.
    var lives: [Int]
    /// When it found its state to differ from the leader's, in true time.
    var foundDifference = Int64.max
    /// Snapshots it installed while nothing was wrong.
    var calmSnapshots = 0

    init(members: Int) {
        answered = Array(repeating: 0, count: members)
        lives = Array(repeating: 0, count: members)
    }
}
