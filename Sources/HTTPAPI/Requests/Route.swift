import KeyValue
import NIOHTTP1
internal import Primitives

/// A resource with a method: what a request is about before its parameters are read.
enum Route: Int, CaseIterable {
    case getKey, putKey, deleteKey, listKeys, deleteKeys
    case transaction
    case createLease, listLeases, renewLeases, renewLease, getLease, revokeLease
    case watch
    case listElections, getElection, electionHistory, campaign, resign
    case listLocks, getLock, lockHistory, acquire, release
    case status, cluster, why, alive, ready, metrics, contract, dashboard
    /// Whatever belongs to the guest.
    case guest

    /// How metrics name it.
    var label: String { "\(self)" }

    /// Whether a body is part of it.
    var takesBody: Bool {
        switch self {
        case .putKey, .transaction, .createLease, .renewLeases, .campaign, .acquire, .guest: true
        default: false
        }
    }

    /// Whether it may change something, so that conditions on leaderships have a meaning.
    var writes: Bool {
        switch self {
        case .putKey, .deleteKey, .deleteKeys, .transaction, .createLease, .renewLeases, .renewLease, .revokeLease,
            .campaign, .resign, .acquire, .release:
            true
        default: false
        }
    }

    /// What kind of election it is about, if it is.
    var election: ElectionID.Kind? {
        switch self {
        case .listElections, .getElection, .electionHistory, .campaign, .resign: .election
        case .listLocks, .getLock, .lockHistory, .acquire, .release: .lock
        default: nil
        }
    }

    /// Bytes of a body at most.
    var bodyLimit: Int {
        switch self {
        case .putKey: Limits.valueBytes
        case .campaign, .acquire: Limits.candidateValueBytes
        default: Limits.bodyBytes
        }
    }
}

/// A route with the parts of the path that are the client's: an encoded key, a lease's id, the names of a candidacy.
struct Destination {
    var route: Route
    var name: ArraySlice<UInt8> = []
    /// Of a candidate, encoded.
    var id: ArraySlice<UInt8> = []

    /// Finds the route, or says that there is none (404) or that the resource lacks the method (405).
    init(_ method: HTTPMethod, _ path: ArraySlice<UInt8>) throws(Problem) {
        if let key = path.dropping(prefix: "/v1/kv/") {
            self.init(
                route: try Self.choose(
                    method, .getPutDelete, get: .getKey, put: .putKey, delete: .deleteKey), name: key)
        } else if let lease = path.dropping(prefix: "/v1/leases/") {
            try self.init(method, lease: lease)
        } else if let election = path.dropping(prefix: "/v1/elections/") {
            try self.init(method, election: election, .election)
        } else if let lock = path.dropping(prefix: "/v1/locks/") {
            try self.init(method, election: lock, .lock)
        } else {
            try self.init(method, fixed: path)
        }
    }

    init(route: Route, name: ArraySlice<UInt8> = [], id: ArraySlice<UInt8> = []) {
        self.route = route
        self.name = name
        self.id = id
    }

    /// `{name}`, `{name}/history`, and `{name}/candidates/{id}` or `{name}/holders/{id}`.
    private init(_ method: HTTPMethod, election path: ArraySlice<UInt8>, _ kind: ElectionID.Kind) throws(Problem) {
        let isLock = kind == .lock
        let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        switch parts.count {
        case 1:
            self.init(
                route: try Self.choose(method, .get, get: isLock ? .getLock : .getElection), name: parts[0])
        case 2 where StaticString("history").equals(parts[1]):
            self.init(
                route: try Self.choose(method, .get, get: isLock ? .lockHistory : .electionHistory), name: parts[0])
        case 3 where (isLock ? StaticString("holders") : StaticString("candidates")).equals(parts[1]):
            let route = try Self.choose(
                method, .putDelete, put: isLock ? .acquire : .campaign, delete: isLock ? .release : .resign)
            self.init(route: route, name: parts[0], id: parts[2])
        default: throw Self.unknown
        }
    }

    private init(_ method: HTTPMethod, lease name: ArraySlice<UInt8>) throws(Problem) {
        if StaticString("renew").equals(name) {
            self.init(route: try Self.choose(method, .post, post: .renewLeases))
        } else if let slash = name.firstIndex(of: UInt8(ascii: "/")) {
            guard StaticString("/renew").equals(name[slash...]) else { throw Self.unknown }
            self.init(route: try Self.choose(method, .post, post: .renewLease), name: name[..<slash])
        } else {
            self.init(
                route: try Self.choose(method, .getDelete, get: .getLease, delete: .revokeLease), name: name)
        }
    }

    private init(_ method: HTTPMethod, fixed path: ArraySlice<UInt8>) throws(Problem) {
        switch String(decoding: path, as: UTF8.self) {
        case "/v1/kv": route = try Self.choose(method, .getDelete, get: .listKeys, delete: .deleteKeys)
        case "/v1/txn": route = try Self.choose(method, .post, post: .transaction)
        case "/v1/leases": route = try Self.choose(method, .getPost, get: .listLeases, post: .createLease)
        case "/v1/elections": route = try Self.choose(method, .get, get: .listElections)
        case "/v1/locks": route = try Self.choose(method, .get, get: .listLocks)
        case "/v1/watch": route = try Self.choose(method, .get, get: .watch)
        case "/v1/status": route = try Self.choose(method, .get, get: .status)
        case "/v1/cluster": route = try Self.choose(method, .get, get: .cluster)
        case "/v1/why": route = try Self.choose(method, .get, get: .why)
        case "/livez": route = try Self.choose(method, .get, get: .alive)
        case "/readyz": route = try Self.choose(method, .get, get: .ready)
        case "/metrics": route = try Self.choose(method, .get, get: .metrics)
        case "/openapi.yaml": route = try Self.choose(method, .get, get: .contract)
        case "/": route = try Self.choose(method, .get, get: .dashboard)
        default: throw Self.unknown
        }
    }

    private static let unknown = Problem.notFound("there is no such resource; GET /openapi.yaml lists all there are")

    private static func choose(
        _ method: HTTPMethod, _ allowed: AllowedMethods, get: Route? = nil, put: Route? = nil, post: Route? = nil,
        delete: Route? = nil
    ) throws(Problem) -> Route {
        let route: Route? =
            switch method {
            case .GET, .HEAD: get
            case .PUT: put
            case .POST: post
            case .DELETE: delete
            default: nil
            }
        if let route { return route }
        throw Problem(
            code: .methodNotAllowed,
            detail: "the method is \(quoted(method.rawValue.utf8)); this resource has \(allowed.rawValue)",
            help: .allow(allowed))
    }
}
