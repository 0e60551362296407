import KeyValue
internal import Primitives
import ReplicaCore

/// A campaign, and how long its answer may be held.
struct CampaignCall {
    var proposal: Proposal
    var candidacy: CandidacyID
    /// Whether the id of the candidacy's lease is this node's invention.
    var drawnLease: Bool
    /// `nil` when the answer is not to be held.
    var wait: TimeSpan?
    /// The newest fence the client knows; `nil` when it said none.
    var after: Fence?
}

/// A wait for an election to change after a fence.
struct ElectionPollCall {
    var election: ElectionID
    var after: Fence
    var wait: TimeSpan
    var limit: Int
}

extension Call {
    static func election(
        _ destination: Destination, _ headers: RequestHeaders, _ parameters: inout QueryParameters, _ body: Bytes
    ) throws(Problem) -> Action {
        guard let kind = destination.route.election else { preconditionFailure("the route is about an election") }
        switch destination.route {
        case .listElections, .listLocks: return try listElections(kind, headers, &parameters)
        case .campaign, .acquire: return try campaign(try candidacy(kind, destination), headers, &parameters, body)
        case .resign, .release: return try resign(try candidacy(kind, destination), headers, &parameters)
        case .electionHistory, .lockHistory:
            let id = try electionID(kind, destination)
            let limit = try listLimit(&parameters) ?? Limits.leadershipsKept
            return .read(.leaderships(id, limit: limit), try consistency(&parameters), .leaderships(id))
        default: return try getElection(try electionID(kind, destination), headers, &parameters)
        }
    }

    // MARK: Names

    private static func electionID(_ kind: ElectionID.Kind, _ destination: Destination) throws(Problem) -> ElectionID {
        ElectionID(
            kind: kind,
            name: try label("the name of the \(kind.word) in the path", destination.name, Limits.electionNameBytes))
    }

    private static func candidacy(_ kind: ElectionID.Kind, _ destination: Destination) throws(Problem) -> CandidacyID {
        let place = "the id of the \(kind == .lock ? "holder" : "candidate") in the path"
        return CandidacyID(
            election: try electionID(kind, destination),
            candidate: try label(place, destination.id, Limits.candidateBytes))
    }

    // MARK: Writes

    private static func campaign(
        _ id: CandidacyID, _ headers: RequestHeaders, _ parameters: inout QueryParameters, _ body: Bytes
    ) throws(Problem) -> Action {
        let lease = try candidacyLease(ttl: try parameters.take("ttl"), lease: try parameters.take("lease"))
        let priority = try priority(try parameters.take("priority"))
        let wait = try parameters.take("wait").map { (text) throws(Problem) in try pollWait(text) }
        let after = try parameters.take("after").map { (text) throws(Problem) in try fence("after", text) }
        if after != nil && wait == nil { throw .badRequest("after is there without wait; it says what to wait behind") }
        let campaign = Campaign(
            candidacy: id, value: body, priority: priority, lease: lease, mode: try campaignMode(headers))
        let isDrawn = if case .drawn = lease { true } else { false }
        return .campaign(
            CampaignCall(
                proposal: Proposal(idempotencyKey: try idempotencyKey(headers), command: .campaign(campaign)),
                candidacy: id, drawnLease: isDrawn, wait: wait, after: after))
    }

    private static func candidacyLease(ttl: Bytes?, lease: Bytes?) throws(Problem) -> CandidacyLease {
        let ttl = try ttl.map { (text) throws(Problem) in try leaseTTL("ttl", text) }
        if let lease { return .named(try leaseID("lease", lease), ttl: ttl) }
        guard let ttl else { throw .badRequest("ttl and lease are both missing; a candidacy lives by one of them") }
        return .drawn(drawLeaseID(), ttl: ttl)
    }

    private static func priority(_ text: Bytes?) throws(Problem) -> Int32 {
        guard let text else { return 0 }
        let isNegative = text.first == UInt8(ascii: "-")
        guard let size = parseDecimal(isNegative ? text.dropFirst() : text[...]), size <= Limits.candidatePriority
        else {
            throw .badRequest(
                "priority is \(quoted(text)); it must be a whole number from -\(Limits.candidatePriority) to \(Limits.candidatePriority)"
            )
        }
        return isNegative ? -Int32(size) : Int32(size)
    }

    private static func campaignMode(_ headers: RequestHeaders) throws(Problem) -> Campaign.Mode {
        switch try Conditions.ofWrite(headers) {
        case .none: .any
        case .present: .renewing
        case .absent: .beginning
        case .unchanged:
            throw .badRequest(
                "If-Match is \(quoted((headers.ifMatch ?? "").utf8)); on a candidacy it must be *, which renews only")
        }
    }

