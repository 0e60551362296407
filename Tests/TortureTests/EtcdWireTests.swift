import FoundationEssentials
import HistoryChecker
import LoadGenerator
import NIOCore
import Testing

@testable import Torture

/// The same invocations over etcd's gateway.
@Suite struct EtcdWireTests {
    @Test("An invocation becomes the gateway's request", arguments: requests)
    func request(_ invocation: Invocation, _ line: String) {
        let request = EtcdRequest(invocation)
        #expect("\(request.path) \(request.body)" == line)
    }

    private static let requests: [(Invocation, String)] = keys + leases + lines

    /// One of each kind that the clients make.
    static var invocations: [Invocation] {
        let place = LineRequest.Place("e", lease: 7, created: 3)
        return requests.map(\.0) + [.transaction(.init(if: [], then: [])), .line(.proclaim(place, value: "v"))]
    }

    private static let keys: [(Invocation, String)] = [
        (Invocation.get("a", .at(7)), #"/v3/kv/range {"key":"YQ==","revision":"7"}"#),
        (.get("%C3%A4", .stale), #"/v3/kv/range {"key":"w6Q=","serializable":true}"#),
        (
            .list(.init("g/", start: "g/1", limit: 3, keysOnly: true)),
            #"/v3/kv/range {"key":"Zy8x","range_end":"ZzA=","limit":"3","keys_only":true}"#
        ),
        (.list(.init("")), #"/v3/kv/range {"key":"AA==","range_end":"AA=="}"#),
        (.put(.init("a", "v1", lease: .existing(255))), #"/v3/kv/put {"key":"YQ==","value":"djE=","lease":"255"}"#),
        (.put(.init("a", "v2")), #"/v3/kv/put {"key":"YQ==","value":"djI=","prev_kv":true}"#),
        (.delete("a", .none), #"/v3/kv/deleterange {"key":"YQ=="}"#),
        (.clear("g/"), #"/v3/kv/deleterange {"key":"Zy8=","range_end":"ZzA="}"#),
    ]

    private static let leases: [(Invocation, String)] = [
        (.grant(7, ttl: 2000), #"/v3/lease/grant {"ID":"7","TTL":"2"}"#),
        (.renew([7, 8]), "/v3/lease/keepalive {\"ID\":\"7\"}\n{\"ID\":\"8\"}"),
        (.revoke(7), #"/v3/lease/revoke {"ID":"7"}"#),
        (.lease(7), #"/v3/lease/timetolive {"ID":"7","keys":true}"#),
        (.leases(start: nil, limit: nil), "/v3/lease/leases {}"),
        (.compact(9), #"/v3/kv/compaction {"revision":"9"}"#),
    ]

    private static let lines: [(Invocation, String)] = [
        (
            .line(.enter("e", lease: 7, value: "v")),
            #"/v3/election/campaign {"name":"ZQ==","lease":"7","value":"dg=="}"#
        ),
        (.line(.enter("e", lease: 7, value: nil)), #"/v3/lock/lock {"name":"ZQ==","lease":"7"}"#),
        (.line(.unlock("e", lease: 255)), #"/v3/lock/unlock {"key":"ZS9mZg=="}"#),
        (.line(.front("e", observing: false)), #"/v3/election/leader {"name":"ZQ=="}"#),
        (.line(.front("e", observing: true)), #"/v3/election/observe {"name":"ZQ=="}"#),
        (
            .line(.resign(.init("e", lease: 255, created: 3))),
            #"/v3/election/resign {"leader":{"name":"ZQ==","key":"ZS9mZg==","rev":"3","lease":"255"}}"#
        ),
    ]

    @Test func aTransactionIsTheJSONOfTheGateway() {
        let transaction = Transaction(
            if: [.init("a", .version, .less, "3"), .init("a", .lease, .equal, "ff")],
            then: [.put("a", "v", lease: 16), .list(.init("g/"))], else: [.get("a"), .delete("b"), .clear("g/")])
        let body = """
            {"compare":[{"key":"YQ==","target":"VERSION","result":"LESS","version":"3"},\
            {"key":"YQ==","target":"LEASE","result":"EQUAL","lease":"255"}],\
            "success":[{"request_put":{"key":"YQ==","value":"dg==","lease":"16"}},\
            {"request_range":{"key":"Zy8=","range_end":"ZzA="}}],\
            "failure":[{"request_range":{"key":"YQ=="}},{"request_delete_range":{"key":"Yg=="}},\
            {"request_delete_range":{"key":"Zy8=","range_end":"ZzA="}}]}
            """
        #expect(EtcdRequest(.transaction(transaction)).body == body)
    }

    @Test func whatEtcdDoesNotHaveBecomesWhatComesNearest() {
        let put = SpokenAPI.etcd.invocation(for: .put(.init("k", "v", .absent)))
        #expect(
            put
                == .transaction(
                    .init(
                        if: [.init("k", .created, .equal, "0")], then: [.put("k", "v", lease: 0)], else: [.get("k")])))
        #expect(SpokenAPI.etcd.invocation(for: .wait("k", after: 3, span: 9)) == .get("k", .newest))
        #expect(SpokenAPI.native.invocation(for: .wait("k", after: 3, span: 9)) == .wait("k", after: 3, span: 9))
    }

    @Test func anAnswerIsTakenForWhatItSays() {
        let header = #""header":{"revision":"9","raft_term":"2"}"#
        let record =
            #"{"key":"YQ==","create_revision":"4","mod_revision":"5","version":"2","value":"dg==","lease":"255"}"#
        #expect(read(.get("a", .newest), #"{\#(header),"kvs":[\#(record)],"count":"1"}"#) == "read 1 a=v@5,4,2,ff at 9")
        #expect(read(.get("a", .newest), "{\(header)}") == "read 0 at 9")
        #expect(read(.put(.init("a", "v1")), "{\(header)}") == "done at 9")
        #expect(read(.put(.init("a", "v2")), #"{\#(header),"prev_kv":\#(record)}"#) == "wrote a=v@5,4,2,ff at 9")
        #expect(read(.clear("g/"), #"{\#(header),"deleted":"3"}"#) == "deleted 3 at 9")
        let transaction = Invocation.transaction(.init(if: [], then: [.put("a", "v", lease: 0), .get("a")]))
        let steps = #"[{"response_put":{}},{"response_range":{"kvs":[\#(record)],"count":"1"}}]"#
        #expect(
            read(transaction, #"{\#(header),"succeeded":true,"responses":\#(steps)}"#)
                == "then wrote read 1 a=v@5,4,2,ff at 9")
        let renewal = #"{"result":{\#(header),"ID":"7","TTL":"2"}}"# + "\n" + #"{"result":{\#(header),"ID":"8"}}"#
        #expect(read(.renew([7, 8]), renewal + "\n") == "renewed 2000 gone at 9")
        #expect(read(.lease(7), #"{\#(header),"ID":"7","TTL":"-1"}"#) == "gone at 9")
        #expect(
            read(.grant(7, ttl: 2000), #"{\#(header),"ID":"7","TTL":"2"}"#)
                == "granted lease=7 ttl=2000 valid=2000 at 9")
        #expect(read(.line(.enter("e", lease: 7, value: nil)), #"{\#(header),"key":"ZS83"}"#) == "seated e/7 0 at 9")
        let leader = #"{\#(header),"leader":{"name":"ZQ==","key":"ZS83","rev":"4","lease":"7"}}"#
        #expect(read(.line(.enter("e", lease: 7, value: "v")), leader) == "seated e/7 4 at 9")
    }

    @Test func anErrorSaysWhetherItMayHaveHappened() {
        let put = Invocation.put(.init("a", "v1"))
        #expect(read(put, error("etcdserver: no leader"), status: 503) == "not applied: etcdserver:%20no%20leader")
        #expect(read(put, error("etcdserver: request timed out"), status: 503).hasPrefix("unknown: "))
        #expect(read(put, error("etcdserver: requested lease not found"), status: 404).hasPrefix("failed "))
        #expect(read(put, error("whatever"), status: 400) == "nonsense")
        #expect(
            read(.line(.enter("e", lease: 7, value: nil)), error("etcdserver: no leader"), status: 503)
                .hasPrefix("unknown: "))
    }

    @Test func aDeletionIsToldWithoutAReason() throws {
        let line = #"{"header":{},"events":[{"type":"DELETE","kv":{"key":"YQ==","mod_revision":"5"}}]}"#
        let answer = try JSONDecoder().decode(EtcdWatchAnswer.self, from: Data(line.utf8))
        #expect(answer.events?.first?.told == .change(Change(delete: "a", at: 5, .untold), previous: nil))
    }

    private func error(_ message: String) -> String { #"{"message":"\#(message)","code":14}"# }

    private func read(_ invocation: Invocation, _ body: String, status: UInt = 200) -> String {
        let answer = Answer(status: status, body: ByteBuffer(string: body))
        switch EtcdAnswer(answer, to: invocation).attempt {
        case .answered(let response):
            let line = Operation(client: "c", node: "n1", call: 0, end: 0, invocation, response).line
            return line.split(separator: "=> ", maxSplits: 1).last.map(String.init) ?? line
        case .notApplied(let code): return "not applied: \(code)"
        case .unknown(let code): return "unknown: \(code)"
        case .nonsense: return "nonsense"
        }
    }
}
