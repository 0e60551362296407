import KeyValue
internal import Primitives
import ReplicaCore

/// A request that is valid: everything a client may get wrong by itself has been checked.
struct Call {
    /// How long the client waits at most for the node to answer.
    var timeout: TimeSpan
    var action: Action

    enum Action {
        /// A write; `drawnLease` tells that the id of its new lease is this node's invention.
        case write(Proposal, drawnLease: Bool)
        case renewOne(LeaseID, FenceCondition?)
        case renewMany([LeaseID], FenceCondition?)
        case read(Query, ReadConsistency, ReadForm)
        case watch(WatchCall)
        case poll(PollCall)
        case campaign(CampaignCall)
        case pollElection(ElectionPollCall)
        case report(Report)
        case document(Document)
    }

    /// How the result of a read is shown.
    enum ReadForm: Equatable {
        /// One key: raw, or as JSON; 304 when it is still at the revision the client has.
        case key(json: Bool, unless: Revision?)
        case page(keysOnly: Bool)
        case lease(LeaseID)
        case leases
        case election(ElectionID)
        case elections(ElectionID.Kind)
        case leaderships(ElectionID)
    }

    /// What a node tells of itself.
    enum Report {
        case status, cluster, alive, ready, metrics
        case why(json: Bool)
    }

    /// What is the same on every node.
    enum Document {
        case contract, dashboard
    }
}

/// A watch as its client asked for it.
struct WatchCall {
    var subject: Subject
    /// Whether events carry what they replaced.
    var showsPrevious: Bool
    /// How often a stream without events shows that it is alive.
    var heartbeat: TimeSpan

    /// What is watched, and after what events are wanted; `nil` begins with what is there now.
    enum Subject {
        case keys([KeySelection], after: Revision?)
        case election(ElectionID, after: Fence?)
    }
}

/// A wait for one key to change after a revision.
struct PollCall {
    var key: Bytes
    var after: Revision
    var wait: TimeSpan
    var json: Bool
}

extension Call {
    init(
        _ destination: Destination, _ headers: RequestHeaders, query: ArraySlice<UInt8>, body: Bytes
    ) throws(Problem) {
        if let repeated = headers.repeated { throw .badRequest("\(repeated) is there more than once; once is allowed") }
        let fence = try fenceCondition(headers)
        if fence != nil && !destination.route.writes {
            throw .badRequest("If-Fence is for writes; this request changes nothing")
        }
        if !body.isEmpty && !destination.route.takesBody {
            throw .badRequest("the request has a body of \(body.count) bytes; this resource takes none")
        }
        var parameters = try QueryParameters(query)
        timeout = Limits.requestTimeout
        if let text = try parameters.take("timeout") {
            timeout = try duration("timeout", text, from: .milliseconds(1), to: Limits.maximumRequestTimeout)
        }
        action = try Self.action(destination, headers, &parameters, body).fenced(by: fence)
        try parameters.finish()
    }

    private static func action(
        _ destination: Destination, _ headers: RequestHeaders, _ parameters: inout QueryParameters, _ body: Bytes
    ) throws(Problem) -> Action {
        switch destination.route {
        case .putKey: return try putKey(destination.name, headers, &parameters, body)
        case .getKey: return try getKey(destination.name, headers, &parameters)
        case .deleteKey: return try deleteKey(destination.name, headers)
        case .listKeys: return try listKeys(headers, &parameters)
        case .deleteKeys: return try deleteKeys(headers, &parameters)
        case .transaction: return try transaction(headers, body)
        case .createLease: return try createLease(headers, body)
        case .listLeases: return try listLeases(&parameters)
        case .renewLeases: return try renewLeases(body)
        case .renewLease: return .renewOne(try leaseID("the lease in the path", destination.name), nil)
        case .getLease:
            let id = try leaseID("the lease in the path", destination.name)
            return .read(.lease(id), try consistency(&parameters), .lease(id))
        case .revokeLease: return try revokeLease(destination.name, headers)
        case .listElections, .listLocks, .getElection, .getLock, .electionHistory, .lockHistory, .campaign, .acquire,
            .resign, .release:
            return try election(destination, headers, &parameters, body)
        case .watch: return .watch(try watch(headers, &parameters))
        case .status: return .report(.status)
        case .cluster: return .report(.cluster)
        case .why: return .report(.why(json: headers.accepts("application/json")))
        case .alive: return .report(.alive)
        case .ready: return .report(.ready)
        case .metrics: return .report(.metrics)
        case .contract: return .document(.contract)
        case .dashboard: return .document(.dashboard)
        case .guest: preconditionFailure("the guest's requests are not the native API's")
        }
    }

    /// `?consistency=linearizable|stale`
    static func consistency(_ parameters: inout QueryParameters) throws(Problem) -> ReadConsistency {
        switch try parameters.take("consistency") {
        case nil, Array("linearizable".utf8): return .linearizable
        case Array("stale".utf8): return .stale
        case let other?: throw .badRequest("consistency is \(quoted(other)); it must be linearizable or stale")
        }
    }
}
