/// How far a watch has come, so that it goes on after a broken stream without a gap and without telling anything twice.
///
/// A node marks only the last event of a revision as a place to resume from. A stream that breaks inside a revision is
/// resumed before it, and the events of that revision that were told already are passed over; their order is the same on
/// every node.
struct WatchCursor: Hashable, Sendable {
    /// Every revision up to here was told in full; `nil` while nothing is known.
    private(set) var resumeAfter: UInt64?
    /// The revision of which some events were told, and how many.
    private var partial: Progress?
    /// The same, counted in the present stream.
    private var present: Progress?

    private struct Progress: Hashable, Sendable {
        var revision: UInt64
        var told: Int
    }

    init(after revision: UInt64?) { resumeAfter = revision }

    /// A new stream begins, after ``resumeAfter``.
    mutating func connected() { present = nil }

    /// A change came, with or without the mark of a revision's end. Returns whether it is to be told.
    mutating func received(revision: UInt64, mark: UInt64?) throws(ConclaveError) -> Bool {
        if let resumeAfter, revision <= resumeAfter {
            throw ConclaveError(
                .malformedAnswer, "the watch went back to revision \(revision) after \(resumeAfter)",
                outcome: .notApplied)
        }
        let count = present?.revision == revision ? (present?.told ?? 0) + 1 : 1
        present = Progress(revision: revision, told: count)
        let known = partial?.revision == revision && count <= (partial?.told ?? 0)
        if !known { partial = present }
        if let mark { reached(mark) }
        return !known
    }

    /// Everything up to `revision` was told.
    mutating func reached(_ revision: UInt64) {
        guard revision > resumeAfter ?? 0 else { return }
        resumeAfter = revision
        partial = nil
        present = nil
    }
}
