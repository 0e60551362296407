internal import Consensus
internal import Primitives

/// What an exploration has covered.
package struct ExplorationReport: Sendable {
    /// Distinct states of the whole.
    package internal(set) var states = 0
    /// Steps from one state to another, known ones included.
    package internal(set) var transitions = 0
    /// Up to how many steps from the beginning every state was looked at.
    package internal(set) var depth = 0
    /// States met that it did not go on from, because their number was bounded.
    package internal(set) var unexplored = 0
    /// Steps not taken because they lead beyond the last term.
    package internal(set) var beyondTerms = 0
    /// Distinct states of single members, and distinct messages.
    package internal(set) var memberStates = 0
    package internal(set) var messages = 0
    /// How often `Raft` ran.
    package internal(set) var raftSteps = 0
    /// The rule that is broken, and the shortest way to where it is.
    package internal(set) var problem: String?
    package internal(set) var story: [String] = []
}

extension Catalogue {
    /// A step in words.
    func words(_ action: Action, _ wording: Wording) -> String {
        func name(_ member: Int) -> String { wording.name(ids[member]) }
        func words(_ number: UInt32) -> String {
            let letter = letters[Int(number)]
            return wording.words(letter.message, from: ids[letter.from], to: ids[letter.to])
        }
        return switch action {
        case .deliver(let letter, let late): words(letter) + (late ? ", after the leader was silent" : "")
        case .duplicate(let letter): words(letter) + ", and will come again"
        case .lose(let letter): words(letter) + ": lost"
        case .timeout(let member): "\(name(member))  runs out of patience"
        case .heartbeat(let member): "\(name(member))  repeats that it leads"
        case .loseQuorum(let member): "\(name(member))  gives up, because no majority answers"
        case .sync(let member): "\(name(member))  has its oldest write on disk"
        case .crash(let member, let kept): "\(name(member))  crashes and begins anew with \(kept) of its writes"
        case .propose(let member, let entry): "\(name(member))  is handed entry \(entry + 1) by a client"
        case .handOver(let member, let target): "\(name(member))  begins to hand over to \(name(target))"
        }
    }
}
