/// What a history may not show; each is one rule.
package enum Rule: String, Hashable, Sendable, CaseIterable {
    /// The service's own history contradicts itself: a gap in the revisions, a version that does not follow.
    case log
    /// Acknowledged, and not in the history.
    case lost
    /// In the history, and nobody asked for it.
    case invented
    /// Certainly not carried out, said the service, and it was.
    case refused
    /// Carried out more than once, or repetitions of one request answered differently.
    case twice
    /// The answer is not what the operation comes to at its revision.
    case answer
    /// Older than what was known before the request was sent.
    case stale
    /// Known before it was asked for.
    case early
    /// The memory of a node went back.
    case backwards
    /// A watch told revisions in another order than the history.
    case ordered
    /// A watch told a change twice.
    case unique
    /// A watch told only a part of a revision before it went on.
    case atomic
    /// A watch left a change out.
    case reliable
    /// A watch left a change out, or told one again, when it went on after its stream broke.
    case resumable
    /// A watch announced that all was told up to a revision, and it was not.
    case bookmarkable
    /// A lease ended before its holder had to expect it.
    case leaseEarly = "lease-early"
    /// A lease was renewed after its end was known.
    case leaseRaised = "lease-raised"
    /// A lease did not end, or only some of its keys went.
    case leaseKept = "lease-kept"
    /// A fence went back, came twice, or was told and never given.
    case fence
    /// Two led at once, or a leadership was told to be different ones'.
    case leaders
    /// A leadership ran out before its leader had been told it would.
    case deposed
    /// A write was carried out under a leadership that was over.
    case fenced
    /// A leadership was ended by somebody who did not hold it.
    case released
    /// Nobody led though somebody waited.
    case succession
    /// Somebody was told to be at the front of a line, and was not.
    case line
    /// No order of the operations on one key explains their answers.
    case search
}

/// One broken rule.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package var rule: Rule
    /// What was seen, and what would have been right.
    package var sentence: String
    package var description: String { "\(rule.rawValue): \(sentence)" }
}

/// What a history came to.
package struct Verdict: Sendable {
    /// The first of them, in the order found; see ``count(_:)`` for all.
    package private(set) var violations: [Violation] = []
    package var figures = Figures()
    private var counts: [Rule: Int] = [:]

    /// Sentences kept: one mistake often breaks the same rule thousands of times.
    private static let kept = 200

    package var isClean: Bool { counts.isEmpty }

    package func count(_ rule: Rule) -> Int { counts[rule, default: 0] }

    mutating func found(_ rule: Rule, _ sentence: @autoclosure () -> String) {
        counts[rule, default: 0] += 1
        if violations.count < Self.kept { violations.append(Violation(rule: rule, sentence: sentence())) }
    }

    /// How much was checked.
    package struct Figures: Hashable, Sendable {
        package var operations = 0
        package var writes = 0
        package var reads = 0
        package var staleReads = 0
        /// Operations whose clients never knew; how many of them the history has.
        package var unknown = 0
        package var unknownCarriedOut = 0
        /// Requests that were sent again after their answer, and answered alike.
        package var repetitions = 0
        package var revisions = 0
        package var watches = 0
        /// Changes told, over all watches.
        package var told = 0
        package var reconnections = 0
        package var leases = 0
        package var expiries = 0
        /// Of elections and locks.
        package var leaderships = 0
        /// Per lease that expired after its last renewal was acknowledged, how much later it was known, in microseconds;
        /// in order.
        package var lateness: [Int64] = []
        /// Operations that the search explained, and those it gave up on.
        package var searched = 0
        package var unsearched = 0

        package init() {}
    }
}
