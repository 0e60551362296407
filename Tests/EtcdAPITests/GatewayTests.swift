import Foundation
import Testing

@testable import EtcdAPI

@Suite struct GatewayTests {
    private func run(_ body: (GatewayClient, TestNode) async throws -> Void) async throws {
        try await TestNode.run { node in
            let client = try await GatewayClient.connect(port: node.port)
            try await body(client, node)
            try? await client.close()
        }
    }

    @Test func messagesAreJSONAsEtcdWritesIt() async throws {
        try await run { client, _ in
            let put = try await client.post("/v3/kv/put", #"{"key":"Zm9v","value":"YmFy"}"#)
            #expect(put.status == 200)
            #expect((put.json["header"] as? [String: Any])?["revision"] as? String == "2")
            #expect(put.json.keys.sorted() == ["header"])
            let read = try await client.post("/v3beta/kv/range", #"{"key":"Zm9v","rangeEnd":"AA==","unknown":[1]}"#)
            #expect(read.json["count"] as? String == "1")
            let record = (read.json["kvs"] as? [[String: Any]])?.first
            #expect(record?["create_revision"] as? String == "2")
            #expect(record?["value"] as? String == "YmFy")
            #expect(record?.keys.sorted() == ["create_revision", "key", "mod_revision", "value", "version"])
            #expect(read.head.contains("Access-Control-Allow-Origin: *"))
            #expect(read.head.contains("Grpc-Metadata-Content-Type: application/grpc"))
            let none = try await client.post("/v3/kv/range", #"{"key":"bm9uZQ=="}"#)
            #expect(none.json.keys.sorted() == ["header"])
            let txn = try await client.post(
                "/v3/kv/txn",
                #"{"compare":[{"target":"VERSION","key":"Zm9v","version":"9"}],"failure":[{"requestRange":{"key":"Zm9v"}}]}"#
            )
            #expect(txn.json["succeeded"] == nil)
            #expect((txn.json["responses"] as? [[String: Any]])?.first?.keys.sorted() == ["response_range"])
        }
    }

    @Test(arguments: [
        ("/v3/kv/put", #"{"key":""}"#, 400, 3, "etcdserver: key is not provided"),
        ("/v3/kv/put", "", 400, 3, "etcdserver: key is not provided"),
        ("/v3/kv/put", #"{"key":"YQ==","lease":"7"}"#, 404, 5, "etcdserver: requested lease not found"),
        ("/v3/lease/revoke", #"{"ID":"7"}"#, 404, 5, "etcdserver: requested lease not found"),
        (
            "/v3/kv/range", #"{"key":"YQ==","revision":99}"#, 400, 11,
            "etcdserver: mvcc: required revision is a future revision"
        ),
        ("/v3/auth/authenticate", "{}", 400, 9, "etcdserver: authentication is not enabled"),
        ("/v3/nothing", "{}", 404, 5, "Not Found"),
    ])
    func errorsHaveTheFieldsOfAllReleases(
        _ path: String, _ body: String, _ status: Int, _ code: Int, _ message: String
    ) async throws {
        try await run { client, _ in
            let answer = try await client.post(path, body)
            #expect(answer.status == status)
            #expect(answer.json["code"] as? Int == code)
            #expect(answer.json["message"] as? String == message)
            #expect(answer.json["error"] as? String == message)
        }
    }

    @Test func requestsAfterEachOtherEachGoToTheirOwnMethod() async throws {
        try await run { client, _ in
            for _ in 0..<2 {
                let put = try await client.post("/v3/kv/put", #"{"key":"YQ==","value":"YQ=="}"#)
                #expect(put.json.keys.sorted() == ["header"])
                #expect(try await client.request("GET", "/v3/kv/put").status == 405)
                #expect(try await client.post("/v3/kv/puT", "{}").status == 404)
                #expect(try await client.post("/v3/kv/put?x=1", #"{"key":"YQ==","value":"YQ=="}"#).status == 200)
                for path in ["/v3/kv/range", "/v3beta/kv/range"] {
                    let read = try await client.post(path, #"{"key":"YQ=="}"#)
                    #expect(read.json["count"] as? String == "1")
                }
                #expect(try await client.request("OPTIONS", "/v3/kv/range").status == 200)
            }
            #expect(try await client.post("/version", "").status == 405)
            #expect(try await client.request("GET", "/health").status == 200)
        }
    }

    @Test(arguments: [
        "{", "[]", "7", #"{"key":7}"#, #"{"key":"***"}"#, "{\"key\":\"YQ==\"} trailing",
        #"{"key":"YQ==","sort_order":"SIDEWAYS"}"#, #"{"key":"YQ==","limit":"many"}"#, "{\"key\":\"\u{0}\"}",
        #"{"key":"YQ==","limit":99999999999999999999}"#,
    ])
    func badJSONIsRefusedAndTheConnectionGoesOn(_ body: String) async throws {
        try await run { client, _ in
            let answer = try await client.post("/v3/kv/range", body)
            #expect(answer.status == 400)
            #expect(answer.json["code"] as? Int == 3)
            #expect(try await client.post("/v3/kv/range", #"{"key":"YQ=="}"#).status == 200)
        }
    }

    @Test func aWatchIsALineForEachAnswer() async throws {
        try await run { client, node in
            client.send("POST", "/v3/watch", #"{"create_request":{"key":"Zm9v"}} {"create_request":{"key":"YmFy"}}"#)
            try await eventually("both to be created") {
                client.text.components(separatedBy: #""created":true"#).count == 3
            }
            #expect(client.text.contains(#"{"result":{"header":"#))
            let other = try await GatewayClient.connect(port: node.port)
            _ = try await other.post("/v3/kv/put", #"{"key":"YmFy","value":"eA=="}"#)
            try await eventually("the event") { client.text.contains(#""watch_id":"1","events":[{"kv":{"key":"YmFy""#) }
            try await other.close()
            try await client.close()
            try await eventually("the watches' end") { await node.watches() == 0 }
        }
    }

    @Test func keepAlivesAreOneBodyAndTheConnectionGoesOn() async throws {
        try await run { client, _ in
            for _ in 0..<2 {
                let answer = try await client.request("POST", "/v3/lease/keepalive", #"{"ID":"42"} {"ID":"43"}"#)
                #expect(answer.status == 200)
                let lines = answer.text.split(separator: "\n")
                #expect(lines.count == 2)
                #expect(lines.first?.hasSuffix(#""ID":"42"}}"#) == true)
                #expect(lines.last?.hasSuffix(#""ID":"43"}}"#) == true)
                #expect(!answer.text.contains("TTL"))
            }
            let refused = try await client.request("POST", "/v3/lease/keepalive", #"{"ID":"42"} {"ID":"x"}"#)
            #expect(refused.text.contains(#"{"error":{"grpc_code":3"#))
            #expect(try await client.request("GET", "/version").status == 200)
        }
    }

    @Test func streamsThatEndDoSo() async throws {
        try await run { client, _ in
            client.send("POST", "/v3/maintenance/snapshot")
            try await eventually("the end of the stream") { client.text.hasSuffix("0\r\n\r\n") }
            #expect(client.text.contains(#"{"result":{"#))
            #expect(!client.text.contains("error"))
        }
    }

    @Test func aStreamSaysThatItIsTheLastAnswerOfItsConnection() async throws {
        try await run { client, _ in
            client.send("POST", "/v3/watch", #"{"create_request":{"key":"Zm9v"}}"#)
            try await eventually("the head") { client.text.contains("\r\n\r\n") }
            #expect(client.text.contains("\r\nConnection: close\r\n"))
        }
    }

    @Test func whatIsNoCallIsAnsweredToo() async throws {
        try await run { client, _ in
            let version = try await client.request("GET", "/version")
            #expect((version.json["etcdserver"] as? String)?.hasPrefix("3.6.") == true)
            try await eventually("health") {
                (try? await client.request("GET", "/health?serializable=true").json["health"] as? String) == "true"
            }
            #expect(try await client.request("OPTIONS", "/v3/kv/range").status == 200)
            #expect(try await client.request("GET", "/v3/kv/range").status == 405)
            let metrics = try await client.request("GET", "/metrics").text
            for name in ["etcd_server_has_leader", "etcd_mvcc_db_total_size_in_bytes", "grpc_server_handled_total"] {
                #expect(metrics.contains(name))
            }
        }
    }

    @Test func bothViewsOfAKeyAgree() async throws {
        try await run { client, _ in
            let native = try await client.request("PUT", "/v1/kv/foo?ttl=300s", "bar")
            #expect(native.status == 201)
            let read = try await client.post("/v3/kv/range", #"{"key":"Zm9v"}"#)
            let record = (read.json["kvs"] as? [[String: Any]])?.first
            #expect(record?["mod_revision"] as? String == "2")
            let lease = try #require(record?["lease"] as? String)
            let left = try await client.post("/v3/lease/timetolive", "{\"ID\":\"\(lease)\",\"keys\":true}")
            #expect(left.json["grantedTTL"] as? String == "300")
            #expect(left.json["keys"] as? [String] == ["Zm9v"])
        }
    }
}
