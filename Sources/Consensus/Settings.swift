package import Primitives

/// How members settle which of them campaigns when there is no leader. Neither changes whom a member votes for.
package enum ElectionStrategy: String, CaseIterable, Hashable, Sendable {
    /// Random time-outs, as in Raft: the first to ask usually wins.
    case randomized
    /// Members exchange credentials and apply one rule to them, as in Zab: all back the same member, and it campaigns.
    case ranked
}

/// How patient a member is, and how it takes part in elections. Times are the same on all members, by habit; safety does
/// not depend on any of this.
package struct Settings: Hashable, Sendable {
    /// A leader says at least this often that it is there.
    package var heartbeat: TimeSpan
    /// A follower that heard nothing for this long, up to twice as long (drawn each time), looks for a new leader.
    package var electionTimeout: TimeSpan
    package var election: ElectionStrategy
    /// A leader hands over to a member with more of it; with 0 this member never leads.
    package var priority: UInt8

    /// The priority of a member for which none is set: there is room above and below.
    package static let standardPriority: UInt8 = 100

    package init(
        heartbeat: TimeSpan = .milliseconds(50), electionTimeout: TimeSpan = .milliseconds(400),
        election: ElectionStrategy = .randomized, priority: UInt8 = Settings.standardPriority
    ) {
        precondition(
            heartbeat > .zero && heartbeat * 2 <= electionTimeout, "two heartbeats must fit an election timeout")
        self.heartbeat = heartbeat
        self.electionTimeout = electionTimeout
        self.election = election
        self.priority = priority
    }

    /// A leader whose oldest log write is under way for longer gives up its office (`invariants.md` 8).
    package var diskPatience: TimeSpan {
        #if PlantedBugs
            if planted(.leadsWithHangingDisk) { return .seconds(3600) }
        #endif
        return electionTimeout * 3 / 2
    }
    /// The wait before the next try of a member that is already looking, up to twice as long.
    package var retry: TimeSpan { electionTimeout / 4 }
    /// Up to how long a member waits before it campaigns for a leader whose process is known to be gone.
    package var earlyCampaign: TimeSpan { heartbeat / 2 }
    /// When an unanswered read request or piece of a snapshot is sent again.
    package var resend: TimeSpan { electionTimeout / 2 }

    /// How long a member waits for the others' credentials; all that answer do so in a round trip.
    package var credentialsPatience: TimeSpan { heartbeat }
    /// What a member leaves each of those that rank above it to win an election in.
    package var turn: TimeSpan { electionTimeout / 2 }
    /// How often a follower tells its leader of its priority.
    package var announcement: TimeSpan { electionTimeout * 2 }
    /// How long a member that leads again after it handed over to a higher priority leaves it at that: twice as long each
    /// time the office comes back soon, up to the longest.
    package var handOverPause: TimeSpan { electionTimeout * 150 }
    package var longestHandOverPause: TimeSpan { handOverPause * 64 }
}
