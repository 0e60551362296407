package import Consensus
internal import Primitives

/// Which election strategies the members of a cluster are set to.
package enum ElectionMix: String, CaseIterable, Sendable {
    case randomized
    case ranked
    /// Some this, some that, and each life anew: a change that is being rolled out.
    case mixed
}

/// How each member of a cluster takes part in elections.
package struct Electorate: Sendable {
    package let mix: ElectionMix
    /// By member; in a mixed cluster what a member has in its odd lives.
    package let priorities: [UInt8]
    /// What a member has in its even lives.
    private let latePriorities: [UInt8]
    private let seed: UInt64

    /// - Parameters:
    ///   - mix: drawn when it is `nil`.
    ///   - priorities: drawn when they are `nil`: half of the time all standard, and never 0 for a majority.
    package init(members: Int, mix: ElectionMix? = nil, priorities: [UInt8]? = nil, seed: UInt64) {
        var random = SeededGenerator(seed: seed ^ 0x456C_6563)
        let drawnMix = ElectionMix.allCases[Int(random.next() % 3)]
        let drawn = Electorate.drawPriorities(members, &random)
        self.mix = mix ?? drawnMix
        self.priorities = priorities ?? drawn
        let isRolling = self.mix == .mixed && priorities == nil
        // Who may lead may lead in all its lives, or in the end nobody might.
        latePriorities = self.priorities.map { $0 == 0 || !isRolling ? $0 : Electorate.drawPriority(&random) }
        self.seed = random.next()
    }

    private static func drawPriorities(_ members: Int, _ random: inout SeededGenerator) -> [UInt8] {
        let isStandard = random.next() % 2 == 0
        var zeros = 0
        return (0..<members).map { _ in
            let isZero = random.next() % 4 == 0 && zeros < (members - 1) / 2
            let priority = drawPriority(&random)
            if isStandard { return Settings.standardPriority }
            if isZero { zeros += 1 }
            return isZero ? 0 : priority
        }
    }

    private static func drawPriority(_ random: inout SeededGenerator) -> UInt8 {
        [1, Settings.standardPriority, 200][Int(random.next() % 3)]
    }

    /// Those of priority 0.
    var neverLeading: Set<Int> { Set(priorities.indices.filter { priorities[$0] == 0 }) }

    /// What `member` is set to in one of its lives, counted from 1.
    package func settings(_ base: Settings, of member: Int, life: Int = 1) -> Settings {
        var settings = base
        settings.priority = (life % 2 == 1 ? priorities : latePriorities)[member]
        switch mix {
        case .randomized: settings.election = .randomized
        case .ranked: settings.election = .ranked
        case .mixed:
            var own = SeededGenerator(seed: seed ^ UInt64(member) << 32 ^ UInt64(life))
            settings.election = own.next() % 2 == 0 ? .ranked : .randomized
        }
        return settings
    }

    /// Whether nobody may lead, because who could win never does: among those that are `fit` no member of priority above 0
    /// has a log that a majority of all would vote for.
    package static func isWithoutLeader(_ fit: [Raft], of members: Int) -> Bool {
        !fit.contains { candidate in
            candidate.settings.priority > 0
                && fit.count { $0.log.isNotAhead(ofTerm: candidate.log.lastTerm, index: candidate.log.lastIndex) }
                    > members / 2
        }
    }
}
