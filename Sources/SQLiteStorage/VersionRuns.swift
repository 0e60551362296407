internal import KeyValue
internal import Primitives

/// Which runs `state.db` has, and what of them is gone.
///
/// Versions come in the order of their revisions, and most of them go in about that order, when the history forgets them. So
/// those that came together stay one row, beside which is noted which of them are gone, until hardly any is left.
struct VersionRuns {
    /// In the order of their positions.
    private var runs: [VersionRun] = []
    private(set) var nextID: Int64 = 1
    /// Versions in runs that are gone, and that are not.
    private var counts = (gone: 0, left: 0)
    /// Runs of which something has gone since ``settle()``.
    private var touched: Set<Int64> = []
    /// How often ``settle()`` was called.
    private var turn = 0
    /// Whether there are runs of which hardly anything is left.
    private var hasSparse = false

    /// So many versions that are gone may be there, and as many again as there are others.
    static let goneVersions = 65_536
    /// For so many turns nothing has gone from a run before what little is left of it becomes rows: as a rule that goes soon, too.
    static let patience = 16

    /// - Returns: whether the run stands behind all others.
    mutating func append(_ run: VersionRun) -> Bool {
        guard run.id >= nextID, run.id < .max, runs.last.map({ $0.last < run.first }) ?? true else { return false }
        runs.append(run)
        nextID = run.id + 1
        counts.left += run.remaining
        counts.gone += run.positions.count - run.remaining
        return true
    }

    /// Notes that a version is gone; `false` when it is in no run.
    mutating func remove(_ position: VersionPosition) -> Bool {
        let place = runs.partitioningIndex { position < $0.first } - 1
        guard place >= 0, runs[place].remove(position) else { return false }
        touched.insert(runs[place].id)
        counts.gone += 1
        counts.left -= 1
        return true
    }

    /// What is to be done about what has gone since the last time.
    ///
    /// - Returns: runs that are taken away here, and those whose row of `gone` is another now.
    mutating func settle() -> (ended: [VersionRun], changed: [VersionRun]) {
        var ended: [VersionRun] = []
        var changed: [VersionRun] = []
        turn += 1
        guard !touched.isEmpty || hasSparse else { return (ended, changed) }
        for place in runs.indices where touched.contains(runs[place].id) { runs[place].changedAt = turn }
        let turn = turn
        var (counts, hasSparse) = (counts, false)
        runs.removeAll { run in
            let isForgotten = run.isSparse && turn - run.changedAt >= Self.patience
            // While more are gone than left, there is a run of which that is true.
            let isInExcess = run.isMostlyGone && counts.gone > Self.goneVersions + counts.left
            guard run.remaining > 0, !isForgotten, !isInExcess else {
                ended.append(run)
                counts.gone -= run.positions.count - run.remaining
                counts.left -= run.remaining
                return true
            }
            if run.changedAt == turn { changed.append(run) }
            if run.isSparse { hasSparse = true }
            return false
        }
        (self.counts, self.hasSparse, touched) = (counts, hasSparse, [])
        return (ended, changed)
    }

    /// The row of `gone` of a run has this checksum now.
    mutating func wrote(goneOf run: VersionRun, checksum: UInt64) {
        let place = runs.partitioningIndex { run.first < $0.first } - 1
        precondition(place >= 0 && runs[place].id == run.id, "only of a run that is there")
        runs[place].checksums.gone = checksum
    }
}
