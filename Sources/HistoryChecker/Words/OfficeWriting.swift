/// The words of elections, locks and lines in a history file; see `Docs/TESTING.md`.
extension Office {
    /// As in the API's paths.
    package var word: String { "\(kind.rawValue)/\(name)" }
}

extension Office.Change {
    package var line: String { "seat \(words)" }

    var words: String {
        let ended = ended.map { " was \($0.id) \($0.fence) \($0.reason.rawValue)" } ?? ""
        return "\(office.word) \(standing.words)\(ended)"
    }

    var standing: Office.Standing { Office.Standing(fence: fence, leader) }
}

extension Office.Leader {
    /// `id=value@fence,lease`
    var word: String { "\(id)=\(value.word)@\(fence),\(hexadecimal(lease))" }
}

extension Office.Standing {
    var words: String { "\(fence) \(leader?.word ?? "-")" }
}

extension Campaign {
    var words: String {
        var words = "campaign \(office.word) \(id) \(value.word)"
        if priority != 0 { words += " priority=\(priority)" }
        if lease != 0 { words += " lease=\(hexadecimal(lease))" }
        if ttl != 0 { words += " ttl=\(ttl)" }
        if mode != .any { words += " mode=\(mode.rawValue)" }
        if wait != 0 { words += " wait=\(wait)" }
        if let after { words += " after=\(after)" }
        return words
    }
}

extension Resignation {
    var words: String {
        let lease = lease == 0 ? "" : " lease=\(hexadecimal(lease))"
        return "resign \(office.word) \(id)\(lease)" + (fence.map { " fence=\($0)" } ?? "")
    }
}

extension OfficeQuery {
    var words: String {
        switch self {
        case .standing(let office, let point): "office \(office.word)\(point == .stale ? " stale" : "")"
        case .change(let office, let after, let span): "change \(office.word) \(after) \(span)"
        case .list(let kind, let prefix, let limit): "offices \(kind.rawValue) \(prefix.word) \(limit)"
        case .past(let office, let limit): "past \(office.word) \(limit)"
        }
    }
}

extension LineRequest {
    var words: String {
        switch self {
        case .enter(let name, let lease, let value?): "enter \(name) \(hexadecimal(lease)) \(value.word)"
        case .enter(let name, let lease, nil): "lock \(name) \(hexadecimal(lease))"
        case .proclaim(let place, let value): "proclaim \(place.words) \(value.word)"
        case .resign(let place): "step-down \(place.words)"
        case .unlock(let name, let lease): "unlock \(name) \(hexadecimal(lease))"
        case .front(let name, let observing): "\(observing ? "observe" : "front") \(name)"
        }
    }
}

extension LineRequest.Place {
    fileprivate var words: String { "\(name) \(hexadecimal(lease)) \(created)" }
}

extension OfficeAnswer {
    /// Without the revision.
    var words: String {
        switch self {
        case .candidacy(let candidacy): candidacy.words
        case .resigned(let wasLeading, let standing):
            "resigned \(wasLeading ? "leading" : "waiting") \(standing.words)"
        case .standing(let standing, let waiting):
            "standing \(standing.words) \(waiting.count)" + waiting.map { " \($0)" }.joined()
        case .list(let offices, let more):
            "offices \(offices.count)\(more ? " more" : "")"
                + offices.map { " \($0.name) \($0.standing.words)" }.joined()
        case .past(let past):
            "past \(past.count)" + past.map { " \($0.leader.word) \($0.reason?.rawValue ?? "standing")" }.joined()
        case .fenced(let fence): "fenced \(fence)"
        case .denied(let code, let standing): "denied \(code) \(standing.words)"
        }
    }
}

extension Candidacy {
    fileprivate var words: String {
        let state =
            switch state {
            case .leading: "leading"
            case .waiting(let position): "waiting \(position)"
            case .ended: "ended"
            }
        return "\(state)\(isNew ? " new" : "") \(standing.words)\(grant?.words ?? "")"
    }
}
