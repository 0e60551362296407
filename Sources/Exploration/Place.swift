internal import Consensus
internal import Primitives

/// One member in one state, with what it did before that the rules ask about: a part of many states of the whole.
final class Place {
    let member: Member
    let memory: Memory
    /// For each index up to the end of the log, a hash of everything up to there.
    let chain: [UInt64]
    /// The same of what is on disk.
    let diskChain: [UInt64]
    /// Whether it follows a leader that it has just heard from.
    let isProtecting: Bool

    init(_ member: Member, memory: Memory) {
        self.member = member
        self.memory = memory
        let raft = member.raft
        chain = Place.chain(raft.log.suffix(from: raft.log.firstIndex))
        diskChain = Place.chain(member.disk.entries)
        let silence = raft.isLeader || raft.isLooking ? nil : raft.staleness(at: member.clock)
        isProtecting = silence.map { $0 < raft.settings.electionTimeout } ?? false
    }

    private static func chain(_ entries: [Entry]) -> [UInt64] {
        var print = Fingerprint()
        return entries.map { entry in
            entry.combine(into: &print)
            return print.folded
        }
    }

    var term: Term { member.raft.term }

    /// Everything that decides what may come next here, and what the rules remember.
    var fingerprint: Fingerprint {
        var print = Fingerprint()
        print.combine(member.id.rawValue)
        member.raft.combine(into: &print)
        member.disk.hardState.combine(into: &print)
        print.combine(UInt64(diskChain.count))
        print.combine(diskChain.last ?? 0)
        print.combine(UInt64(member.writes.count))
        for pending in member.writes { combine(pending, into: &print) }
        print.combine(isProtecting)
        memory.combine(into: &print)
        return print
    }

    private func combine(_ pending: Member.PendingWrite, into print: inout Fingerprint) {
        print.combine(pending.write.hardState != nil)
        pending.write.hardState?.combine(into: &print)
        let entries = if case .replaceSuffix(let entries) = pending.write.change { entries } else { [Entry]() }
        print.combine(UInt64(entries.count))
        for entry in entries { entry.combine(into: &print) }
        print.combine(UInt64(pending.thenSend.count))
        for envelope in pending.thenSend { envelope.combine(into: &print) }
    }
}

/// What a member did in all its lives.
struct Memory {
    /// Whom it gave a vote that has left it, by term.
    private(set) var votes: [NodeID?] = []
    /// The terms it led, one bit each.
    private(set) var led: UInt64 = 0
    /// What it knew to be committed: the hash of the log up to each index, and the term it learned it in.
    private(set) var committed: [(chain: UInt64, term: Term)] = []

    func combine(into print: inout Fingerprint) {
        print.combine(UInt64(votes.count))
        for vote in votes { print.combine(vote?.rawValue ?? 0) }
        print.combine(led)
        for fact in committed { print.combine(fact.chain ^ fact.term.rawValue) }
    }

    /// - Returns: whether it is the only vote of the term.
    mutating func notesVote(for candidate: NodeID, in term: Term) -> Bool {
        let place = Int(term.rawValue)
        while votes.count <= place { votes.append(nil) }
        defer { votes[place] = candidate }
        return votes[place] == nil || votes[place] == candidate
    }

    mutating func noteLeading(_ term: Term) { led |= 1 << term.rawValue }

    /// - Returns: whether everything committed is what was committed before.
    mutating func notesCommitted(_ chain: ArraySlice<UInt64>, in term: Term) -> Bool {
        for (known, now) in zip(committed, chain) where known.chain != now { return false }
        for link in chain.dropFirst(committed.count) { committed.append((link, term)) }
        return true
    }
}
