internal import Consensus
internal import Primitives

// What must hold, each rule on as few members as it speaks of.

extension Catalogue {
    /// The rules about one member and what leaves it, and its memory of both.
    ///
    /// - Returns: the rule that is broken.
    func note(_ member: Member, _ sends: [Envelope], in memory: inout Memory) -> String? {
        for envelope in sends {
            if checksPromises, let problem = earlyPromise(envelope, of: member) { return problem }
            guard let (candidate, term) = vote(in: envelope, of: member) else { continue }
            if !memory.notesVote(for: candidate, in: term) {
                return "vote once: \(name(member)) votes twice in term \(term.rawValue)"
            }
        }
        let raft = member.raft
        if raft.isLeader { memory.noteLeading(raft.term) }
        let chain = Place(member, memory: memory).chain.prefix(Int(raft.commitIndex.rawValue))
        if !memory.notesCommitted(chain, in: raft.term) {
            return "state machine safety: \(name(member)) commits another entry than before"
        }
        return nil
    }

    private func name(_ member: Member) -> String { Wording(configuration).name(member.id) }

    /// The vote that a message carries: a request carries the candidate's own.
    private func vote(in envelope: Envelope, of member: Member) -> (candidate: NodeID, term: Term)? {
        switch envelope.message {
        case .vote(let request): (member.id, request.term)
        case .voteReply(let reply) where reply.granted: (envelope.to, reply.term)
        default: nil
        }
    }

    /// Whether a message says more than its sender's disk holds (`invariants.md` 1 and 2).
    private func earlyPromise(_ envelope: Envelope, of member: Member) -> String? {
        let disk = member.disk
        if let (candidate, term) = vote(in: envelope, of: member) {
            let isDurable = disk.hardState.term > term || disk.hardState == HardState(term: term, votedFor: candidate)
            return isDurable ? nil : "promise before durable: \(name(member)) sends a vote that is not on its disk"
        }
        guard case .appendReply(let reply) = envelope.message, case .matching(let index) = reply.outcome else {
            return nil
        }
        let place = Place(member, memory: Memory())
        let last = Int(index.rawValue)
        // An answer to an older leader vouches for that leader's entries, not for those that replace them here.
        let isSame = member.raft.term > reply.term || place.diskChain.prefix(last).last == place.chain.prefix(last).last
        let isDurable = last <= place.diskChain.count && isSame
        return isDurable ? nil : "promise before durable: \(name(member)) acknowledges what is not on its disk"
    }

    /// The rules about two members.
    func problem(between a: Place, and b: Place) -> String? {
        if a.memory.led & b.memory.led != 0 { return "election safety: two leaders in one term" }
        for (offset, link) in a.chain.enumerated() where offset < b.chain.count {
            let index = LogIndex(UInt64(offset) + 1)
            guard a.member.raft.log.term(at: index) == b.member.raft.log.term(at: index) else { continue }
            if link != b.chain[offset] { return "log matching: equal terms at \(index.rawValue) after different logs" }
        }
        let shared = min(a.memory.committed.count, b.memory.committed.count)
        if shared > 0, a.memory.committed[shared - 1].chain != b.memory.committed[shared - 1].chain {
            return "state machine safety: two members commit different entries"
        }
        return missing(in: a, of: b) ?? missing(in: b, of: a)
    }

    /// A leader holds everything that was committed in earlier terms (Raft §5.4.3).
    private func missing(in leader: Place, of other: Place) -> String? {
        guard leader.member.raft.isLeader else { return nil }
        for (offset, fact) in other.memory.committed.enumerated() where fact.term < leader.term {
            guard offset < leader.chain.count, leader.chain[offset] == fact.chain else {
                return "leader completeness: \(name(leader.member)) leads without committed entry \(offset + 1)"
            }
        }
        return nil
    }

    /// What is committed is durable on a majority (`invariants.md` 2).
    func problem(among places: [Place]) -> String? {
        guard let furthest = places.max(by: { $0.memory.committed.count < $1.memory.committed.count }),
            let last = furthest.memory.committed.last
        else { return nil }
        let offset = furthest.memory.committed.count - 1
        let holders = places.count { offset < $0.diskChain.count && $0.diskChain[offset] == last.chain }
        guard holders < configuration.quorum else { return nil }
        return "durability: entry \(offset + 1) is committed, and on \(holders) disks only"
    }
}
