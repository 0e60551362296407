internal import Consensus
internal import Primitives
internal import ReplicaCore

// What a voter and a leader may believe of the other members' logs.

extension World {
    /// A vote goes to a candidate whose log, as it asked with it, is not behind the voter's (Raft §5.4.1). A voter that looks
    /// for a leader has appended nothing since, unless one batch brought entries, and the leader's end, too.
    func checkGranted(_ out: borrowing Outbox, by node: SimulatedNode) throws(Violation) {
        // First what is cheap: most batches grant nothing.
        let grants = out.thenSend.contains {
            if case .consensus(.voteReply(let reply)) = $0.message { reply.granted } else { false }
        }
        guard grants, out.write?.change == nil, let voter = node.process, voter.replica.raft.isLooking else { return }
        for (to, message) in out.thenSend {
            guard case .consensus(.voteReply(let reply)) = message, reply.granted, let number = number(of: to),
                voter.replica.raft.term == reply.term,
                let candidate = history.candidacy(of: number, in: reply.term)
            else { continue }
            let own = (voter.replica.raft.log.lastTerm, voter.replica.raft.log.lastIndex)
            guard (candidate.lastTerm, candidate.lastIndex) < own else { continue }
            throw Violation(
                "leader completeness",
                "n\(node.number + 1) votes in term \(reply.term.rawValue) for n\(number + 1), whose log ends before its own"
            )
        }
    }

    /// What a leader believes to be durable at another member was acknowledged to it, in its term. It is durable there, and is
    /// the leader's (`invariants.md` 2); a member that lost something has not told yet, and one that has come to a newer term
    /// need not.
    func checkMatches(
        _ node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica
    ) throws(Violation) {
        guard process.checks.hasNewAnswer else { return }
        process.checks.hasNewAnswer = false
        for peer in replica.raft.peerProgress(at: node.clock.reading(at: now)) {
            guard peer.match > .zero, let number = number(of: peer.id) else { continue }
            guard peer.match <= history.acknowledged(by: number, in: replica.raft.term) else {
                throw Violation(
                    "2",
                    "n\(node.number + 1) counts n\(number + 1) in for entry \(peer.match.rawValue), "
                        + "which was not acknowledged in its term")
            }
            guard !history.isDamaged[number], nodes[number].log.durable.hardState.term <= replica.raft.term
            else { continue }
            let member = nodes[number]
            // An installed state stands for the log up to there, also before the log begins after it.
            if let state = member.state.durable.position, state.index >= peer.match { continue }
            let expected = replica.raft.log.term(at: peer.match)
            let own = member.log.durable.term(at: peer.match)
            guard peer.match > member.log.durable.lastIndex || own != nil && expected != nil && own != expected
            else { continue }
            throw Violation(
                "2",
                "n\(node.number + 1) counts n\(number + 1) in for entry \(peer.match.rawValue), which is not durable there"
            )
        }
    }
}
