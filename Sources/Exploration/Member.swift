package import Consensus
package import Primitives

/// One `Raft` with a disk and a clock of its own, each of which moves only when told.
package struct Member: Sendable {
    /// The shipping value.
    package private(set) var raft: Raft
    /// What a restart would find.
    package private(set) var disk: RecoveredLog
    /// What the durable state covers; a restart knows it to be committed.
    package private(set) var state: SnapshotPosition?
    /// Writes issued and not durable, in their order.
    package private(set) var writes: [PendingWrite] = []
    /// This member's own time.
    package private(set) var clock = Instant(nanoseconds: 1_000_000_000)
    /// What its delays are drawn from, in every life.
    private let seed: UInt64
    /// What is wrong with the shell around it, if anything is.
    let mistake: Mistake?

    /// A write under way and the messages that wait for it.
    package struct PendingWrite: Sendable {
        package var write: LogWrite
        package var thenSend: [Envelope]
    }

    package var id: NodeID { raft.id }

    /// A member in its first life, or in a later one with what `disk` holds. Nothing is written yet.
    package init(
        id: NodeID, settings: Settings, bootstrap: Configuration, disk: RecoveredLog = RecoveredLog(),
        seed: UInt64 = 1, mistake: Mistake? = nil
    ) {
        raft = Raft(
            id: id, settings: settings, recovered: disk, bootstrap: bootstrap, state: nil, seed: seed ^ id.rawValue,
            now: clock)
        self.disk = disk
        self.seed = seed
        self.mistake = mistake
    }

    /// Hands `input` to the member and ends the batch; its write joins those under way.
    package mutating func step(_ input: (inout Raft, Instant, inout RaftOutbox) -> Void) -> RaftOutbox {
        var out = RaftOutbox()
        input(&raft, clock, &out)
        raft.flush(now: clock, into: &out)
        guard let write = out.write else { return out }
        if mistake == .sendsBeforeDurable {
            out.sends += out.thenSend
            out.thenSend = []
        }
        writes.append(PendingWrite(write: write, thenSend: out.thenSend))
        return out
    }

    /// Lets this member's clock run until `moment`; it never runs back.
    package mutating func pass(until moment: Instant) { clock = max(clock, moment) }

    /// The oldest write becomes durable and what waited for it leaves.
    package mutating func sync() -> RaftOutbox {
        let done = writes.removeFirst()
        disk.carryOut(done.write)
        var out = step { $0.persisted(done.write.id, now: $1, into: &$2) }
        out.sends = done.thenSend + out.sends
        return out
    }

    /// The process dies and begins anew: of the writes under way only the first `kept` reached the disk.
    package mutating func restart(keeping kept: Int, configuration: Configuration) {
        for pending in writes.prefix(kept) { disk.carryOut(pending.write) }
        if mistake == .forgetsVote { disk.hardState.votedFor = nil }
        if mistake == .losesEntry, disk.entries.count > 1 { disk.entries.removeLast() }
        writes = []
        raft = Raft(
            id: id, settings: raft.settings, recovered: disk, bootstrap: configuration, state: state,
            bounds: raft.bounds, seed: seed ^ id.rawValue, now: clock)
    }

    /// The state at `index` becomes durable, and the log up to there goes.
    package mutating func compact(through index: LogIndex) {
        guard let position = raft.position(at: index, time: raft.log[index].time) else { return }
        state = position
        guard let truncation = raft.compactLog(through: index) else { return }
        disk.entries.removeAll { $0.index <= truncation.base.index }
        disk.base = truncation.base
    }

    /// A snapshot that arrived is durable and in use.
    package mutating func install(_ position: SnapshotPosition) -> RaftOutbox {
        state = position
        return step { $0.snapshotInstalled(at: position, now: $1, into: &$2) }
    }
}

/// A mistake built into the shell on purpose, to show that the rules see it.
package enum Mistake: String, CaseIterable, Sendable {
    /// Promises leave before the write they vouch for is durable.
    case sendsBeforeDurable
    /// A restart forgets whom the member voted for.
    case forgetsVote
    /// A restart finds the last durable entry gone, and no mark that says so.
    case losesEntry
}

extension RecoveredLog {
    /// Does to the disk what `write` asks for.
    package mutating func carryOut(_ write: LogWrite) {
        if let state = write.hardState { hardState = state }
        if write.settles != nil { blank = nil }
        if write.settles == .isRepaired { isDamaged = false }
        switch write.change {
        case .replaceSuffix(let new):
            entries.removeAll { $0.index >= new[0].index }
            entries += new
        case .reset(let position): (base, entries) = (position, [])
        case .resetAndAppend(let position, let new): (base, entries) = (position, new)
        case nil: break
        }
    }
}
