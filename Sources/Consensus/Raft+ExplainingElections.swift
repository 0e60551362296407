internal import Primitives

// What a member without a leader is waiting for, in words: one sentence for each state.

extension Raft {
    func explanation(of looking: Looking, at now: Instant, name: (NodeID) -> String) -> String {
        let never = contendersThatNeverLead(at: now)
        let sentence = explanationOfPhase(looking, at: now, name: name)
        guard !never.isEmpty else { return sentence }
        let names = list(never, name: name)
        return "Nobody may lead: of the members that this node hears only \(names) could win, and "
            + (never.count == 1 ? "its priority is 0. " : "their priority is 0. ") + sentence
    }

    private func explanationOfPhase(_ looking: Looking, at now: Instant, name: (NodeID) -> String) -> String {
        if isBlank {
            return "This node asks the others whether the cluster is new, and waits for them to elect a leader if not."
        }
        if isDamaged { return "This node waits for the others to elect one, because it may not vote." }
        switch looking.phase {
        case .waiting where settings.priority == 0:
            return "This node never leads, because its priority is 0: it waits for another's campaign."
        case .waiting where settings.election == .ranked:
            return
                "This node waits a moment before it asks the others for their credentials, or for another's campaign."
        case .waiting: return "This node waits a moment before it asks for votes, or for another's campaign."
        case .ranking:
            let missing = names(except: [id] + looking.heard.map(\.contender.id), name: name)
            return "This node asked the others for their credentials, to see who is best placed to lead; "
                + "no word from \(missing) yet."
        case .backing(let better): return explanation(ofBacking: better, until: looking.deadline, at: now, name: name)
        case .preVoting(let granted):
            let missing = names(except: granted, name: name)
            return "This node asked whether it could win: \(granted.count) of the needed \(quorum) agree; "
                + "no word from \(missing) (unreachable, or still hearing a leader, or ahead in the log)."
        case .campaigning(let campaign):
            let missing = names(except: campaign.granted, name: name)
            return
                "This node campaigns with \(campaign.granted.count) votes of the needed \(quorum); missing: \(missing)."
        }
    }

    private func explanation(
        ofBacking better: [NodeID], until deadline: Instant, at now: Instant, name: (NodeID) -> String
    ) -> String {
        let rest = max(0, (deadline - now).milliseconds)
        if settings.priority == 0 {
            let whom =
                better.isEmpty ? "another's campaign; nobody answers that may lead" : "\(list(better, name: name))"
            return "This node never leads, because its priority is 0: it waits for \(whom), "
                + "and asks again in \(rest) ms."
        }
        return "This node ranks below \(list(better, name: name)), and lets \(better.count == 1 ? "it" : "them") go "
            + "first: it asks for votes itself in \(rest) ms."
    }

    private var quorum: String { "\(configuration.quorum) of \(configuration.members.count)" }

    private func names(except known: [NodeID], name: (NodeID) -> String) -> String {
        let missing = configuration.members.filter { !known.contains($0.id) }.map { name($0.id) }.sorted()
        return missing.isEmpty ? "nobody" : missing.joined(separator: ", ")
    }

    private func list(_ members: [NodeID], name: (NodeID) -> String) -> String {
        members.map { name($0) }.joined(separator: ", ")
    }
}
