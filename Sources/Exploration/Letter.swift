internal import Consensus
internal import Primitives

/// A message under way.
final class Letter {
    let from: Int
    let to: Int
    let message: Message

    init(from: Int, to: Int, message: Message) {
        self.from = from
        self.to = to
        self.message = message
    }

    /// The link it travels on; a state lists its letters link by link, each link's in the order they were sent.
    var link: Int { from << 4 | to }

    /// What a letter is, times aside.
    func fingerprint(receiver: NodeID) -> Fingerprint {
        var print = Fingerprint()
        print.combine(UInt64(from))
        Envelope(to: receiver, message: message).combine(into: &print)
        return print
    }

    /// Whether nothing can come of it any more, because its receiver durably knows of `term`.
    func isDead(atDurableTerm term: Term) -> Bool {
        switch message {
        // It asks for a term that is only proposed, or refuses with a term that is known.
        case .preVoteReply(let reply): reply.term <= term
        case .voteReply, .appendReply, .campaignNow: message.term < term
        default: false
        }
    }

    /// Whether it makes a difference to it that its receiver has just heard from a leader.
    var asksForTrust: Bool {
        switch message {
        case .preVote: true
        case .vote(let request): !request.handOver
        default: false
        }
    }
}
