/// Elections and locks: one leads at a time, for as long as it was promised, and nobody acts for a leadership that is over.
extension Judge {
    mutating func judgeOffices() {
        let asked = Asked(requests)
        for (office, course) in offices.inOrder {
            verdict.figures.leaderships += course.changes.count { $0.leader != nil }
            for told in course.told { judge(told, in: course) }
            for change in course.changes { explain(change, course, asked) }
            judgeSuccessions(of: office, course, asked)
        }
        for request in requests { judge(request) }
        for operation in campaigns { judge(campaign: operation) }
        for (name, watched) in watches.sorted(by: { $0.key < $1.key }) {
            guard let office = watched.office else { continue }
            verdict.figures.watches += 1
            var reader = OfficeReader(name, offices[office].changes)
            for delivery in watched.deliveries { reader.take(delivery.event, into: &verdict) }
        }
    }

    // MARK: - What was told

    /// One fence has one leader, everywhere, and nothing older is told than was known.
    private mutating func judge(_ told: ToldStanding, in course: OfficeCourse) {
        let floor = course.known.floor(before: told.call)
        if told.isCurrent, told.fence < floor {
            verdict.found(.stale, "fence \(floor) was known before \(told.line)")
        }
        guard let standing = told.standing else { return }
        if told.fence == 0 {
            if standing.leader != nil { verdict.found(.leaders, "nobody leads with 0: \(told.line)") }
            return
        }
        guard let place = course.place(of: told.fence) else {
            let rule: Rule = told.fence > course.changes.last?.fence ?? 0 ? .lost : .fence
            return verdict.found(rule, "no change has this fence: \(told.line)")
        }
        let change = course.changes[place]
        if !(standing.leader.map { change.leader?.isSame(as: $0) ?? false } ?? (change.leader == nil)) {
            verdict.found(.leaders, "\(change.line), and somebody was told \(told.line)")
        }
    }

    private mutating func judge(_ request: Request) {
        if request.guard != nil, request.response.isDefinite, !request.response.isRefusal {
            judgeGuard(of: request, at: nil)
        }
        guard case .offices(let answer, _) = request.response else { return }
        switch (request.invocation, answer) {
        case (.resign(let resignation), .resigned(let wasLeading, let standing)):
            if wasLeading { judge(resignation, standing, request) }
        case (.offices(.past(let office, let limit)), .past(let past)): judge(past, of: office, limit, request)
        case (_, .fenced(let fence)):
            if let condition = request.guard, condition.fence == fence,
                let place = offices[condition.office].place(of: fence),
                offices[condition.office].changes[place].leader != nil
            {
                verdict.found(.answer, "that leadership stands: \(request.operation.line)")
            }
        default: break
        }
    }

    private mutating func judge(campaign operation: Operation) {
        guard case .campaign(let campaign) = operation.invocation.bare,
            case .offices(let answer, _) = operation.response, case .candidacy(let candidacy) = answer
        else { return }
        if !candidacy.isPlausible(for: campaign.id) { verdict.found(.answer, "who leads? \(operation.line)") }
        judgePromise(of: candidacy, in: offices[campaign.office], operation)
    }

    /// Nobody follows before the promise of one who leads is over.
    private mutating func judgePromise(of candidacy: Candidacy, in course: OfficeCourse, _ operation: Operation) {
        guard let valid = candidacy.grant?.valid, candidacy.state == .leading else { return }
        let until = operation.call + valid * 1000
        guard let next = course.next(after: candidacy.standing.fence), next.ended?.reason == .expired,
            let known = course.known.firstKnown(next.fence), known < until
        else { return }
        verdict.found(.deposed, "\(next.line) was known at \(known), before \(until): \(operation.line)")
    }

    private mutating func judge(_ resignation: Resignation, _ standing: Office.Standing, _ request: Request) {
        let course = offices[resignation.office]
        let floor = course.known.floor(before: request.call)
        let isThere = course.changes.contains { change in
            change.ended?.id == resignation.id && change.ended?.reason == .resigned && change.fence <= standing.fence
                && change.fence > floor
        }
        if !isThere { verdict.found(.lost, "nobody's leadership ended by \(request.operation.line)") }
    }

