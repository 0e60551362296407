/// The service's own account of who led, and all that anybody was told of it.
struct OfficeLog {
    private(set) var courses: [Office: OfficeCourse] = [:]

    init(_ history: RecordedHistory, into verdict: inout Verdict) {
        for change in history.offices { courses[change.office, default: OfficeCourse()].take(change, into: &verdict) }
        var seen: [Office: [(time: Int64, number: UInt64)]] = [:]
        let firstCalls = history.firstCalls
        for operation in history.operations {
            for var told in operation.told {
                if let key = operation.idempotencyKey, let first = firstCalls[key] { told.call = first }
                courses[told.office, default: OfficeCourse()].told.append(told)
                seen[told.office, default: []].append((told.end, told.fence))
            }
        }
        for watched in history.watches.values {
            guard let office = watched.office else { continue }
            for delivery in watched.deliveries {
                guard case .office(let change) = delivery.event else { continue }
                seen[office, default: []].append((delivery.time, change.fence))
            }
        }
        for (office, moments) in seen { courses[office, default: OfficeCourse()].known = Rising(moments) }
        for office in courses.keys { courses[office]?.arrange() }
    }

    subscript(office: Office) -> OfficeCourse { courses[office] ?? OfficeCourse() }

    /// In an order that does not depend on hashing.
    var inOrder: [(office: Office, course: OfficeCourse)] {
        courses.map { ($0.key, $0.value) }.sorted { $0.office.word < $1.office.word }
    }
}

/// What became of one office.
struct OfficeCourse {
    /// In the order of their fences.
    private(set) var changes: [Office.Change] = []
    /// In the order of their calls, once arranged.
    fileprivate(set) var told: [ToldStanding] = []
    fileprivate(set) var known = Rising([])
    /// Per place in `fences` the lowest revision at which the fence, or a later one, was told to stand.
    private var fences: [UInt64] = []
    private var revisions: [UInt64] = []
    /// Per linearizable answer, by its fence: the latest call of one that told this or an earlier fence.
    private var calls: [(fence: UInt64, call: Int64)] = []

    fileprivate mutating func take(_ change: Office.Change, into verdict: inout Verdict) {
        let before = changes.last
        if change.fence <= before?.fence ?? 0 {
            return verdict.found(.fence, "\(change.line) comes after fence \(before?.fence ?? 0)")
        }
        if let leader = change.leader, leader.fence != change.fence {
            verdict.found(.fence, "\(change.line) gives a leader another fence")
        }
        let ends = before?.leader.map { $0.id == change.ended?.id && $0.fence == change.ended?.fence }
        if !(ends ?? (change.ended == nil)) {
            verdict.found(.leaders, "\(change.line) comes after \(before?.line ?? "nobody had led")")
        }
        changes.append(change)
    }

    fileprivate mutating func arrange() {
        told.sort { $0.call < $1.call }
        let byFence = told.sorted { $0.fence < $1.fence }
        fences = byFence.map(\.fence)
        revisions = byFence.map(\.revision)
        for place in revisions.indices.reversed().dropFirst() {
            revisions[place] = min(revisions[place], revisions[place + 1])
        }
        for one in byFence where one.isCurrent {
            calls.append((one.fence, max(one.call, calls.last?.call ?? 0)))
        }
    }

    /// The place in ``changes`` of the change that gave this fence.
    func place(of fence: UInt64) -> Int? {
        let place = changes.firstPlace { $0.fence >= fence }
        return place < changes.count && changes[place].fence == fence ? place : nil
    }

    /// The change that came after a fence.
    func next(after fence: UInt64) -> Office.Change? {
        let place = changes.firstPlace { $0.fence > fence }
        return place < changes.count ? changes[place] : nil
    }

    /// Whose leadership a change ended.
    func predecessor(of change: Office.Change) -> Office.Leader? {
        guard let place = place(of: change.fence), place > 0 else { return nil }
        return changes[place - 1].leader
    }

    /// The lowest revision at which a later fence was told to stand.
    func revision(above fence: UInt64) -> UInt64? {
        let place = fences.firstPlace { $0 > fence }
        return place < revisions.count ? revisions[place] : nil
    }

    /// The latest moment at which the office certainly still had an earlier fence than this one.
    func lastBefore(_ fence: UInt64) -> Int64 {
        let place = calls.firstPlace { $0.fence >= fence }
        return place == 0 ? 0 : calls[place - 1].call
    }
}

/// What one answer told of one office.
struct ToldStanding {
    var office: Office
    var fence: UInt64
    /// `nil` when it only told the fence.
    var standing: Office.Standing?
    var call: Int64
    var end: Int64
    var revision: UInt64
    /// Whether nothing older may be told than was known when it was asked.
    var isCurrent: Bool
    var line: String { "\(office.word) \(standing?.words ?? String(fence)), asked at \(call)" }
}

extension RecordedHistory {
    /// When each repeated request about offices was first sent: a repetition may be told what the first one was.
    fileprivate var firstCalls: [String: Int64] {
        var calls: [String: Int64] = [:]
        for operation in operations where operation.invocation.concernsOffices {
            guard let key = operation.idempotencyKey else { continue }
            calls[key] = min(calls[key] ?? operation.call, operation.call)
        }
        return calls
    }
}

extension Operation {
    /// What its answer tells of offices.
    fileprivate var told: [ToldStanding] {
        guard case .offices(let answer, let revision) = response else { return [] }
        var isCurrent = true
        if case .offices(.standing(_, .stale)) = invocation.bare { isCurrent = false }
        return answer.standings(invocation.office).map { office, fence, standing in
            ToldStanding(
                office: office, fence: fence, standing: standing, call: call, end: end, revision: revision,
                isCurrent: isCurrent)
        }
    }
}

extension OfficeAnswer {
    fileprivate func standings(_ office: Office?) -> [(Office, UInt64, Office.Standing?)] {
        guard let office else { return [] }
        switch self {
        case .candidacy(let candidacy): return [(office, candidacy.standing.fence, candidacy.standing)]
        case .resigned(_, let standing), .standing(let standing, _), .denied(_, let standing):
            return [(office, standing.fence, standing)]
        case .fenced(let fence): return [(office, fence, nil)]
        case .list(let offices, _):
            return offices.map { (Office(office.kind, $0.name), $0.standing.fence, $0.standing) }
        case .past: return []
        }
    }
}

extension Invocation {
    fileprivate var concernsOffices: Bool {
        switch self {
        case .campaign, .resign, .under: true
        default: false
        }
    }

    /// The office that its answer is about; for a list, one of the kind.
    fileprivate var office: Office? {
        if let condition = self.guard { return condition.office }
        return switch self {
        case .campaign(let campaign): campaign.office
        case .resign(let resignation): resignation.office
        case .offices(.standing(let office, _)), .offices(.change(let office, _, _)), .offices(.past(let office, _)):
            office
        case .offices(.list(let kind, _, _)): Office(kind, "")
        default: nil
        }
    }
}
