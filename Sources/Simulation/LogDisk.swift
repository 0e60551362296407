internal import Consensus
internal import Primitives
internal import ReplicaCore

/// What a node's `log.db` durably holds.
struct DurableLog: Equatable {
    var hardState = HardState()
    var base: SnapshotPosition?
    var entries: [Entry] = []

    var baseIndex: LogIndex { base?.index ?? .zero }
    var lastIndex: LogIndex { entries.last?.index ?? baseIndex }

    /// Inlined, so that the whole is not copied out of its node.
    @inline(__always)
    func term(at index: LogIndex) -> Term? {
        if let base, base.index == index { return base.term }
        guard index > baseIndex, index <= lastIndex else { return nil }
        return entries[Int(index.rawValue - baseIndex.rawValue) - 1].term
    }

    mutating func carryOut(_ write: LogWrite) {
        if let hardState = write.hardState { self.hardState = hardState }
        switch write.change {
        case .replaceSuffix(let entries): replaceSuffix(entries)
        case .reset(let position): reset(position, [])
        case .resetAndAppend(let position, let entries): reset(position, entries)
        case nil: break
        }
    }

    /// Whether `write` takes entries away that are not known to be committed.
    func loses(to write: LogWrite) -> Bool {
        switch write.change {
        case .replaceSuffix(let entries): entries[0].index <= lastIndex
        case .reset, .resetAndAppend: lastIndex > .zero
        case nil: false
        }
    }

    mutating func carryOut(_ truncation: LogTruncation) {
        guard truncation.base.index > baseIndex else { return }
        entries.removeFirst(min(entries.count, Int(truncation.base.index.rawValue - baseIndex.rawValue)))
        base = truncation.base
    }

    private mutating func replaceSuffix(_ new: [Entry]) {
        let kept = Int(new[0].index.rawValue) - Int(baseIndex.rawValue) - 1
        precondition(kept >= 0 && kept <= entries.count, "a write leaves no gap in the log")
        entries.removeLast(entries.count - kept)
        entries.append(contentsOf: new)
    }

    private mutating func reset(_ position: SnapshotPosition, _ new: [Entry]) {
        base = position
        entries = new
    }
}

/// A step of a node's log writer.
enum LogJob {
    case write(LogWrite, thenSend: [(to: NodeID, message: PeerMessage)], issuedAt: Int64)
    case truncate(LogTruncation)
}

/// A node's log writer: jobs in order, several with one sync.
struct LogDisk {
    var durable = DurableLog()
    /// What it held before writes, or an opening that found damage, took entries away, of a node with real stores: their files
    /// may show it again when their newest part is lost.
    private(set) var earlier: [DurableLog] = []
    /// The data directory, until it has joined the cluster.
    var blank: DirectoryID?
    /// Whether it lost what may have been acknowledged, and no leader has repaired that yet.
    var isDamaged = false
    /// Whether there is a data directory at all.
    var isBegun = false
    /// Not begun.
    var queued: [LogJob] = []
    /// In the sync under way; empty when the disk is idle.
    var syncing: [LogJob] = []
    /// Until then nothing is synced.
    var hangsUntil: Int64 = 0
    /// The next sync to end ends with an error.
    var failsNext = false

    /// Takes note of what a write under way is about to change.
    mutating func keepEarlier(before write: LogWrite) {
        if durable.loses(to: write) { earlier.append(durable) }
    }

    /// An opening found `log`, and dropped what it could not keep.
    mutating func become(_ log: DurableLog) {
        if log != durable { earlier.append(durable) }
        durable = log
    }

    /// The data directory is gone.
    mutating func lose() {
        durable = DurableLog()
        earlier = []
        isBegun = false
        isDamaged = false
    }

    mutating func carryOut(_ job: LogJob) {
        switch job {
        case .write(let write, _, _):
            durable.carryOut(write)
            if write.settles != nil { blank = nil }
            if write.settles == .isRepaired { isDamaged = false }
        case .truncate(let truncation): durable.carryOut(truncation)
        }
    }

    /// The process dies. What was being synced is there or not; with `tears` some first part of everything may be.
    mutating func crash(tears: Bool, _ random: inout SeededGenerator) {
        let pending = syncing + queued
        let survivors = tears ? random.below(pending.count + 1) : random.chance(5000) ? syncing.count : 0
        for job in pending.prefix(survivors) { carryOut(job) }
        forget()
    }

    /// When the oldest write that is not durable was issued.
    var oldestWrite: Int64? {
        for job in syncing { if case .write(_, _, let issuedAt) = job { return issuedAt } }
        for job in queued { if case .write(_, _, let issuedAt) = job { return issuedAt } }
        return nil
    }

    /// Lets the last truncations of the sync under way wait for the next one.
    mutating func postpone(_ truncations: [LogTruncation]) {
        let others = syncing.filter { job in
            if case .truncate(let truncation) = job { !truncations.contains(truncation) } else { true }
        }
        let waiting = truncations.map { LogJob.truncate($0) }
        // Alone, they are what the next sync is for.
        syncing = others.isEmpty ? waiting : others
        if !others.isEmpty { queued.insert(contentsOf: waiting, at: 0) }
    }

    /// Drops whatever is not durable.
    mutating func forget() {
        syncing = []
        queued = []
    }
}
