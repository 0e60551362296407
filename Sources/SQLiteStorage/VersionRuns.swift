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

    /// So many versions that are gone may be there, and as many again as there are others.
    static let goneVersions = 65_536

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
        guard !touched.isEmpty else { return (ended, changed) }
        runs.removeAll { run in
            // While more are gone than left, there is a run of which that is true.
            let isEnding = run.isSparse || run.isMostlyGone && counts.gone > Self.goneVersions + counts.left
            if isEnding {
                ended.append(run)
                counts.gone -= run.positions.count - run.remaining
                counts.left -= run.remaining
            } else if touched.contains(run.id) {
                changed.append(run)
            }
            return isEnding
        }
        touched = []
        return (ended, changed)
    }

    /// The row of `gone` of a run has this checksum now.
    mutating func wrote(goneOf run: VersionRun, checksum: UInt64) {
        let place = runs.partitioningIndex { run.first < $0.first } - 1
        precondition(place >= 0 && runs[place].id == run.id, "only of a run that is there")
        runs[place].checksums.gone = checksum
    }
}
