import KeyValue
internal import Primitives
import ReplicaCore

extension Renderer {
    /// How a candidacy stands; 201 when it is new.
    ///
    /// - Parameter promise: the lease as it was when this request renewed it, if that is not what the result says: what is
    ///   left of it is counted from when the client sent the request.
    func candidacy(_ result: CandidacyResult, promise: LeaseGrant? = nil, at position: ReplyPosition) -> Reply {
        let (summary, kind) = (result.summary, result.summary.election.kind)
        return json(result.created ? .created : .ok, position) { json in
            json.field(kind == .lock ? "lock" : "election", or: "name_base64", summary.election.name)
            json.field("id", or: "id_base64", result.candidate)
            switch result.standing {
            case .leading: json.field("state", kind.leadingWord)
            case .waiting: json.field("state", "waiting" as StaticString)
            case .ended: json.field("state", "ended" as StaticString)
            }
            json.field("fence", summary.fence.rawValue)
            if case .waiting(let position) = result.standing { json.field("position", position) }
            json.leader(summary.leader, of: kind, at: position.time)
            guard result.standing != .ended, let grant = promise ?? result.grant else { return }
            json.field("lease", grant.id)
            json.leaseTimes(grant)
        }
    }

    func resigned(_ result: ResignationResult, at position: ReplyPosition) -> Reply {
        let (summary, kind) = (result.summary, result.summary.election.kind)
        return json(.ok, position) { json in
            json.field(kind == .lock ? "lock" : "election", or: "name_base64", summary.election.name)
            json.field("id", or: "id_base64", result.candidate)
            json.field("was", result.wasLeading ? kind.leadingWord : "waiting")
            json.field("fence", summary.fence.rawValue)
            json.leader(summary.leader, of: kind, at: position.time)
        }
    }

    func election(_ view: ElectionView, at position: ReplyPosition) -> Reply {
        let kind = view.summary.election.kind
        return json(.ok, position) { json in
            json.summaryFields(view.summary, at: position.time)
            json.array(kind == .lock ? "waiting" : "candidates") { json in
                for (place, candidate) in view.candidates.enumerated() {
                    json.object { json in
                        json.field("id", or: "id_base64", candidate.candidate)
                        json.field("priority", Int64(candidate.priority))
                        json.field("position", place + 1)
                        json.field("lease", candidate.lease)
                    }
                }
            }
            json.field("count", view.summary.waiting)
            json.field("more", view.candidates.count < view.summary.waiting)
            json.field("revision", position.revision.rawValue)
        }
    }

    func elections(_ page: ElectionPage, of kind: ElectionID.Kind, at position: ReplyPosition) -> Reply {
        json(.ok, position) { json in
            json.array(kind == .lock ? "locks" : "elections") { json in
                for summary in page.elections {
                    json.object { json in
                        json.summaryFields(summary, at: position.time)
                        json.field("count", summary.waiting)
                    }
                }
            }
            json.field("count", page.count)
            json.field("more", page.more)
            json.field("revision", position.revision.rawValue)
        }
    }

    func leaderships(_ page: LeadershipPage, of id: ElectionID, at position: ReplyPosition) -> Reply {
        json(.ok, position) { json in
            json.field("name", or: "name_base64", id.name)
            json.array("history") { json in
                for leadership in page.leaderships { json.object { $0.pastFields(leadership, at: position.time) } }
            }
            json.field("more", page.more)
            json.field("revision", position.revision.rawValue)
        }
    }
}

extension ElectionID.Kind {
    var leadingWord: StaticString { self == .lock ? "holding" : "leading" }
}

extension JSONWriter {
    /// A leadership as everybody who asks is told of it.
    mutating func leadershipFields(_ leadership: Leadership) {
        field("id", or: "id_base64", leadership.candidate)
        field("value", or: "value_base64", leadership.value)
        field("fence", leadership.fence.rawValue)
        field("priority", Int64(leadership.priority))
        field("lease", leadership.lease)
    }

    /// Who leads, or null. `now` is in cluster time; without it, nothing is said of how long.
    mutating func leader(_ leader: Leadership?, of kind: ElectionID.Kind, at now: ClusterTime?) {
        let name: StaticString = kind == .lock ? "holder" : "leader"
        guard let leader else { return null(name) }
        object(name) { json in
            json.leadershipFields(leader)
            guard let now else { return }
            let age = max(.zero, now - leader.began)
            json.field("since", timestamp(ago: age))
            json.field("age_ms", UInt64(clamping: age.milliseconds))
        }
    }

    /// What helps whose candidacy is refused.
    mutating func electionHelp(_ summary: ElectionSummary, at now: ClusterTime?) {
        field("fence", summary.fence.rawValue)
        leader(summary.leader, of: summary.election.kind, at: now)
    }

    fileprivate mutating func summaryFields(_ summary: ElectionSummary, at now: ClusterTime) {
        field("name", or: "name_base64", summary.election.name)
        field("fence", summary.fence.rawValue)
        leader(summary.leader, of: summary.election.kind, at: now)
    }

    fileprivate mutating func pastFields(_ leadership: Leadership, at now: ClusterTime) {
        leadershipFields(leadership)
        field("since", timestamp(ago: max(.zero, now - leadership.began)))
        let end = leadership.end
        if let end { field("until", timestamp(ago: max(.zero, now - end.time))) } else { null("until") }
        let lasted = max(.zero, (end?.time ?? now) - leadership.began)
        field("lasted_ms", UInt64(clamping: lasted.milliseconds))
        if let end { field("reason", end.reason.name) } else { null("reason") }
    }
}

/// The time of day a while ago, by this machine's clock.
private func timestamp(ago span: TimeSpan) -> String {
    HTTPDate.timestamp(millisecondsSince1970: HTTPDate.millisecondsSince1970() - span.milliseconds)
}
