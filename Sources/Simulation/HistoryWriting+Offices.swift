internal import HistoryChecker
internal import KeyValue
internal import Primitives

// Elections and locks in the checker's words.

extension HistoryWriting {
    func invocation(_ campaign: KeyValue.Campaign) -> Invocation {
        var asked = HistoryChecker.Campaign(
            Office(campaign.candidacy.election), keyText(campaign.candidacy.candidate), valueText(campaign.value))
        asked.priority = Int64(campaign.priority)
        switch campaign.lease {
        // A node draws an id for those that name none.
        case .drawn(_, let ttl): asked.ttl = promised(ttl)
        case .named(let id, let ttl): (asked.lease, asked.ttl) = (id.rawValue, ttl.map { promised($0) } ?? 0)
        }
        asked.mode =
            switch campaign.mode {
            case .any: .any
            case .renewing: .renewing
            case .beginning: .beginning
            }
        return .campaign(asked)
    }

    func invocation(_ resignation: KeyValue.Resignation) -> Invocation {
        .resign(
            HistoryChecker.Resignation(
                Office(resignation.candidacy.election), keyText(resignation.candidacy.candidate),
                lease: resignation.lease?.rawValue ?? 0, fence: resignation.fence?.rawValue))
    }

    func answer(_ result: CandidacyResult) -> OfficeAnswer {
        let state: Candidacy.State =
            switch result.standing {
            case .leading: .leading
            case .waiting(let position): .waiting(position: position)
            case .ended: .ended
            }
        return .candidacy(
            Candidacy(
                state, isNew: result.created, Office.Standing(result.summary), grant: result.grant.map { grant($0) }))
    }

    func answer(_ failure: CommandFailure) -> OfficeAnswer? {
        switch failure {
        case .fenced(_, let fence): .fenced(fence.rawValue)
        case .candidacyNotFound(let summary): .denied("not_found", Office.Standing(summary))
        case .candidacyTaken(let summary): .denied("taken", Office.Standing(summary))
        case .candidacyCondition(let summary): .denied("condition", Office.Standing(summary))
        default: nil
        }
    }

    /// What those who watch elections were told.
    func write(_ observed: ClientRecord.Observed, into watched: inout Watched) {
        let time = observed.time / 1000 + 1
        func add(_ event: Watched.Event) { watched.deliveries.append(Watched.Delivery(time: time, event)) }
        switch observed.news {
        case .opened(let election, let after, let newest):
            watched.selections = [.office(Office(election))]
            if let newest { add(.office(Office.Change(newest))) } else { add(.opened(after: after.rawValue)) }
        case .events(let events): for event in events { add(.office(Office.Change(event))) }
        case .closed(let fence): add(.closed(fence.rawValue))
        }
    }
}

extension Office {
    init(_ election: ElectionID) {
        let kind: Office.Kind =
            switch election.kind {
            case .election: .elections
            case .lock: .locks
            }
        self.init(kind, keyText(election.name))
    }
}

extension Office.Guard {
    init(_ condition: FenceCondition) {
        self.init(Office(condition.election), fence: condition.fence.rawValue)
    }
}

extension Office.Standing {
    init(_ summary: ElectionSummary) {
        self.init(fence: summary.fence.rawValue, summary.leader.map { Office.Leader($0) })
    }
}

extension Office.Leader {
    fileprivate init(_ leadership: Leadership) {
        self.init(
            keyText(leadership.candidate), valueText(leadership.value), fence: leadership.fence.rawValue,
            lease: leadership.lease.rawValue)
    }
}

extension Office.Change {
    init(_ event: ElectionEvent) {
        self.init(
            Office(event.election), fence: event.fence.rawValue, leader: event.leader.map { Office.Leader($0) },
            ended: event.ended.flatMap { Office.Ended($0) })
    }
}

extension Office.Ended {
    fileprivate init?(_ leadership: Leadership) {
        guard let end = leadership.end else { return nil }
        let reason: Office.EndReason =
            switch end.reason {
            case .expired: .expired
            case .resigned: .resigned
            case .removed: .removed
            }
        self.init(keyText(leadership.candidate), fence: leadership.fence.rawValue, reason)
    }
}
