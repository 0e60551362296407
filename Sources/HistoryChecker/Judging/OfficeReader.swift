/// Follows one watch of an office: every leadership in order, none twice.
struct OfficeReader {
    private let name: String
    private let changes: [Office.Change]
    /// The place in the changes before which everything was told; `nil` before the watch was opened.
    private var place: Int?
    private var last: UInt64 = 0
    /// Whether the stream broke since the last change.
    private var isFresh = false

    init(_ name: String, _ changes: [Office.Change]) {
        self.name = name
        self.changes = changes
    }

    mutating func take(_ event: Watched.Event, into verdict: inout Verdict) {
        switch event {
        case .opened(let fence): place = changes.firstPlace { $0.fence > fence }
        case .office(let change): told(change, into: &verdict)
        case .broken:
            verdict.figures.reconnections += 1
            isFresh = true
        case .closed(let fence):
            let end = changes.firstPlace { $0.fence > fence }
            guard let place, place < end else { return }
            verdict.found(isFresh ? .resumable : .reliable, "watch \(name) ended without \(changes[place].line)")
        case .state, .change, .progress:
            verdict.found(.invented, "watch \(name) of an election told of keys")
        }
    }

    private mutating func told(_ change: Office.Change, into verdict: inout Verdict) {
        verdict.figures.told += 1
        defer {
            last = max(last, change.fence)
            isFresh = false
        }
        guard let place else { return begin(with: change, into: &verdict) }
        if place < changes.count, changes[place].isTold(by: change) { return self.place = place + 1 }
        let wish = place < changes.count ? "\(changes[place].line) is next" : "there is nothing more"
        verdict.found(rule(for: change, at: place), "watch \(name) told \(change.line), but \(wish)")
        if let found = changes.firstIndex(where: { $0.isTold(by: change) }), found >= place { self.place = found + 1 }
    }

    /// The first event of a watch that was not told after what: how the office stands.
    private mutating func begin(with change: Office.Change, into verdict: inout Verdict) {
        place = changes.firstPlace { $0.fence > change.fence }
        let found = changes.last { $0.fence <= change.fence }
        if found?.fence ?? 0 != change.fence || found?.leader?.id != change.leader?.id {
            verdict.found(.answer, "watch \(name) began with \(change.line)")
        }
    }

    /// Which guarantee a wrong change breaks.
    private func rule(for change: Office.Change, at place: Int) -> Rule {
        guard let found = changes.firstIndex(where: { $0.isTold(by: change) }) else { return .invented }
        if found >= place { return isFresh ? .resumable : .reliable }
        if isFresh { return .resumable }
        return change.fence < last ? .ordered : .unique
    }
}

extension Office.Change {
    /// What a leader published last may differ.
    func isTold(by told: Office.Change) -> Bool {
        guard office == told.office, fence == told.fence, ended == told.ended else { return false }
        return leader.map { told.leader?.isSame(as: $0) ?? false } ?? (told.leader == nil)
    }
}
