import KeyValue
import Primitives
import ReplicaCore
import Testing

@testable import HTTPAPI

/// One request that must be refused, and a part of the sentence that says why.
struct BadRequestCase: Sendable, CustomTestStringConvertible {
    var method: String
    var target: String
    var fields: [String] = []
    var body: String?
    var says: String
    var status = 400
    var testDescription: String { "\(method) \(target) \(fields)" }

    init(
        _ method: String, _ target: String, _ fields: [String] = [], body: String? = nil, says: String,
        status: Int = 400
    ) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
        self.says = says
        self.status = status
    }
}

@Suite("Bad input")
struct BadInputTests {
    static let cases: [BadRequestCase] = [
        .init(
            "GET", "/v1/kv/a?colour=red",
            says: #"the parameter \"colour\" is not known here; timeout, wait, after, at, consistency are allowed"#),
        .init("GET", "/v1/status?x", says: #"the parameter \"x\" is not known here; timeout are allowed"#),
        .init("GET", "/v1/kv/a?at=1&at=2", says: "the parameter at is there 2 times; once is allowed"),
        .init("GET", "/v1/kv/a?at", says: "the parameter at has no value"),
        .init("GET", "/v1/kv/a?at=-1", says: #"at is \"-1\"; it must be a revision"#),
        .init("GET", "/v1/kv/a?at=9223372036854775808", says: "it must be a revision, a whole number below 2^63"),
        .init("GET", "/v1/kv/a?at=99999999999999999999", says: "it must be a revision"),
        .init(
            "GET", "/v1/kv/a?consistency=eventual",
            says: #"consistency is \"eventual\"; it must be linearizable or stale"#),
        .init(
            "GET", "/v1/kv/a?timeout=5",
            says: #"timeout is \"5\"; it must be a duration like 800ms, 3s or 2m, from 1ms to 300s"#),
        .init("GET", "/v1/kv/a?timeout=0s", says: "timeout is"),
        .init("GET", "/v1/kv/a?timeout=301s", says: "timeout is"),
        .init("GET", "/v1/kv/a?timeout=9223372036854775807h", says: "timeout is"),
        .init("GET", "/v1/kv/a?wait=3s", says: "wait is there without after"),
        .init("GET", "/v1/kv/a?after=x&wait=3s", says: #"after is \"x\""#),
        .init("GET", "/v1/kv/a?after=1&wait=3", says: "wait is"),
        .init("GET", "/v1/kv/a?after=1&at=3", says: #"the parameter \"at\" is not known here"#),
        .init("GET", "/v1/kv/a", ["If-Match: \"1\""], says: "If-Match is for writes"),
        .init("GET", "/v1/kv/a", ["Last-Event-ID: 3"], says: "Last-Event-ID is for event streams"),
        .init("GET", "/v1/kv/", says: "the key in the path is empty"),
        .init("GET", "/v1/kv/%", says: "without two hexadecimal digits"),
        .init("GET", "/v1/kv/%4", says: "without two hexadecimal digits"),
        .init("GET", "/v1/kv/%G0", says: "without two hexadecimal digits"),
        .init("GET", "/v1/kv?prefix=%zz", says: "the parameter prefix is"),
        .init("GET", "/v1/kv?%zz=1", says: "the parameter name"),
        .init("GET", "/v1/kv?limit=0", says: #"limit is \"0\"; it must be a whole number from 1 to 10000"#),
        .init("GET", "/v1/kv?limit=10001", says: "limit is"),
        .init("GET", "/v1/kv?limit=many", says: "limit is"),
        .init("GET", "/v1/kv?keys_only=maybe", says: "it must be true or false"),
        .init("GET", "/v1/kv?keys_only&keys_only", says: "the parameter keys_only"),
        .init("GET", "/v1/kv", ["If-Match: *"], says: "are for single keys"),
        .init("GET", "/v1/kv/a", body: "x", says: "the request has a body of 1 bytes; this resource takes none"),
        .init(
            "PUT", "/v1/kv/a?ttl=99ms", body: "",
            says: #"ttl is \"99ms\"; it must be a duration like 800ms, 3s or 2m, from 100ms to 24h"#),
        .init("PUT", "/v1/kv/a?ttl=25h", body: "", says: "ttl is"),
        .init("PUT", "/v1/kv/a?ttl=3x", body: "", says: "ttl is"),
        .init("PUT", "/v1/kv/a?ttl=3s&lease=0000000000000001", body: "", says: "ttl and lease exclude each other"),
        .init("PUT", "/v1/kv/a?lease=1", body: "", says: "16 hexadecimal digits"),
        .init("PUT", "/v1/kv/a?lease=0000000000000000", body: "", says: "above zero"),
        .init("PUT", "/v1/kv/a?lease=8000000000000000", body: "", says: "below 2^63"),
        .init(
            "PUT", "/v1/kv/a?at=1", body: "",
            says: #"the parameter \"at\" is not known here; timeout, ttl, lease are allowed"#),
        .init(
            "PUT", "/v1/kv/a", ["If-Match: *", "If-None-Match: *"], body: "",
            says: "If-Match and If-None-Match exclude each other"),
        .init("PUT", "/v1/kv/a", ["If-Match: 7"], body: "", says: "it must be one entity tag like"),
        .init("PUT", "/v1/kv/a", ["If-Match: W/\"7\""], body: "", says: "it must be one entity tag like"),
        .init("PUT", "/v1/kv/a", ["If-Match: \"7\", \"8\""], body: "", says: "it must be one entity tag like"),
        .init("PUT", "/v1/kv/a", ["If-Match: \"x\""], body: "", says: "it must be one entity tag like"),
        .init(
            "PUT", "/v1/kv/a", ["If-Match: \"1\"", "If-Match: \"2\""], body: "",
            says: "If-Match is there more than once"),
        .init("PUT", "/v1/kv/a", ["If-None-Match: \"7\""], body: "", says: "on a write it must be *"),
        .init(
            "PUT", "/v1/kv/a", ["If-Fence: e"], body: "", says: "it must be an election's name, percent-encoded, = and"),
        .init("PUT", "/v1/kv/a", ["If-Fence: e=x"], body: "", says: #"If-Fence is \"e=x\""#),
        .init("PUT", "/v1/kv/a", ["If-Fence: =1"], body: "", says: "the name in If-Fence has 0 bytes"),
        .init("PUT", "/v1/kv/a", ["If-Fence: locks/=1"], body: "", says: "the name in If-Fence has 0 bytes"),
        .init("PUT", "/v1/kv/a", ["If-Fence: %=1"], body: "", says: "without two hexadecimal digits"),
        .init(
            "PUT", "/v1/kv/a", ["If-Fence: e=1", "If-Fence: f=1"], body: "", says: "If-Fence is there more than once"),
        .init("GET", "/v1/kv/a", ["If-Fence: e=1"], says: "If-Fence is for writes"),
        .init("GET", "/v1/elections/e", ["If-Fence: e=1"], says: "If-Fence is for writes"),
        .init("PUT", "/v1/elections/e/candidates/a", body: "", says: "ttl and lease are both missing"),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=99ms", body: "", says: "ttl is"),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=25h", body: "", says: "from 100ms to 24h"),
        .init("PUT", "/v1/elections/e/candidates/a?lease=7", body: "", says: "lease is"),
        .init(
            "PUT", "/v1/elections/e/candidates/a?ttl=1s&priority=1001", body: "",
            says: #"priority is \"1001\"; it must be a whole number from -1000 to 1000"#),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=1s&priority=-1001", body: "", says: "priority is"),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=1s&priority=-", body: "", says: "priority is"),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=1s&priority=1.5", body: "", says: "priority is"),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=1s&after=3", body: "", says: "after is there without wait"),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=1s&wait=301s", body: "", says: "wait is"),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=1s&wait=1s&after=x", body: "", says: "it must be a fence"),
        .init("PUT", "/v1/elections/e/candidates/a?ttl=1s&fence=3", body: "", says: "is not known here"),
        .init(
            "PUT", "/v1/elections/e/candidates/a?ttl=1s", ["If-Match: \"7\""], body: "",
            says: "on a candidacy it must be *"),
        .init(
            "PUT", "/v1/elections//candidates/a?ttl=1s", body: "", says: "the name of the election in the path has 0"),
        .init("PUT", "/v1/locks/l/holders/?ttl=1s", body: "", says: "the id of the holder in the path has 0 bytes"),
        .init(
            "PUT", "/v1/elections/\(String(repeating: "e", count: 257))/candidates/a?ttl=1s", body: "",
            says: "has 257 bytes; it must have 1 to 256"),
        .init(
            "PUT", "/v1/elections/e/candidates/\(String(repeating: "a", count: 129))?ttl=1s", body: "",
            says: "has 129 bytes; it must have 1 to 128"),
        .init("PUT", "/v1/elections/%FF/candidates/a?ttl=1s", body: "", says: "it must be UTF-8 without control"),
        .init("PUT", "/v1/elections/e%0A/candidates/a?ttl=1s", body: "", says: "it must be UTF-8 without control"),
        .init("PUT", "/v1/elections/%e/candidates/a?ttl=1s", body: "", says: "without two hexadecimal digits"),
        .init(
            "PUT", "/v1/elections/e/candidates/a?ttl=1s", body: String(repeating: "v", count: 4097),
            says: "at most 4096 are allowed", status: 413),
        .init("PUT", "/v1/elections/e/holders/a?ttl=1s", body: "", says: "there is no such resource", status: 404),
        .init("DELETE", "/v1/elections/e/candidates/a?lease=x", says: "lease is"),
        .init("DELETE", "/v1/elections/e/candidates/a", ["If-Match: 7"], says: "it must be one entity tag"),
        .init("DELETE", "/v1/elections/e/candidates/a", ["If-None-Match: *"], says: "takes If-Match with its fence"),
        .init("DELETE", "/v1/elections/e/candidates/a", ["If-Match: \"9223372036854775808\""], says: "entity tag"),
        .init("GET", "/v1/elections/e?wait=3s", says: "wait is there without after"),
        .init("GET", "/v1/elections/e?after=x", says: "it must be a fence"),
        .init("GET", "/v1/elections/e", ["Last-Event-ID: 3"], says: "Last-Event-ID is for event streams"),
        .init("GET", "/v1/elections/e", ["Accept: text/event-stream", "Last-Event-ID: x"], says: "Last-Event-ID is"),
        .init("GET", "/v1/elections/e?limit=0", says: "limit is"),
        .init("GET", "/v1/elections/e/history?limit=10001", says: "limit is"),
        .init("GET", "/v1/elections?at=3", says: "is not known here"),
        .init("PUT", "/v1/kv/a", ["Idempotency-Key: 7"], body: "", says: "it must be <client>/<number>"),
        .init("PUT", "/v1/kv/a", ["Idempotency-Key: /7"], body: "", says: "it must be <client>/<number>"),
        .init("PUT", "/v1/kv/a", ["Idempotency-Key: a/x"], body: "", says: "it must be <client>/<number>"),
        .init("PUT", "/v1/kv/a", ["Idempotency-Key: a/"], body: "", says: "it must be <client>/<number>"),
        .init("DELETE", "/v1/kv/a", ["If-None-Match: *"], says: "a deletion takes If-Match"),
        .init("DELETE", "/v1/kv", says: "the parameter prefix is missing"),
        .init("DELETE", "/v1/kv?prefix=a", ["If-Match: *"], says: "are for single keys"),
        .init("POST", "/v1/leases", body: "{}", says: "ttl is missing"),
        .init("POST", "/v1/leases", body: "{\"ttl\":3}", says: "ttl is the number 3; it must be a string like"),
        .init("POST", "/v1/leases", body: "{\"ttl\":\"99ms\"}", says: "ttl is"),
        .init("POST", "/v1/leases", body: "{\"ttl_ms\":99}", says: "ttl_ms is 99; it must be from 100 to 86400000"),
        .init("POST", "/v1/leases", body: "{\"ttl_ms\":100,\"ttl\":\"3s\"}", says: "exclude each other"),
        .init("POST", "/v1/leases", body: "{\"ttl\":\"3s\",\"id\":\"x\"}", says: "16 hexadecimal digits"),
        .init(
            "POST", "/v1/leases", body: "{\"ttl\":\"3s\",\"keep\":true}",
            says: #"the field \"keep\" is not known here; allowed are ttl, ttl_ms, id"#),
        .init("POST", "/v1/leases", body: "{\"ttl\":\"3s\",\"ttl\":\"3s\"}", says: "is there twice"),
        .init("POST", "/v1/leases/renew", body: "{\"ids\":[]}", says: "ids is missing or empty"),
        .init("POST", "/v1/leases/renew", body: "{\"ids\":[7]}", says: "ids[0] is the number 7"),
        .init("POST", "/v1/leases/renew", body: "{\"ids\":[\"7\"]}", says: "ids[0] is"),
        .init("POST", "/v1/leases/7/renew", says: "the lease in the path is"),
        .init("GET", "/v1/leases/zzzzzzzzzzzzzzzz", says: "the lease in the path is"),
        .init("GET", "/v1/watch", says: "key and prefix are both missing"),
        .init("GET", "/v1/watch?key=", says: "key is empty"),
        .init("GET", "/v1/watch?prefix=a&heartbeat=99ms", says: "heartbeat is"),
        .init("GET", "/v1/watch?prefix=a&heartbeat=61s", says: "heartbeat is"),
        .init("GET", "/v1/watch?prefix=a&from=x", says: "from is"),
        .init("GET", "/v1/watch?prefix=a", ["Last-Event-ID: x"], says: "Last-Event-ID is"),
        .init(
            "GET", "/v1/watch?\(Array(repeating: "key=a", count: 65).joined(separator: "&"))",
            says: "at most 64 are allowed"),
        .init("GET", "/v2/kv/a", says: "there is no such resource", status: 404),
        .init("GET", "/v1/leases/0000000000000001/keys", says: "there is no such resource", status: 404),
        .init("GET", "", says: "this is not HTTP/1.1: invalid URL"),
    ]

    @Test(arguments: cases)
    func isRefusedWithASentenceThatNamesIt(_ bad: BadRequestCase) async throws {
        try await TestServer.run { server in
            let response = try await server.request(
                bad.method, bad.target, bad.fields, body: bad.body.map { Array($0.utf8) })
            #expect(response.status == bad.status)
            #expect(response.text.contains(bad.says), "\(response.text)")
            #expect(response["content-type"] == "application/problem+json")
            #expect(response.text.contains(#""outcome":"not_applied""#))
            #expect(server.node.revision == .empty)
        }
    }

    @Test(arguments: [
        ("POST", "/v1/kv/a", "GET, HEAD, PUT, DELETE"), ("PUT", "/v1/kv", "GET, HEAD, DELETE"),
        ("GET", "/v1/txn", "POST"), ("PUT", "/v1/leases", "GET, HEAD, POST"), ("GET", "/v1/leases/renew", "POST"),
        ("POST", "/v1/watch", "GET, HEAD"), ("PATCH", "/v1/leases/0000000000000001", "GET, HEAD, DELETE"),
        ("DELETE", "/", "GET, HEAD"), ("OPTIONS", "/metrics", "GET, HEAD"),
    ])
    func aMethodThatAResourceLacksIsRefusedWithTheOnesItHas(
        _ method: String, _ target: String, _ allowed: String
    ) async throws {
        try await TestServer.run { server in
            let response = try await server.request(method, target)
            #expect(response.status == 405)
            #expect(response["allow"] == allowed)
        }
    }

    @Test func aPlusInAQueryIsAPlus() async throws {
        try await TestServer.run { server in
            server.node.put("a+b", "1")
            try await #expect(server.request("GET", "/v1/kv?prefix=a+b").text.contains("\"count\":1"))
        }
    }
}

@Suite("Refusals")
struct RefusalTests {
    @Test(
        arguments: [
            (Refusal.noLeader, 503, "no-leader", "not_applied", "1"),
            (.timeout, 504, "timeout", "unknown", nil),
            (.overloaded, 429, "overloaded", "not_applied", "1"),
            (.outOfSpace, 507, "quota-exceeded", "not_applied", nil),
            (.notReady("repairing"), 503, "not-ready", "not_applied", "1"),
            (.compacted(oldest: Revision(9)), 410, "compacted", "not_applied", nil),
        ] as [(Refusal, Int, String, String, String?)])
    func ofTheNodeBecomeProblems(
        _ refusal: Refusal, _ status: Int, _ code: String, _ outcome: String, _ retryAfter: String?
    ) async throws {
        try await TestServer.run { server in
            server.node.refuseNext(refusal)
            let response = try await server.request("PUT", "/v1/kv/a", text: "1")
            #expect(response.status == status)
            #expect(response.text.contains("\"type\":\"urn:conclave:error:\(code)\""))
            #expect(response.text.contains("\"outcome\":\"\(outcome)\""))
            #expect(response["retry-after"] == retryAfter)
            #expect(response.text.contains("retry_after_ms") == (retryAfter != nil))
        }
    }

    @Test(arguments: [
        (CommandFailure.tooManyLeases(limit: 5), 507, "quota-exceeded"),
        (.quotaExceeded(limit: 5), 507, "quota-exceeded"),
        (.leaseNotFound(LeaseID(5)), 404, "lease-not-found"),
        (.preconditionFailed(holder: nil), 412, "precondition-failed"),
        (.compacted(oldest: Revision(5)), 410, "compacted"),
        (.futureRevision(current: Revision(5)), 400, "future-revision"),
    ])
    func ofTheStoreBecomeProblems(_ failure: CommandFailure, _ status: Int, _ code: String) async throws {
        try await TestServer.run { server in
            server.node.answerNext(.written(.failed(failure), ReplyPosition(revision: Revision(1), term: Term(3))))
            let response = try await server.request("PUT", "/v1/kv/a", text: "1")
            #expect(response.status == status)
            #expect(response.text.contains("\"type\":\"urn:conclave:error:\(code)\""))
        }
    }

    @Test func everyCodeHasItsOwnName() {
        let names = Problem.Code.allCases.map(\.name.description)
        #expect(Set(names).count == names.count)
        for code in Problem.Code.allCases { #expect(code.status.line.description.contains("\(code.status.rawValue)")) }
    }
}
