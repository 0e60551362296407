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
    case leaderElected, splitVote, handOver, quorumLost, diskStalled, leaderGoneNoticed
    case entriesTruncated, snapshotSent, snapshotInstalled, damageRepaired, logCompacted
    case writeAcknowledged, writeForwarded, retriedAfterElection, writeRefused, writeUnknown, retriedByClient
    case idempotentRepetition
    case linearizableRead, followerRead, staleRead, pastRead
    case leaseGranted, leaseRenewed, leaseExpired, leaseRevoked, controllerChanged
    case watchOpened, watchResumed, watchPaused, watchCompacted, eventsDelivered, compaction
    case messageLost, messageRepeated, staleFrameDropped, crash, restart, pause, partition
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
