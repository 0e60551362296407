/// Watches: what one told is the history from its beginning, by the guarantees' names.
extension Judge {
    mutating func judgeWatches() {
        for (name, watched) in watches.sorted(by: { $0.key < $1.key }) where watched.office == nil {
            verdict.figures.watches += 1
            var reader = WatchReader(name, watched.selections, log)
            for delivery in watched.deliveries { reader.take(delivery.event, into: &verdict) }
        }
    }
}

/// Follows one watch through the history.
private struct WatchReader {
    private let name: String
    private let selections: [Watched.Selection]
    private let log: StoreLog
    /// The place in the history before which everything was told; `nil` before the watch was opened.
    private var place: Int?
    /// The last change told.
    private var last: Change?
    /// Everything up to here was announced as told.
    private var announced: UInt64 = 0
    /// Whether the stream broke since the last change.
    private var isFresh = false

    init(_ name: String, _ selections: [Watched.Selection], _ log: StoreLog) {
        self.name = name
        self.selections = selections
        self.log = log
    }

    mutating func take(_ event: Watched.Event, into verdict: inout Verdict) {
        switch event {
        case .opened(let revision): open(after: revision)
        case .state(let records, let revision):
            judge(records, at: revision, into: &verdict)
            open(after: revision)
        case .change(let change, let previous):
            verdict.figures.told += 1
            told(change, into: &verdict)
            if let previous, previous != log.record(of: change.key, at: max(change.revision, 1) - 1) {
                verdict.found(.answer, "watch \(name): \(change.line) did not replace \(previous.word)")
            }
        case .progress(let revision):
            announced = max(announced, revision)
            awaited(revision, .bookmarkable, into: &verdict)
        case .broken:
            verdict.figures.reconnections += 1
            isFresh = true
        case .office: verdict.found(.invented, "watch \(name) of keys told of an election")
        case .closed(let revision): awaited(revision, isFresh ? .resumable : .reliable, into: &verdict)
        }
    }

    private mutating func open(after revision: UInt64) {
        place = log.index(after: revision)
        announced = revision
    }

    private func isSelected(_ change: Change) -> Bool { selections.contains { $0.contains(change.key) } }

    /// The next change that is to be told, before the place `limit` of the history. Passes over what was not selected.
    private mutating func next(before limit: Int) -> Change? {
        guard var place else { return nil }
        while place < limit, !isSelected(log.changes[place]) { place += 1 }
        self.place = place
        return place < limit ? log.changes[place] : nil
    }

    private mutating func told(_ change: Change, into verdict: inout Verdict) {
        guard place != nil else { return verdict.found(.reliable, "watch \(name) told \(change.line) unopened") }
        defer {
            last = change
            isFresh = false
        }
        let right = next(before: log.changes.count)
        if right?.isTold(by: change) == true {
            place? += 1
            return
        }
        let rule = rule(for: change, instead: right)
        let wish = right.map { "\($0.line) is next" } ?? "there is nothing more"
        verdict.found(rule, "watch \(name) told \(change.line), but \(wish)")
        let found = log.changes(at: change.revision).firstIndex { $0.isTold(by: change) }
        if let place, let found, found >= place {
            self.place = found + 1
        }
    }

    /// Which guarantee a wrong change breaks.
    private func rule(for change: Change, instead right: Change?) -> Rule {
        guard log.changes(at: change.revision).contains(where: { $0.isTold(by: change) }) else { return .invented }
        let isRepeated = log.index(after: change.revision) <= place ?? 0 || last == change
        if isRepeated, isFresh { return .resumable }
        if let last, change.revision < last.revision { return .ordered }
        if let last, change.revision == last.revision, isRepeated || last.key == change.key { return .unique }
        if change.revision <= announced { return .bookmarkable }
        if isFresh { return .resumable }
        if let last, let right, right.revision == last.revision { return .atomic }
        if let right, right.revision == change.revision { return .atomic }
        return .reliable
    }

    /// Everything up to a revision must have been told by now.
    private mutating func awaited(_ revision: UInt64, _ rule: Rule, into verdict: inout Verdict) {
        guard let missed = next(before: log.index(after: revision)) else { return }
        let isPart = last?.revision == missed.revision
        verdict.found(isPart ? .atomic : rule, "watch \(name) came to \(revision) without \(missed.line)")
        place = log.index(after: revision)
    }

    private func judge(_ records: [Record], at revision: UInt64, into verdict: inout Verdict) {
        let keys = Set(
            selections.flatMap { selection -> [String] in
                switch selection {
                case .key(let key): [key]
                case .prefix(let prefix): Array(log.keys(with: prefix))
                case .office: []
                }
            })
        let right = Set(keys.compactMap { log.record(of: $0, at: revision) })
        guard Set(records) != right || records.count != right.count else { return }
        verdict.found(
            .answer, "watch \(name) began at \(revision) with \(records.count) keys, \(right.count) are right")
    }
}
