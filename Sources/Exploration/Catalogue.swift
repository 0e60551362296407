internal import Consensus
internal import Primitives

/// Every state of a single member and every message met so far, each once, and what becomes of the one through the other:
/// `Raft` runs once for each pair, however many states of the whole share it.
struct Catalogue {
    /// What becomes of a member: its next state, and what it sends.
    struct Outcome {
        var place: UInt32
        var letters: [UInt32]
        /// The rule that is broken on the way.
        var problem: String?
    }

    let configuration: Configuration
    let ids: [NodeID]
    let checksPromises: Bool
    private(set) var places: [Place] = []
    private(set) var letters: [Letter] = []
    private var placeNumbers: [Fingerprint: UInt32] = [:]
    private var letterNumbers: [Fingerprint: UInt32] = [:]
    private var outcomes: [UInt64: Outcome] = [:]

    init(configuration: Configuration, ids: [NodeID], checksPromises: Bool) {
        self.configuration = configuration
        self.ids = ids
        self.checksPromises = checksPromises
    }

    /// How many times `Raft` has run.
    var steps: Int { outcomes.count }

    mutating func number(of place: Place) -> UInt32 {
        let print = place.fingerprint
        if let known = placeNumbers[print] { return known }
        let number = UInt32(places.count)
        places.append(place)
        placeNumbers[print] = number
        return number
    }

    private mutating func number(of letter: Letter) -> UInt32 {
        let print = letter.fingerprint(receiver: ids[letter.to])
        if let known = letterNumbers[print] { return known }
        let number = UInt32(letters.count)
        letters.append(letter)
        letterNumbers[print] = number
        return number
    }

    /// What `action` makes of the member in state `place`.
    mutating func outcome(of action: Action, at place: UInt32) -> Outcome {
        let key = UInt64(place) << 32 | UInt64(action.packed)
        if let known = outcomes[key] { return known }
        let before = places[Int(place)]
        var member = before.member
        let sends = carryOut(action, on: &member, before: before)
        var memory = before.memory
        let problem = note(member, sends, in: &memory)
        let sender = ids.firstIndex(of: member.id) ?? 0
        let letters = sends.map { envelope in
            let receiver = ids.firstIndex(of: envelope.to) ?? 0
            return number(of: Letter(from: sender, to: receiver, message: envelope.message))
        }
        let outcome = Outcome(place: number(of: Place(member, memory: memory)), letters: letters, problem: problem)
        outcomes[key] = outcome
        return outcome
    }

    // MARK: Steps

    private func carryOut(_ action: Action, on member: inout Member, before: Place) -> [Envelope] {
        switch action {
        case .deliver(let letter, let late):
            if late { loseTrust(&member) }
            return receive(letters[Int(letter)], at: &member)
        case .duplicate(let letter): return receive(letters[Int(letter)], at: &member)
        case .lose: return []
        case .timeout, .heartbeat: return tick(&member)
        case .loseQuorum:
            while member.raft.isLeader { _ = tick(&member) }
            return []
        case .sync: return member.sync().sends
        case .crash(_, let kept):
            member.restart(keeping: kept, configuration: configuration)
            return member.step { _, _, _ in }.sends
        case .propose(_, let entry):
            return member.step { raft, now, _ in _ = raft.propose(.command([UInt8(97 + entry)]), now: now) }.sends
        case .handOver(_, let target):
            return member.step { [target = ids[target]] in _ = $0.handOver(to: target, now: $1, into: &$2) }.sends
        }
    }

    private func receive(_ letter: Letter, at member: inout Member) -> [Envelope] {
        member.step { [from = ids[letter.from]] in $0.receive(letter.message, from: from, now: $1, into: &$2) }.sends
    }

    private func tick(_ member: inout Member) -> [Envelope] {
        member.pass(until: member.raft.nextDeadline)
        return member.step { $0.tick(now: $1, into: &$2) }.sends
    }

    /// Lets the clock run to where the leader last heard of counts no more.
    private func loseTrust(_ member: inout Member) {
        guard let silence = member.raft.staleness(at: member.clock) else { return }
        member.pass(until: member.clock + (member.raft.settings.electionTimeout - silence))
    }
}
