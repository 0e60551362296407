/// A rule that a world saw broken.
package struct Violation: Error, Sendable {
    /// The rule's number in the list of invariants, or its name.
    package var rule: String
    /// What happened, in one sentence.
    package var sentence: String
    init(_ rule: String, _ sentence: String) {
        self.rule = rule
        self.sentence = sentence
    }
}

/// Things that must happen now and then, or the simulation tests less than it seems to.
package enum Sometimes: Int, CaseIterable, Sendable {
    case leaderElected, splitVote, preVoteRefused, voteRefused, handOver, handOverDone, handOverAbandoned
    case rankedElection, priorityHonoured, topRanksDead, nobodyMayLead
    case quorumLost, diskStalled, stalledLeaderReplaced, leaderGoneNoticed
    case entriesTruncated, snapshotSent, snapshotInstalled, damageRepaired, logCompacted
    case divergenceNoticed, divergenceRepaired
    case writeAcknowledged, writeForwarded, retriedAfterElection, writeRefused, writeUnknown, retriedByClient
    case idempotentRepetition, refusedForSpace, deletedWithoutSpace
    case linearizableRead, followerRead, readIndexAsked, staleRead, pastRead
    case leaseGranted, leaseRenewed, leaseExpired, leaseRevoked, leaseOutlivedLeader, expiryIgnored
    case controllerChanged, followerRejoined
    case lostWithoutEntry, candidacyBegun, candidacyRenewed, renewalShared, succession, vacancy, resignation
    case fencedWrite, fencedOff, electionObserved, observationResumed, changesObserved
    case watchOpened, watchResumed, watchPaused, watchCompacted, resumeCompacted, eventsDelivered, progressTold,
        compaction
    case messageLost, messageRepeated, staleFrameDropped, frameReplayed, corruptFrameDropped
    case crash, powerCut, restart, pause, slowNode, partition, bridge, linkClogged
    case syncFailed, diskFull, stateLost, diskLost, directoryLost, joinedNew, joinedLater, stateDiverged
}

/// How often each thing happened.
package struct Counters: Sendable {
    private var values = [Int](repeating: 0, count: Sometimes.allCases.count)
    init() {}
    package subscript(_ what: Sometimes) -> Int {
        get { values[what.rawValue] }
        set { values[what.rawValue] = newValue }
    }
    package init(summing all: [Counters]) {
        for counters in all { for what in Sometimes.allCases { self[what] += counters[what] } }
    }
}
