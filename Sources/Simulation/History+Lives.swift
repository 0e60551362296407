internal import Consensus
internal import Primitives

// What a node has promised binds its later lives, and what it may promise depends on what it lost.

extension History {
    /// A life begins with every vote that an earlier one gave (`invariants.md` 1), and knows whether its log lost something
    /// (15).
    func checkBegins(_ node: SimulatedNode, with recovered: RecoveredLog) throws(Violation) {
        if hasLostDirectory[node.number], recovered.blank == nil {
            throw Violation("15", "n\(node.number + 1) lost its data directory, and takes the next for one that joined")
        }
        // Of what is gone without a mark nothing can be found missing.
        guard recovered.isDamaged == (isDamaged[node.number] && !hasLostDirectory[node.number]) else {
            let what = recovered.isDamaged ? "takes a whole log for damaged" : "takes a damaged log for whole"
            throw Violation("15", "n\(node.number + 1) \(what)")
        }
        guard let vote = newestVotes[node.number], recovered.hardState.term <= vote.term else { return }
        // One that was damaged may not know for whom: it counts its vote as spent on itself.
        let voted = recovered.hardState.votedFor
        let remembers = voted == vote.candidate || voted == node.id
        guard recovered.hardState.term == vote.term, remembers else {
            throw Violation("1", "n\(node.number + 1) begins without its vote of term \(vote.term.rawValue)")
        }
    }

    /// Whoever leads has the votes of a majority, its own among them, and all durably (`invariants.md` 1).
    func checkElected(_ node: SimulatedNode, term: Term) throws(Violation) {
        let durable = node.log.durable.hardState
        guard durable.term > term || durable.term == term && durable.votedFor == node.id else {
            throw Violation("1", "n\(node.number + 1) leads term \(term.rawValue), but its candidacy is not durable")
        }
        let others = (0..<isDamaged.count).count { $0 != node.number && hasVoted($0, for: node.id, in: term) }
        guard others + 1 < quorum else { return }
        throw Violation(
            "election safety", "n\(node.number + 1) leads term \(term.rawValue) with \(others + 1) votes of \(quorum)")
    }

    /// A damaged node neither votes nor campaigns nor counts (`invariants.md` 15), and neither does one that has not joined.
    func checkIsWhole(_ node: SimulatedNode) throws(Violation) {
        if node.log.blank != nil {
            throw Violation("15", "n\(node.number + 1) votes, campaigns or lets itself be counted before it has joined")
        }
        guard isDamaged[node.number] else { return }
        throw Violation("15", "n\(node.number + 1) votes, campaigns or lets itself be counted with a damaged log")
    }

    /// What is acknowledged is durable as the leader has it, not as another leader once did (`invariants.md` 2). A state that
    /// was installed stands for the log up to there, also before the log begins after it.
    func checkEqual(
        _ index: LogIndex, of node: SimulatedNode, to leader: SimulatedNode, term: Term
    ) throws(Violation) {
        guard index > node.state.durable.position?.index ?? .zero, node.log.durable.hardState.term <= term,
            let own = node.log.durable.term(at: index), let expected = leader.process?.term(at: index, leadingIn: term),
            own != expected
        else { return }
        throw Violation(
            "2",
            "n\(node.number + 1) acknowledges entry \(index.rawValue) of term \(expected.rawValue), "
                + "but one of term \(own.rawValue) is durable")
    }
}
