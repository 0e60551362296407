package import Consensus

/// How far an exploration goes. Within its bounds it is exhaustive.
package struct ExplorationBounds: Sendable {
    /// Where it begins.
    package enum Start: String, CaseIterable, Sendable {
        /// Three members that have just begun their first lives.
        case fresh
        /// n1 leads term 2, and everybody knows its no-op to be committed.
        case led
    }

    package var start: Start
    /// No member goes beyond this term; fresh members are in term 1.
    package var terms: UInt64
    /// How many distinct states it looks at before it stops.
    package var states: Int
    /// How many messages are under way at once; of more, some are lost.
    package var letters = 4
    /// How often a member that follows or looks runs out of patience, in all.
    package var timeouts = 2
    /// How many entries clients hand in.
    package var entries = 2
    /// How many members may crash, each once, losing any number of its last unfinished writes.
    package var crashes = 3
    /// How many messages arrive twice.
    package var duplicates = 1
    /// How many messages overtake others between the same two members.
    package var reorders = 1
    /// How often a leader repeats itself.
    package var heartbeats = 0
    /// How often a leader gives up because nobody answers.
    package var quorumLosses = 0
    /// How often a leader hands over.
    package var handOvers = 0
    /// How the members settle who campaigns.
    package var election = ElectionStrategy.randomized
    /// What is wrong with the shells, if anything is.
    package var mistake: Mistake?
    /// Off to see what becomes of a promise that left too early, instead of the promise itself.
    package var checksPromises = true

    package init(start: Start, terms: UInt64 = 3, states: Int = 10_000_000) {
        self.start = start
        self.terms = terms
        self.states = states
    }
}

/// What of the bounds is used up, four bits each; the members that crashed are bits of the last.
struct Spent: Hashable, Sendable {
    /// Each kind of thing that is bounded.
    enum Kind: UInt32 { case timeouts, entries, duplicates, reorders, heartbeats, quorumLosses, handOvers, crashed }

    private(set) var rawValue: UInt32 = 0

    init(rawValue: UInt32 = 0) { self.rawValue = rawValue }

    func count(_ kind: Kind) -> Int { Int(rawValue >> (kind.rawValue * 4) & 15) }

    func plusOne(_ kind: Kind) -> Spent { Spent(rawValue: rawValue + 1 << (kind.rawValue * 4)) }

    func hasCrashed(_ member: Int) -> Bool { count(.crashed) >> member & 1 == 1 }

    func crashed(_ member: Int) -> Spent {
        Spent(rawValue: rawValue | 1 << (Kind.crashed.rawValue * 4 + UInt32(member)))
    }
}
