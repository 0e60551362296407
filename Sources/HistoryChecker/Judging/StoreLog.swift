/// The service's own history, to look up what any key was at any revision.
struct StoreLog {
    /// What a key became at a revision.
    private struct Version {
        var revision: UInt64
        /// `nil` when it went.
        var record: Record?
    }

    /// Those of one revision stand together.
    private(set) var changes: [Change] = []
    /// Where each revision's changes begin, from revision 2 on, and the end of all.
    private var starts: [Int] = []
    private var versions: [String: [Version]] = [:]
    /// In byte order.
    private(set) var keys: [String] = []
    /// The keys that ever hung on a lease, in the order of their writes.
    private(set) var keysOfLease: [UInt64: [String]] = [:]

    /// Revision of an empty store.
    static let empty: UInt64 = 1
    /// A larger hole than this is not filled: the rest of the history is left out.
    private static let widestGap: UInt64 = 1 << 20

    init(_ changes: [Change], into verdict: inout Verdict) {
        for change in changes { take(change, into: &verdict) }
        starts.append(self.changes.count)
        keys = versions.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The newest revision.
    var last: UInt64 { UInt64(starts.count) }

    private mutating func take(_ change: Change, into verdict: inout Verdict) {
        let newest = UInt64(starts.count) + Self.empty
        if change.revision != newest || starts.isEmpty {
            if change.revision != newest + 1 {
                verdict.found(.log, "revision \(change.revision) comes after \(newest)")
                guard change.revision > newest, change.revision - newest < Self.widestGap else { return }
            }
            for _ in newest..<change.revision { starts.append(changes.count) }
        }
        follow(change, into: &verdict)
        changes.append(change)
        versions[change.key, default: []].append(Version(revision: change.revision, record: change.record))
        if let lease = change.record?.lease, lease != 0 { keysOfLease[lease, default: []].append(change.key) }
    }

    /// Each version follows from the one before.
    private func follow(_ change: Change, into verdict: inout Verdict) {
        let before = versions[change.key]?.last
        if before?.revision == change.revision {
            verdict.found(.log, "\(change.key) changes twice at revision \(change.revision)")
        }
        guard let record = change.record else {
            if before?.record == nil {
                verdict.found(.log, "\(change.key) goes at revision \(change.revision), but it is not there")
            }
            return
        }
        let isNew = before?.record == nil
        let created = before?.record?.created ?? change.revision
        let version = (before?.record?.version ?? 0) + 1
        if record.created != created || record.version != version {
            verdict.found(
                .log, "\(record.word) \(isNew ? "is new" : "follows another"): \(created),\(version) is right")
        }
    }

    /// All changes of a revision; none of a revision that there is not.
    func changes(at revision: UInt64) -> ArraySlice<Change> {
        guard revision > Self.empty, revision <= last else { return [] }
        let place = Int(revision - Self.empty) - 1
        return changes[starts[place]..<starts[place + 1]]
    }

    /// Where the changes after a revision begin.
    func index(after revision: UInt64) -> Int {
        revision >= last ? changes.count : starts[Int(max(revision, Self.empty) - Self.empty)]
    }

    /// What a key was at a revision.
    func record(of key: String, at revision: UInt64) -> Record? {
        guard let versions = versions[key] else { return nil }
        let place = index(in: versions, at: revision)
        return place == 0 ? nil : versions[place - 1].record
    }

    /// What a key was from one revision to another, in order: the states, each with the revision it began at.
    func states(of key: String, from first: UInt64, through last: UInt64) -> [Record?] {
        guard let versions = versions[key] else { return [nil] }
        let place = index(in: versions, at: first)
        let begin = place == 0 ? nil : versions[place - 1].record
        return [begin] + versions[place...].prefix { $0.revision <= last }.map(\.record)
    }

    /// How many versions there are up to a revision.
    private func index(in versions: [Version], at revision: UInt64) -> Int {
        var low = 0
        var high = versions.count
        while low < high {
            let middle = (low + high) / 2
            if versions[middle].revision <= revision { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The keys that begin with a prefix, living or not.
    func keys(with prefix: String) -> ArraySlice<String> {
        let start = lowerBound(prefix)
        return keys[start...].prefix { $0.utf8.starts(with: prefix.utf8) }
    }

    private func lowerBound(_ key: String) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle].utf8.lexicographicallyPrecedes(key.utf8) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The keys that hang on a lease at a revision, in byte order.
    func keys(on lease: UInt64, at revision: UInt64) -> [String] {
        let ever = Set(keysOfLease[lease] ?? [])
        return ever.filter { record(of: $0, at: revision)?.lease == lease }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