    /// Who led is told without a gap, newest first.
    private mutating func judge(_ past: [OfficeAnswer.Past], of office: Office, _ limit: Int, _ request: Request) {
        let course = offices[office]
        let floor = course.known.floor(before: request.call)
        let led = course.changes.filter { $0.leader != nil }
        let newest = past.first?.leader.fence ?? 0
        if let latest = led.last(where: { $0.fence <= floor }), newest < latest.fence {
            verdict.found(.stale, "\(latest.line) was known before \(request.operation.line)")
        }
        let right = led.reversed().drop { $0.fence > newest }.prefix(past.count)
        let isRight = zip(right, past).allSatisfy { change, told in
            guard let leader = change.leader, leader.isSame(as: told.leader) else { return false }
            let reason = course.next(after: change.fence)?.ended?.reason
            return told.reason == reason || told.reason == nil && told.leader.fence == newest
        }
        if right.count != past.count || past.count > limit || !isRight {
            verdict.found(.answer, "that is not who led: \(request.operation.line)")
        }
    }

    /// A write was carried out, at a revision if it made one, under a leadership that must have stood.
    mutating func judgeGuard(of request: Request, at revision: UInt64?) {
        guard let condition = request.guard else { return }
        let course = offices[condition.office]
        guard let place = course.place(of: condition.fence), course.changes[place].leader != nil else {
            return verdict.found(.fenced, "nobody ever led with \(condition.fence): \(request.operation.line)")
        }
        let floor = course.known.floor(before: request.call)
        if floor > condition.fence {
            verdict.found(.fenced, "fence \(floor) was known before \(request.operation.line)")
        } else if let revision, let later = course.revision(above: condition.fence), later < revision {
            verdict.found(.fenced, "at revision \(later) it did not stand any more: \(request.operation.line)")
        }
    }

    // MARK: - Why

    /// Each leadership is somebody's who asked for it, and ends for a reason.
    private mutating func explain(_ change: Office.Change, _ course: OfficeCourse, _ asked: Asked) {
        let known = course.known.firstKnown(change.fence) ?? .max
        if let leader = change.leader {
            let wasAsked = asked.campaigns[.init(change.office, leader.id)]?.contains { number in
                requests[number].call < known && !requests[number].isRefused
            }
            if wasAsked != true { verdict.found(.invented, "nobody campaigned for \(change.line)") }
        }
        guard let ended = change.ended, let leader = course.predecessor(of: change) else { return }
        let isExplained =
            switch ended.reason {
            // Not too early: that is the lease's.
            case .expired: true
            case .resigned: isReleased(.init(change.office, ended.id), leader, before: known, asked)
            case .removed: asked.revokes[leader.lease]?.contains { requests[$0].call < known } ?? false
            }
        if !isExplained { verdict.found(.released, "nobody who may ended it: \(change.line)") }
    }

    private func isReleased(
        _ candidacy: Asked.Candidate, _ leader: Office.Leader, before known: Int64, _ asked: Asked
    ) -> Bool {
        asked.resignations[candidacy]?.contains { number in
            guard case .resign(let resignation) = requests[number].invocation, requests[number].call < known else {
                return false
            }
            return (resignation.lease == 0 || resignation.lease == leader.lease)
                && (resignation.fence ?? leader.fence) == leader.fence
        } ?? false
    }

    /// Nobody leads only while nobody who could waits.
    private mutating func judgeSuccessions(of office: Office, _ course: OfficeCourse, _ asked: Asked) {
        for change in course.changes where change.leader == nil {
            guard let known = course.known.firstKnown(change.fence) else { continue }
            let before = course.lastBefore(change.fence)
            for wait in asked.waits(for: office, at: known) where wait.from <= before && wait.until >= known {
                guard wait.id != change.ended?.id, !asked.isEnded(wait, office, before: known, requests) else {
                    continue
                }
                verdict.found(
                    .succession, "\(change.line), though \(wait.id) waited from \(wait.from) to \(wait.until)")
                break
            }
        }
    }
}

extension Candidacy {
    /// Whether whom a candidate is told to be is whom the office has.
    fileprivate func isPlausible(for id: String) -> Bool {
        let (leader, lease) = (standing.leader, grant?.lease)
        switch state {
        case .leading: return leader?.id == id && leader?.lease == lease
        case .waiting(let position): return leader?.lease != lease && position > 0
        case .ended: return true
        }
    }
}
