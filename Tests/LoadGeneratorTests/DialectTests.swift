import NIOCore
import NIOHTTP1
import Testing

@testable import LoadGenerator

@Suite("Requests in each system's words")
struct DialectTests {
    private let conclave = ConclaveDialect()
    private let etcd = EtcdDialect()
    private let value = Value("hello")

    private func body(_ request: LoadRequest) -> String { String(buffer: request.body) }
    private func answer(_ status: UInt, _ body: String) -> Answer {
        Answer(status: status, body: ByteBuffer(string: body))
    }

    @Test(
        "Base64 agrees with the examples of RFC 4648",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(text: String, encoded: String) {
        #expect(Base64.encode(text) == encoded)
    }

    @Test("Creating in Conclave is a PUT that must answer 201")
    func conclaveCreate() {
        let request = conclave.create(key: "bench/a", value: value)
        #expect(request.method == .PUT)
        #expect(request.path == "/v1/kv/bench/a")
        #expect(request.headers.first(name: "If-None-Match") == "*")
        #expect(body(request) == "hello")
        #expect(request.expected.complaint(about: answer(201, "{}")) == nil)
        #expect(request.expected.complaint(about: answer(200, "{}")) == "status 200")
        #expect(request.expected.complaint(about: answer(412, "{}")) == "status 412")
    }

    @Test("Creating in etcd is a transaction that must say it succeeded")
    func etcdCreate() {
        let request = etcd.create(key: "foo", value: value)
        #expect(request.method == .POST)
        #expect(request.path == "/v3/kv/txn")
        let compare = #"{"target":"CREATE","create_revision":"0","key":"Zm9v"}"#
        let put = #"{"request_put":{"key":"Zm9v","value":"aGVsbG8="}}"#
        #expect(body(request) == #"{"compare":["# + compare + #"],"success":["# + put + "]}")
        #expect(request.expected.complaint(about: answer(200, #"{"header":{},"succeeded":true}"#)) == nil)
        #expect(request.expected.complaint(about: answer(200, #"{"header":{}}"#)) != nil)
    }

    @Test("A read must bring the value that was written")
    func reads() {
        let own = conclave.get(key: "k", expecting: value)
        #expect(own.method == .GET && own.path == "/v1/kv/k")
        #expect(own.expected.complaint(about: answer(200, "hello")) == nil)
        #expect(own.expected.complaint(about: answer(200, "hell")) != nil)
        #expect(own.expected.complaint(about: answer(404, "hello")) != nil)
        let other = etcd.get(key: "foo", expecting: value)
        #expect(other.path == "/v3/kv/range" && body(other) == #"{"key":"Zm9v"}"#)
        #expect(other.expected.complaint(about: answer(200, #"{"kvs":[{"value":"aGVsbG8="}]}"#)) == nil)
        #expect(other.expected.complaint(about: answer(200, #"{"kvs":[]}"#)) != nil)
    }

    @Test("A renewal must confirm the whole time to live")
    func renewals() {
        let own = conclave.renew(lease: "00000000000000ab", seconds: 60)
        #expect(own.path == "/v1/leases/00000000000000ab/renew")
        #expect(own.expected.complaint(about: answer(200, #"{"id":"ab","ttl_ms":60000,"valid_for_ms":1}"#)) == nil)
        #expect(own.expected.complaint(about: answer(404, "{}")) != nil)
        let other = etcd.renew(lease: "77", seconds: 60)
        #expect(other.path == "/v3/lease/keepalive" && body(other) == #"{"ID":"77"}"#)
        #expect(other.expected.complaint(about: answer(200, #"{"result":{"ID":"77","TTL":"60"}}"#)) == nil)
        #expect(other.expected.complaint(about: answer(200, #"{"result":{"ID":"77"}}"#)) != nil)
    }

    @Test("Leases are granted, named and attached")
    func leases() {
        #expect(body(conclave.grant(seconds: 2)) == #"{"ttl":"2s"}"#)
        #expect(conclave.lease(in: answer(201, #"{"id":"0f","ttl_ms":2000}"#)) == "0f")
        #expect(conclave.put(key: "k", value: value, lease: "0f").path == "/v1/kv/k?lease=0f")
        #expect(body(etcd.grant(seconds: 2)) == #"{"TTL":"2"}"#)
        #expect(etcd.lease(in: answer(200, #"{"ID":"123","TTL":"2"}"#)) == "123")
        #expect(
            body(etcd.put(key: "foo", value: value, lease: "123"))
                == #"{"key":"Zm9v","value":"aGVsbG8=","lease":"123"}"#)
    }

    @Test("A watch of a prefix covers exactly the keys that begin with it")
    func watches() {
        #expect(conclave.watch(key: "a/b").path == "/v1/watch?key=a/b")
        #expect(conclave.watch(prefix: "a/").path == "/v1/watch?prefix=a/")
        let range = #""key":"\#(Base64.encode("a/"))","range_end":"\#(Base64.encode("a0"))""#
        #expect(body(etcd.watch(prefix: "a/")) == #"{"create_request":{"# + range + "}}")
    }

    @Test("Deletions are read out of both kinds of stream")
    func deletions() {
        let event = "event: delete\ndata: {\"key\":\"a/1\",\"mod_revision\":43,\"reason\":\"expired\"}\nid: 43"
        #expect(conclave.deletedKeys(in: ByteBuffer(string: event)) == ["a/1"])
        let put = "event: put\ndata: {\"key\":\"a/1\",\"value\":\"x\"}\nid: 42"
        #expect(conclave.deletedKeys(in: ByteBuffer(string: put)).isEmpty)
        let line = #"{"result":{"events":[{"type":"DELETE","kv":{"key":"Zm9v"}},{"kv":{"key":"Zm9v"}}]}}"#
        #expect(etcd.deletedKeys(in: ByteBuffer(string: line)) == ["foo"])
    }

    @Test("A node's status tells whether it leads")
    func status() {
        let leader = answer(200, #"{"node":"n1","role":"leader","term":3,"leader":"n1","version":"0.1.0"}"#)
        #expect(
            conclave.nodeReport(in: leader) == NodeReport(leads: true, knowsLeader: true, term: 3, version: "0.1.0"))
        let looking = answer(200, #"{"node":"n1","role":"looking","term":3,"leader":null,"version":"0.1.0"}"#)
        #expect(conclave.nodeReport(in: looking)?.knowsLeader == false)
        let follower = answer(200, #"{"header":{"member_id":"7","raft_term":"5"},"version":"3.4.23","leader":"8"}"#)
        #expect(
            etcd.nodeReport(in: follower) == NodeReport(leads: false, knowsLeader: true, term: 5, version: "3.4.23"))
        let alone = answer(200, #"{"header":{"member_id":"7","raft_term":"5"},"version":"3.4.23","leader":"7"}"#)
        #expect(etcd.nodeReport(in: alone)?.leads == true)
    }

    @Test("Messages of a stream are cut at their end, however the pieces fall")
    func messages() {
        let stream = "a: 1\n\nb: 2\n\nc"
        var buffer = ByteBuffer()
        var messages: [String] = []
        for byte in stream.utf8 {
            buffer.writeInteger(byte)
            while let message = buffer.readMessage(endedBy: conclave.messageEnd) {
                messages.append(String(buffer: message))
            }
        }
        #expect(messages == ["a: 1", "b: 2"])
        #expect(String(buffer: buffer) == "c")
    }

    @Test("Endpoints are read with and without a scheme, and refused without a port")
    func endpoints() {
        #expect(Endpoint("127.0.0.1:2379") == Endpoint(host: "127.0.0.1", port: 2379))
        #expect(Endpoint("http://n1:80/") == Endpoint(host: "n1", port: 80))
        #expect(Endpoint("[::1]:80")?.description == "[::1]:80")
        for wrong in ["", "n1", "n1:", ":80", "n1:0", "n1:65536", "n1:x"] { #expect(Endpoint(wrong) == nil) }
    }

    @Test("Many leases are renewed with as few requests as there can be, and each must be renewed")
    func manyRenewals() {
        let ids = (0..<5_000).map { String($0) }
        let requests = conclave.renew(leases: ids, seconds: 3)
        #expect(requests.count == 2)
        #expect(body(requests[1]).hasPrefix(#"{"ids":["4096","#))
        let two = conclave.renew(leases: ["a", "b"], seconds: 3)[0]
        let renewed = #"{"id":"a","ttl_ms":3000,"valid_for_ms":2999}"#
        #expect(two.expected.complaint(about: answer(200, "[\(renewed),\(renewed)]")) == nil)
        #expect(two.expected.complaint(about: answer(200, "[\(renewed),{}]")) != nil)
        #expect(etcd.renew(leases: ids, seconds: 3).count == 5_000)
    }

    @Test("A claim says whether it was won, and who has what it wanted")
    func claims() {
        let claim = conclave.claim(key: "c", value: Value("me"), lease: "01")
        #expect(claim.path == "/v1/kv/c?lease=01")
        #expect(claim.headers["If-None-Match"] == ["*"])
        #expect(conclave.claimed(answer(201, #"{"key":"c"}"#)))
        #expect(!conclave.claimed(answer(412, #"{"holder":{"key":"c","value":"other"}}"#)))
        let transaction = body(etcd.claim(key: "c", value: Value("me"), lease: "7"))
        #expect(transaction.contains(#""lease":"7"}}],"failure":[{"request_range":{"key":"Yw=="}}]"#))
        #expect(etcd.claimed(answer(200, #"{"succeeded":true}"#)))
        #expect(!etcd.claimed(answer(200, #"{"responses":[]}"#)))
    }
}
