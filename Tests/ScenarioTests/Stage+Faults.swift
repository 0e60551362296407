import Exploration
import Primitives

@testable import Consensus

// Mail, links, disks, and messages made by hand.

extension Stage {
    mutating func moveMail(_ command: Command) throws {
        switch command.verb {
        case "settle":
            isBrief = true
            settle()
        case "mail":
            for letter in mail { say(wording.words(letter.message, from: letter.from, to: letter.to)) }
        case "drop" where command.count == 1: mail = []
        case "drop": mail = try mail.filter { try !isMeant($0, by: command) }
        default:
            guard let place = try mail.firstIndex(where: { try isMeant($0, by: command) }) else {
                throw command.refusal
            }
            let letter = mail[place]
            if command.verb == "deliver" { mail.remove(at: place) }
            deliver(letter)
        }
    }

    /// `deliver n1 n2`: the oldest message from n1 to n2.
    private func isMeant(_ letter: Letter, by command: Command) throws -> Bool {
        try letter.from == id(command.word(0)) && letter.to == id(command.word(1))
    }

    /// `cut n1` from everybody, `cut n1 n2` in both directions, `cut n1 to n2` in one.
    mutating func changeLinks(_ command: Command) throws {
        if command.verb == "heal" {
            cut = []
            return
        }
        let first = try id(command.word(0))
        let isOneWay = command.count == 3
        let others = command.count == 1 ? names.map(id) : [try id(command.word(isOneWay ? 2 : 1))]
        for other in others {
            cut.insert(Link(from: first, to: other))
            if !isOneWay { cut.insert(Link(from: other, to: first)) }
        }
    }

    mutating func moveDisk(_ command: Command) throws {
        let name = try command.word(0)
        switch command.verb {
        case "disk":
            if try command.word(1) == "slow" {
                slowDisks.insert(name)
            } else {
                slowDisks.remove(name)
                sync(name)
            }
        case "sync":
            guard let member = members[name], !member.writes.isEmpty else { throw command.refusal }
            sync(name)
        case "install":
            guard let position = arrived.removeValue(forKey: name) else { throw command.refusal }
            install(position, at: name)
        default:
            members[name]?.compact(through: LogIndex(try command.number(at: 1)))
            let base = members[name]?.raft.log.baseIndex.rawValue ?? 0
            say(name, "begins its log after \(base)")
        }
    }

    /// `inject n1 n2 vote term=5 last=3/2`: a message that n1 never sent reaches n2.
    mutating func inject(_ command: Command) throws {
        let message = try message(command)
        let (sender, receiver) = (try command.word(0), try command.word(1))
        step(receiver) { [from = id(sender)] in $0.receive(message, from: from, now: $1, into: &$2) }
    }

    private func message(_ command: Command) throws -> Message {
        let term = Term(try command.number("term") ?? 0)
        switch try command.word(2) {
        case "pre-vote": return .preVote(try request(command, term))
        case "vote": return .vote(try request(command, term))
        case "vote-granted": return .voteReply(VoteReply(term: term, granted: true))
        case "pre-vote-granted": return .preVoteReply(VoteReply(term: term, granted: true))
        case "append": return .append(try append(command, term))
        case "holds":
            return .appendReply(
                AppendReply(
                    term: term, round: try command.number("round") ?? 0,
                    outcome: .matching(through: LogIndex(try command.number("through") ?? 0)), counts: true,
                    needsSnapshot: false))
        default: throw command.refusal
        }
    }

    private func request(_ command: Command, _ term: Term) throws -> VoteRequest {
        guard let last = try command.position("last") else { throw command.refusal }
        return VoteRequest(
            term: term, lastIndex: last.index, lastTerm: last.term, handOver: command.option("handed") == "over")
    }

    private func append(_ command: Command, _ term: Term) throws -> Append {
        guard let after = try command.position("after") else { throw command.refusal }
        let terms = try command.numbers("entries")
        return Append(
            term: term, previousIndex: after.index, previousTerm: after.term,
            entries: terms.enumerated().map { place, term in
                entry(LogIndex(after.index.rawValue + UInt64(place) + 1), Term(term))
            },
            commit: LogIndex(try command.number("commit") ?? 0), round: try command.number("round") ?? 0,
            roundIsUrgent: false, time: .zero, digestIndex: .zero, digest: 0)
    }
}
