package import Consensus
package import Primitives

/// Says in words what members tell each other and do. A log position is written as index/term.
package struct Wording: Sendable {
    let configuration: Configuration

    package init(_ configuration: Configuration) { self.configuration = configuration }

    package func name(_ id: NodeID) -> String { configuration.member(id)?.name ?? "?" }

    package func words(_ message: Message, from sender: NodeID, to receiver: NodeID) -> String {
        "\(name(sender)) -> \(name(receiver))  \(words(message))"
    }

    package func words(_ message: Message) -> String {
        switch message {
        case .preVote(let request): "pre-vote? \(words(request))"
        case .preVoteReply(let reply): "pre-vote \(words(reply))"
        case .vote(let request): "vote? \(words(request))"
        case .voteReply(let reply): "vote \(words(reply))"
        case .append(let append): words(append)
        case .appendReply(let reply): words(reply)
        case .snapshotChunk(let chunk):
            "snapshot of \(position(chunk.position.index, chunk.position.term)), piece \(chunk.number)"
                + "\(chunk.isLast ? ", the last" : ""), term \(chunk.term.rawValue)"
        case .snapshotReply(let reply):
            "snapshot of \(reply.index.rawValue): wants piece \(reply.next), term \(reply.term.rawValue)"
        case .readRequest(let request): "read index? term \(request.term.rawValue)"
        case .readReply(let reply): "read index \(reply.index.rawValue), term \(reply.term.rawValue)"
        case .campaignNow(let request): "campaign now, term \(request.term.rawValue)"
        case .credentials(let credentials):
            "credentials\(credentials.asks ? "?" : "") log ends at "
                + "\(position(credentials.lastIndex, credentials.lastTerm)), priority \(credentials.priority), "
                + "term \(credentials.term.rawValue)"
        case .introduction(let introduction): words(introduction)
        case .heldByOthers(let held): "others hold \(held.index.rawValue), term \(held.term.rawValue)"
        }
    }

    private func words(_ introduction: Introduction) -> String {
        var parts = [introduction.directory.map { "directory \($0.rawValue) is blank" } ?? "is not blank"]
        if !introduction.firsts.isEmpty {
            let firsts = introduction.firsts.map { "\(name($0.member))'s \($0.directory.rawValue)" }
            parts.append("first ones are \(firsts.joined(separator: ", "))")
        }
        if let later = introduction.later { parts.append("appended \(later.rawValue) since") }
        return "introduction\(introduction.question != nil ? "?" : "") \(parts.joined(separator: ", ")), "
            + "term \(introduction.term.rawValue)"
    }

    private func words(_ request: VoteRequest) -> String {
        "term \(request.term.rawValue), log ends at \(position(request.lastIndex, request.lastTerm))"
            + (request.handOver ? ", handed over" : "")
    }

    private func words(_ reply: VoteReply) -> String {
        (reply.granted ? "granted" : "refused") + ", term \(reply.term.rawValue)"
    }

    private func words(_ append: Append) -> String {
        let content = append.entries.isEmpty ? "nothing" : append.entries.map(words).joined(separator: ", ")
        return "append \(content) after \(position(append.previousIndex, append.previousTerm)), "
            + "commit \(append.commit.rawValue), round \(append.round)\(append.roundIsUrgent ? " (urgent)" : ""), "
            + "term \(append.term.rawValue)"
    }

    private func words(_ reply: AppendReply) -> String {
        let outcome =
            switch reply.outcome {
            case .matching(let index): "holds through \(index.rawValue)"
            case .mismatch(let previous, let hint, let term):
                "differs at \(previous.rawValue), may agree at \(position(hint, term))"
            }
        return "\(outcome), round \(reply.round), term \(reply.term.rawValue)"
            + (reply.counts ? "" : ", does not count") + (reply.needsSnapshot ? ", needs a snapshot" : "")
    }

    package func words(_ entry: Entry) -> String {
        let content =
            switch entry.payload {
            case .noop: "no-op"
            case .configuration(let configuration):
                "members " + configuration.members.map(\.name).sorted().joined(separator: " ")
            case .command(let bytes): String(decoding: bytes, as: UTF8.self)
            }
        return "\(position(entry.index, entry.term)) \(content)"
    }

    package func words(_ write: LogWrite) -> String {
        var parts: [String] = []
        if let state = write.hardState {
            parts.append("term \(state.term.rawValue), vote \(state.votedFor.map(name) ?? "none")")
        }
        switch write.change {
        case .replaceSuffix(let entries): parts.append(entries.map(words).joined(separator: ", "))
        case .reset(let to): parts.append("log begins after \(position(to.index, to.term))")
        case .resetAndAppend(let to, let entries):
            parts.append("log begins after \(position(to.index, to.term))")
            parts.append(entries.map(words).joined(separator: ", "))
        case nil: break
        }
        switch write.settles {
        case .isFirst: parts.append("joins")
        case .isRepaired: parts.append("is repaired")
        case nil: break
        }
        return parts.isEmpty ? "nothing" : parts.joined(separator: "; ")
    }

    package func position(_ index: LogIndex, _ term: Term) -> String { "\(index.rawValue)/\(term.rawValue)" }
}

extension Wording {
    package func words(_ notice: Notice) -> String {
        switch notice {
        case .lookingForLeader(let term, let reason): "looks for a leader in term \(term.rawValue): \(words(reason))"
        case .campaignStarted(let term): "campaigns in term \(term.rawValue)"
        case .electionLost(let term): "loses an election in term \(term.rawValue)"
        case .becameLeader(let term): "leads term \(term.rawValue)"
        case .following(let leader, let term): "follows \(name(leader)) in term \(term.rawValue)"
        case .handOverStarted(let target, _): "begins to hand over to \(name(target))"
        case .priorityHonoured(let target, _): "sees that \(name(target)) has a higher priority"
        case .handOverAbandoned: "gives the hand-over up"
        case .truncated(let index): "drops its entries from \(index.rawValue) on"
        case .snapshotTransferStarted(let target, let index):
            "begins to send \(name(target)) a snapshot of \(index.rawValue)"
        case .snapshotReceived(let index): "has received a snapshot of \(index.rawValue)"
        case .snapshotInstalled(let index): "goes on from a snapshot of \(index.rawValue)"
        case .damageRepaired(let index): "is repaired at \(index.rawValue)"
        case .joined(let isNew, let index): isNew ? "joins a new cluster" : "joins at \(index.rawValue)"
        }
    }

    private func words(_ reason: LookingReason) -> String {
        switch reason {
        case .leaderSilent(let leader): "\(name(leader)) is silent"
        case .leaderGone(let leader): "the process of \(name(leader)) is gone"
        case .newerTerm: "there is a newer term"
        case .quorumLost: "no majority answers"
        case .diskStalled: "its disk does not answer"
        case .handedOver: "the leader handed over"
        }
    }
}
