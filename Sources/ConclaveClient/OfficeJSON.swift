extension Office {
    /// The path of the resource.
    var path: String { kind.path + "/" + ByteString(name).segmentEscaped }

    /// The path of one candidate's or holder's own resource.
    func path(of id: String) -> String {
        path + (kind == .elections ? "/candidates/" : "/holders/") + ByteString(id).segmentEscaped
    }
}

extension Office.Kind {
    var path: String {
        switch self {
        case .elections: "/v1/elections"
        case .locks: "/v1/locks"
        }
    }

    /// The member of an answer, and the event, that tells who leads.
    var leaderField: Field {
        switch self {
        case .elections: "leader"
        case .locks: "holder"
        }
    }

    var waitingField: Field {
        switch self {
        case .elections: "candidates"
        case .locks: "waiting"
        }
    }
}

extension Leader: Decodable {
    /// Reads the API's JSON.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        id = try fields.decode(String.self, forKey: "id")
        value = try fields.bytesIfPresent("value") ?? ""
        fence = try fields.decode(UInt64.self, forKey: "fence")
        priority = try fields.decodeIfPresent(Int.self, forKey: "priority") ?? 0
        lease = try fields.decodeIfPresent(LeaseID.self, forKey: "lease")
        since = try fields.decodeIfPresent(String.self, forKey: "since")
        age = try fields.durationIfPresent("age_ms")
    }
}

extension WaitingCandidate: Decodable {
    /// Reads the API's JSON.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        id = try fields.decode(String.self, forKey: "id")
        priority = try fields.decodeIfPresent(Int.self, forKey: "priority") ?? 0
        position = try fields.decode(Int.self, forKey: "position")
        lease = try fields.decodeIfPresent(LeaseID.self, forKey: "lease")
    }
}

extension PastLeadership: Decodable {
    /// Reads the API's JSON.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        id = try fields.decode(String.self, forKey: "id")
        value = try fields.bytesIfPresent("value") ?? ""
        fence = try fields.decode(UInt64.self, forKey: "fence")
        since = try fields.decodeIfPresent(String.self, forKey: "since")
        until = try fields.decodeIfPresent(String.self, forKey: "until")
        lasted = try fields.durationIfPresent("lasted_ms")
        reason = try fields.decodeIfPresent(LeadershipEnd.self, forKey: "reason")
    }
}

/// An election or a lock in an answer.
struct WireOffice: Decodable {
    private var states: [Office.Kind: OfficeState] = [:]

    /// The answer of this kind; an election's answer is not taken for a lock's.
    func state(_ kind: Office.Kind) -> OfficeState? { states[kind] }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        let name = try fields.decode(String.self, forKey: "name")
        let fence = try fields.decode(UInt64.self, forKey: "fence")
        for kind in [Office.Kind.elections, .locks] where fields.contains(kind.leaderField) {
            let waiting = try fields.decodeIfPresent([WaitingCandidate].self, forKey: kind.waitingField) ?? []
            states[kind] = OfficeState(
                office: Office(kind, name), fence: fence,
                leader: try fields.decodeIfPresent(Leader.self, forKey: kind.leaderField), waiting: waiting,
                waitingCount: try fields.decodeIfPresent(Int.self, forKey: "count") ?? waiting.count)
        }
    }
}

/// A page of elections or locks in an answer.
struct WireOffices: Decodable {
    private var offices: [WireOffice]
    private var count: Int
    private var more: Bool

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        offices =
            try fields.decodeIfPresent([WireOffice].self, forKey: "elections")
            ?? fields.decode([WireOffice].self, forKey: "locks")
        count = try fields.decode(Int.self, forKey: "count")
        more = try fields.decode(Bool.self, forKey: "more")
    }

    func page(_ kind: Office.Kind) -> OfficePage {
        OfficePage(offices: offices.compactMap { $0.state(kind) }, count: count, more: more)
    }
}

/// How one contender stands, in the answer to its request.
struct Standing: Decodable, Hashable, Sendable {
    var state: State
    /// The office's own number; the contender's when it leads.
    var fence: UInt64
    /// Its place in the line while it waits; 1 is next.
    var position: Int?
    var leader: Leader?
    var validFor: Duration

    enum State: String, Decodable, Sendable {
        case leading, holding, waiting, ended

        var leads: Bool { self == .leading || self == .holding }
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        state = try fields.decode(State.self, forKey: "state")
        fence = try fields.decode(UInt64.self, forKey: "fence")
        position = try fields.decodeIfPresent(Int.self, forKey: "position")
        leader =
            try fields.decodeIfPresent(Leader.self, forKey: "leader")
            ?? fields.decodeIfPresent(Leader.self, forKey: "holder")
        validFor = try fields.durationIfPresent("valid_for_ms") ?? .zero
    }
}

extension KeyedDecodingContainer<Field> {
    /// A length of time in whole milliseconds.
    func durationIfPresent(_ name: Field) throws -> Duration? {
        try decodeIfPresent(Int64.self, forKey: name).map { .milliseconds($0) }
    }
}
