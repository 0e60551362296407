import FoundationEssentials
internal import HistoryChecker

// The JSON of elections and locks, member by member as `openapi.yaml` names them.

struct WireLeader: Decodable {
    var id: String
    var value: String?
    var fence: UInt64
    var lease: String
    /// Of one that is over.
    var reason: String?

    var leader: Office.Leader {
        get throws { Office.Leader(id, value ?? "", fence: fence, lease: try leaseNumber(lease)) }
    }

    var past: OfficeAnswer.Past {
        get throws { OfficeAnswer.Past(try leader, try reason.map { try endReason($0) }) }
    }
}

/// What every answer about one office has.
struct WireStanding: Decodable {
    var name: String?
    var fence: UInt64
    var leader: WireLeader?
    var holder: WireLeader?

    var standing: Office.Standing {
        get throws { Office.Standing(fence: fence, try (leader ?? holder).map { try $0.leader }) }
    }
}

struct WireCandidacy: Decodable {
    var state: String
    var position: Int?
    var lease: String?
    var ttl_ms: Int64?
    var valid_for_ms: Int64?

    func candidacy(_ standing: Office.Standing, isNew: Bool) throws -> Candidacy {
        var grant: Response.Grant?
        if let ttl_ms, let valid_for_ms {
            grant = Response.Grant(lease: try leaseNumber(lease), ttl: ttl_ms, valid: valid_for_ms)
        }
        switch state {
        case "leading", "holding": return Candidacy(.leading, isNew: isNew, standing, grant: grant)
        case "waiting":
            guard let position else { throw Missing(what: "the position of one who waits") }
            return Candidacy(.waiting(position: position), isNew: isNew, standing, grant: grant)
        case "ended": return Candidacy(.ended, isNew: isNew, standing, grant: grant)
        default: throw Missing(what: "a state that there is")
        }
    }
}

struct WireResigned: Decodable {
    var was: String
}

struct WireOffice: Decodable {
    var candidates: [Waiting]?
    var waiting: [Waiting]?

    struct Waiting: Decodable {
        var id: String
        var position: Int
    }

    var ids: [String] {
        get throws {
            guard let all = candidates ?? waiting, all.map(\.position) == Array(1..<(all.count + 1)) else {
                throw Missing(what: "those who wait, in order")
            }
            return all.map(\.id)
        }
    }
}

struct WireOffices: Decodable {
    var elections: [WireStanding]?
    var locks: [WireStanding]?
    var more: Bool

    var listed: [OfficeAnswer.Listed] {
        get throws {
            guard let all = elections ?? locks else { throw Missing(what: "elections or locks") }
            return try all.map { office in
                guard let name = office.name else { throw Missing(what: "a name") }
                return OfficeAnswer.Listed(name, try office.standing)
            }
        }
    }
}

struct WirePast: Decodable {
    var history: [WireLeader]
}

/// What a refused write under a fence says.
struct WireFenced: Decodable {
    var fence: UInt64
}

func endReason(_ word: String) throws -> Office.EndReason {
    guard let reason = Office.EndReason(rawValue: word) else { throw Missing(what: "a reason that there is") }
    return reason
}
