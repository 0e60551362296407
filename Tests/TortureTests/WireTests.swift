import HistoryChecker
import LoadGenerator
import NIOCore
import NIOHTTP1
import Testing

@testable import Torture

/// What goes over the wire for each kind of invocation, and what an answer is taken for.
@Suite struct WireTests {
    @Test(
        "An invocation becomes the API's request",
        arguments: [
            (Invocation.get("a/b", .newest), "GET /v1/kv/a/b?timeout=500ms"),
            (.get("k", .stale), "GET /v1/kv/k?consistency=stale&timeout=500ms"),
            (.wait("k", after: 7, span: 200), "GET /v1/kv/k?after=7&wait=200ms&timeout=500ms"),
            (.get("k", .at(7)), "GET /v1/kv/k?at=7&timeout=500ms"),
            (
                .put(.init("odd/%C3%A4#", "v", lease: .new(ttl: 900))),
                "PUT /v1/kv/odd/%C3%A4%23?ttl=900ms&timeout=500ms"
            ),
            (.put(.init("k", "v", lease: .existing(255))), "PUT /v1/kv/k?lease=00000000000000ff&timeout=500ms"),
            (.delete("k", .none), "DELETE /v1/kv/k?timeout=500ms"),
            (.clear("g/"), "DELETE /v1/kv?prefix=g/&timeout=500ms"),
            (
                .list(.init("g/", start: "g/1", limit: 3, .at(9), keysOnly: true)),
                "GET /v1/kv?prefix=g/&start=g/1&limit=3&keys_only=true&at=9&timeout=500ms"
            ),
            (.transaction(.init(if: [], then: [])), "POST /v1/txn?timeout=500ms"),
            (.grant(1, ttl: 900), "POST /v1/leases?timeout=500ms"),
            (.renew([1]), "POST /v1/leases/0000000000000001/renew?timeout=500ms"),
            (.renew([1, 2]), "POST /v1/leases/renew?timeout=500ms"),
            (.revoke(1), "DELETE /v1/leases/0000000000000001?timeout=500ms"),
            (.lease(1), "GET /v1/leases/0000000000000001?timeout=500ms"),
            (.leases(start: nil, limit: nil), "GET /v1/leases?timeout=500ms"),
            (.leases(start: 7, limit: 2), "GET /v1/leases?start=0000000000000007&limit=2&timeout=500ms"),
            (
                .campaign(campaign),
                "PUT /v1/elections/e/candidates/a?ttl=900ms&lease=0000000000000007&priority=2&wait=50ms&after=3&timeout=500ms"
            ),
            (
                .resign(.init(.init(.locks, "l"), "a", lease: 7)),
                "DELETE /v1/locks/l/holders/a?lease=0000000000000007&timeout=500ms"
            ),
            (.offices(.standing(election, .stale)), "GET /v1/elections/e?consistency=stale&timeout=500ms"),
            (.offices(.change(election, after: 3, span: 9)), "GET /v1/elections/e?after=3&wait=9ms&timeout=500ms"),
            (.offices(.list(.locks, prefix: "l", limit: 4)), "GET /v1/locks?prefix=l&limit=4&timeout=500ms"),
            (.offices(.past(election, limit: 4)), "GET /v1/elections/e/history?limit=4&timeout=500ms"),
            (.under(.init(election, fence: 3), .get("k", .newest)), "GET /v1/kv/k?timeout=500ms"),
        ])
    func request(_ invocation: Invocation, _ line: String) {
        let request = WireRequest(invocation, idempotencyKey: nil, time: .milliseconds(500)).loadRequest
        #expect("\(request.method) \(request.path)" == line)
    }

    private static let election = Office(.elections, "e")
    private static var campaign: Campaign {
        var campaign = Campaign(election, "a", "v")
        (campaign.ttl, campaign.lease, campaign.priority) = (900, 7, 2)
        (campaign.wait, campaign.after) = (50, 3)
        return campaign
    }

