package import Primitives

// Cluster time, in which leases are counted.

extension Raft {
    /// The cluster time a leader would stamp now; what was last heard of on the others.
    package func clusterTime(at now: Instant) -> ClusterTime {
        #if PlantedBugs
            if planted(.stampsOwnClock), isLeader { return ClusterTime(nanoseconds: now.nanoseconds) }
        #endif
        guard case .leader(let leading) = role else { return knownTime }
        return max(knownTime, leading.value.clock.time(at: now))
    }

    /// The cluster time that a new leader may go on from without making any lease it inherits shorter (`invariants.md` 25):
    /// that of its last entry, or a later one from the leader who appended that entry. The clocks of other leaders may be
    /// ahead of the one that counts for these leases.
    var knownTime: ClusterTime {
        let last = log.lastTime ?? baseTime
        #if PlantedBugs
            if planted(.inheritsAnyClock) { return max(last, heardTime.time) }
        #endif
        return heardTime.term == log.lastTerm ? max(last, heardTime.time) : last
    }

    /// Remembers what a leader's clock showed.
    mutating func heard(_ time: ClusterTime, in term: Term) {
        latestTime = max(latestTime, time)
        #if PlantedBugs
            if planted(.inheritsAnyClock) {
                heardTime = (max(term, heardTime.term), max(time, heardTime.time))
                return
            }
        #endif
        if term > heardTime.term || term == heardTime.term && time > heardTime.time { heardTime = (term, time) }
    }
}
