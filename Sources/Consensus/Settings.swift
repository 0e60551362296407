package import Primitives

/// How patient a member is. The same on all members, by habit; safety does not depend on it.
package struct Settings: Hashable, Sendable {
    /// A leader says at least this often that it is there.
    package var heartbeat: TimeSpan
    /// A follower that heard nothing for this long, up to twice as long (drawn each time), looks for a new leader.
    package var electionTimeout: TimeSpan

    package init(heartbeat: TimeSpan = .milliseconds(50), electionTimeout: TimeSpan = .milliseconds(400)) {
        precondition(
            heartbeat > .zero && heartbeat * 2 <= electionTimeout, "two heartbeats must fit an election timeout")
        self.heartbeat = heartbeat
        self.electionTimeout = electionTimeout
    }

    /// A leader whose oldest log write is under way for longer gives up its office (`invariants.md` 8).
    package var diskPatience: TimeSpan {
        #if PlantedBugs
            if planted(.leadsWithHangingDisk) { return .seconds(3600) }
        #endif
        return electionTimeout * 2
    }
    /// The wait before the next try of a member that is already looking, up to twice as long.
    package var retry: TimeSpan { electionTimeout / 4 }
    /// Up to how long a member waits before it campaigns for a leader whose process is known to be gone.
    package var earlyCampaign: TimeSpan { heartbeat / 2 }
    /// When an unanswered read request or piece of a snapshot is sent again.
    package var resend: TimeSpan { electionTimeout / 2 }
}