    @Test func aGuardAndAConditionOfACandidacyAreHeaders() {
        let guarded = Invocation.under(.init(.init(.locks, "l"), fence: 3), .put(.init("k", "v")))
        let put = WireRequest(guarded, idempotencyKey: nil, time: .seconds(1)).loadRequest
        #expect(put.headers["If-Fence"] == ["locks/l=3"])
        #expect("\(put.method) \(put.path)" == "PUT /v1/kv/k?timeout=1000ms")
        var renewal = Self.campaign
        renewal.mode = .renewing
        let campaign = WireRequest(.campaign(renewal), idempotencyKey: nil, time: .seconds(1)).loadRequest
        #expect(campaign.headers["If-Match"] == ["*"])
        #expect(String(buffer: campaign.body) == "v")
        let resignation = Resignation(Self.election, "a", fence: 3)
        let resign = WireRequest(.resign(resignation), idempotencyKey: nil, time: .seconds(1)).loadRequest
        #expect(resign.headers["If-Match"] == ["\"3\""])
    }

    @Test func anAnswerAboutAnOfficeIsTakenForWhatItSays() {
        let leader = #"{"id":"a","value":"v","fence":5,"priority":0,"lease":"0000000000000007","age_ms":1}"#
        let promise = #""lease":"0000000000000007","ttl_ms":900,"valid_for_ms":890"#
        let campaign = Invocation.campaign(Self.campaign)
        let leading = #"{"election":"e","id":"a","state":"leading","fence":5,"leader":\#(leader),\#(promise)}"#
        #expect(read(campaign, 201, leading) == "leading new 5 a=v@5,7 lease=7 ttl=900 valid=890 at 9")
        let waiting = #"{"lock":"l","state":"waiting","fence":5,"position":2,"holder":\#(leader),\#(promise)}"#
        #expect(read(campaign, 200, waiting) == "waiting 2 5 a=v@5,7 lease=7 ttl=900 valid=890 at 9")
        #expect(
            read(campaign, 200, #"{"state":"ended","fence":6,"leader":null}"#) == "ended 6 - at 9")
        let resign = Invocation.resign(.init(Self.election, "a", lease: 7))
        #expect(read(resign, 200, #"{"was":"holding","fence":6,"holder":null}"#) == "resigned leading 6 - at 9")
        let denied = problem("conflict", #","fence":5,"leader":\#(leader)"#)
        #expect(read(resign, 409, denied) == "denied conflict 5 a=v@5,7 at 9")
        let standing = #"{"name":"e","fence":5,"leader":\#(leader),"candidates":[{"id":"b","position":1}]}"#
        let question = Invocation.offices(.standing(Self.election, .newest))
        #expect(read(question, 200, standing) == "standing 5 a=v@5,7 1 b at 9")
        #expect(read(question, 404, problem("not-found")) == "standing 0 - 0 at 9")
        let list = #"{"elections":[{"name":"e","fence":5,"leader":\#(leader),"count":1}],"count":1,"more":false}"#
        let page = Invocation.offices(.list(.elections, prefix: "", limit: 4))
        #expect(read(page, 200, list) == "offices 1 e 5 a=v@5,7 at 9")
        let past = #"{"id":"a","value":"v","fence":5,"lease":"0000000000000007","reason":"expired"}"#
        let history = Invocation.offices(.past(Self.election, limit: 4))
        #expect(read(history, 200, #"{"name":"e","history":[\#(past)],"more":false}"#) == "past 1 a=v@5,7 expired at 9")
        let guarded = Invocation.under(.init(Self.election, fence: 4), .put(.init("k", "v")))
        #expect(read(guarded, 412, problem("fenced", #","fence":5"#)) == "fenced 5 at 9")
    }

    @Test func aPlainValueIsARecordWithItsHeaders() {
        let headers: HTTPHeaders = [
            "Content-Type": "application/octet-stream", "Conclave-Revision": "9", "ETag": "\"5\"",
            "Conclave-Create-Revision": "4", "Conclave-Version": "2", "Conclave-Lease": "0000000000000007",
        ]
        #expect(read(.get("k", .newest), 200, "v", headers: headers) == "read 1 k=v@5,4,2,7 at 9")
    }

    @Test func aConditionAndAnIdempotencyKeyAreHeaders() {
        let put = Invocation.put(.init("k", "v", .unchanged(7)))
        let request = WireRequest(put, idempotencyKey: "c/1", time: .seconds(1)).loadRequest
        #expect(request.headers["If-Match"] == ["\"7\""])
        #expect(request.headers["Idempotency-Key"] == ["c/1"])
        #expect(String(buffer: request.body) == "v")
    }

    @Test func aTransactionIsTheJSONOfTheAPI() {
        let transaction = Transaction(
            if: [.init("a", .version, .less, "3"), .init("a", .value, .unequal, "x")],
            then: [.put("a", "v", lease: 16), .list(.init("g/"))], else: [.get("a"), .delete("b"), .clear("g/")])
        let request = WireRequest(.transaction(transaction), idempotencyKey: nil, time: .seconds(1)).loadRequest
        #expect(
            String(buffer: request.body) == """
                {"if":[{"key":"a","target":"version","op":"<","value":3},\
                {"key":"a","target":"value","op":"!=","value":"x"}],\
                "then":[{"put":{"key":"a","value":"v","lease":"0000000000000010"}},{"get":{"prefix":"g/"}}],\
                "else":[{"get":{"key":"a"}},{"delete":{"key":"b"}},{"delete":{"prefix":"g/"}}]}
                """)
    }

    @Test func anAnswerIsTakenForWhatItSays() {
        let put = Invocation.put(.init("k", "v"))
        let written = #"{"key":"k","revision":5,"create_revision":4,"version":2,"created":false}"#
        #expect(read(put, 200, written) == "replaced 5 4 2")
        let record = #"{"key":"ä","value":"v","mod_revision":5,"create_revision":4,"version":2}"#
        #expect(read(.get("%C3%A4", .newest), 200, record) == "read 1 %C3%A4=v@5,4,2 at 9")
        #expect(read(.get("k", .newest), 404, problem("not-found")) == "read 0 at 9")
        #expect(read(.wait("k", after: 3, span: 9), 200, record) == "read 1 %C3%A4=v@5,4,2 at 9")
        #expect(read(.wait("k", after: 3, span: 9), 304, "") == "failed unchanged")
        #expect(read(.renew([1]), 404, problem("lease-not-found")) == "renewed gone at 9")
        #expect(read(.revoke(1), 404, problem("lease-not-found")) == "gone at 9")
        let refusal = problem("precondition-failed", #","holder":null"#)
        #expect(read(put, 412, refusal) == "refused at 9")
        #expect(read(.grant(1, ttl: 900), 409, problem("conflict")) == "not applied: conflict")
        #expect(read(put, 503, problem("no-leader")) == "not applied: no-leader")
        #expect(read(put, 504, problem("timeout", outcome: "unknown")) == "unknown: timeout")
    }

    @Test func anAnswerThatTheAPIDoesNotHaveIsNonsense() {
        #expect(read(.get("k", .newest), 200, "{}") == "nonsense")
        #expect(read(.get("k", .newest), 500, "oops") == "nonsense")
        let record = #"{"key":"k","value":"v","mod_revision":5,"create_revision":4,"version":2}"#
        #expect(read(.get("k", .newest), 200, record, headers: [:]) == "nonsense")
    }

    private func problem(_ code: String, _ more: String = "", outcome: String = "not_applied") -> String {
        #"{"type":"urn:conclave:error:\#(code)","outcome":"\#(outcome)"\#(more)}"#
    }

    private func read(
        _ invocation: Invocation, _ status: UInt, _ body: String,
        headers: HTTPHeaders = ["Conclave-Revision": "9", "Content-Type": "application/json"]
    ) -> String {
        let fields = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        let answer = Answer(status: status, fields: ByteBuffer(string: fields), body: ByteBuffer(string: body))
        let attempt = WireAnswer(answer, to: invocation).attempt
        switch attempt {
        case .answered(let response):
            let line = Operation(client: "c", node: "n1", call: 0, end: 0, invocation, response).line
            return line.split(separator: "=> ", maxSplits: 1).last.map(String.init) ?? line
        case .notApplied(let code): return "not applied: \(code)"
        case .unknown(let code): return "unknown: \(code)"
        case .nonsense: return "nonsense"
        }
    }
}