    private static func resign(
        _ id: CandidacyID, _ headers: RequestHeaders, _ parameters: inout QueryParameters
    ) throws(Problem) -> Action {
        if headers.ifNoneMatch != nil {
            throw .badRequest("If-None-Match is there; giving up a candidacy takes If-Match with its fence")
        }
        let condition = try Conditions.ofWrite(headers)
        let fence: Fence? = if case .unchanged(let fence) = condition { Fence(fence.rawValue) } else { nil }
        let lease = try parameters.take("lease").map { (text) throws(Problem) in try leaseID("lease", text) }
        let resignation = Resignation(candidacy: id, lease: lease, fence: fence)
        return .write(
            Proposal(idempotencyKey: try idempotencyKey(headers), command: .resign(resignation)), drawnLease: false)
    }

    // MARK: Reads

    private static func getElection(
        _ id: ElectionID, _ headers: RequestHeaders, _ parameters: inout QueryParameters
    ) throws(Problem) -> Action {
        try Conditions.none(headers)
        let asked = try parameters.take("after").map { (text) throws(Problem) in try fence("after", text) }
        if headers.accepts("text/event-stream") {
            // A client that reconnects repeats its address, and adds how far it came, which is later.
            var after = asked
            if let last = headers.lastEventID, !last.isEmpty { after = try fence("Last-Event-ID", Array(last.utf8)) }
            return .watch(
                WatchCall(
                    subject: .election(id, after: after), showsPrevious: false,
                    heartbeat: try heartbeat(&parameters)))
        }
        if headers.lastEventID != nil {
            throw .badRequest("Last-Event-ID is for event streams, which take Accept: text/event-stream")
        }
        let limit = try listLimit(&parameters) ?? Limits.candidatesListed
        let wait = try parameters.take("wait")
        if let asked {
            return .pollElection(
                ElectionPollCall(election: id, after: asked, wait: try pollWait(wait), limit: limit))
        }
        if wait != nil { throw .badRequest("wait is there without after; it needs the fence to wait behind") }
        return .read(.election(id, limit: limit), try consistency(&parameters), .election(id))
    }

    private static func listElections(
        _ kind: ElectionID.Kind, _ headers: RequestHeaders, _ parameters: inout QueryParameters
    ) throws(Problem) -> Action {
        try Conditions.none(headers)
        let prefix = try parameters.take("prefix") ?? []
        let start = try parameters.take("start") ?? []
        let limit = try listLimit(&parameters) ?? 0
        return .read(
            .elections(kind, prefix: prefix, from: start, limit: limit), try consistency(&parameters),
            .elections(kind))
    }

    private static func listLimit(_ parameters: inout QueryParameters) throws(Problem) -> Int? {
        try parameters.take("limit").map { (text) throws(Problem) in
            try pageLimit("limit", parseDecimal(text), text)
        }
    }
}

// MARK: - Fences

/// `If-Fence: {name}={fence}` or `locks/{name}={fence}`, the name percent-encoded as in a path.
func fenceCondition(_ headers: RequestHeaders) throws(Problem) -> FenceCondition? {
    guard let text = headers.ifFence else { return nil }
    let bytes = Array(text.utf8)
    guard let equals = bytes.lastIndex(of: UInt8(ascii: "=")), let number = parseDecimal(bytes[(equals + 1)...]) else {
        throw .badRequest(
            "If-Fence is \(quoted(bytes)); it must be an election's name, percent-encoded, = and a fence, like controller=17, or locks/ before a lock's name"
        )
    }
    let lock = bytes[..<equals].dropping(prefix: "locks/")
    let name = try label("the name in If-Fence", lock ?? bytes[..<equals], Limits.electionNameBytes)
    return FenceCondition(
        election: ElectionID(kind: lock == nil ? .election : .lock, name: name), fence: Fence(number))
}

/// A parameter's fence.
private func fence(_ name: String, _ text: Bytes) throws(Problem) -> Fence {
    guard let value = parseDecimal(text) else {
        throw .badRequest("\(name) is \(quoted(text)); it must be a fence, a whole number below 2^63")
    }
    return Fence(value)
}

/// A name or an id, decoded: UTF-8 without control characters.
private func label(_ place: String, _ encoded: ArraySlice<UInt8>, _ limit: Int) throws(Problem) -> Bytes {
    guard let bytes = percentDecoded(encoded) else {
        throw .badRequest("\(place) is \(quoted(encoded)), which has a % without two hexadecimal digits")
    }
    guard !bytes.isEmpty, bytes.count <= limit else {
        throw .badRequest("\(place) has \(bytes.count) bytes; it must have 1 to \(limit)")
    }
    guard (try? UTF8Span(validating: bytes.span)) != nil, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        throw .badRequest("\(place) is \(quoted(encoded)); it must be UTF-8 without control characters")
    }
    return bytes
}

extension Call.Action {
    /// The same, to be carried out only while a leadership stands.
    func fenced(by fence: FenceCondition?) -> Call.Action {
        guard let fence else { return self }
        switch self {
        case .write(var proposal, let drawnLease):
            proposal.fence = fence
            return .write(proposal, drawnLease: drawnLease)
        case .campaign(var call):
            call.proposal.fence = fence
            return .campaign(call)
        case .renewOne(let id, _): return .renewOne(id, fence)
        case .renewMany(let ids, _): return .renewMany(ids, fence)
        default: return self
        }
    }
}
