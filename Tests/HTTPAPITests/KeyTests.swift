import KeyValue
import Primitives
import Testing

@Suite("Keys over HTTP")
struct KeyTests {
    @Test func aPutCreatesWith201AndReplacesWith200() async throws {
        try await TestServer.run { server in
            let created = try await server.request("PUT", "/v1/kv/controller", text: "node-1")
            #expect(created.status == 201)
            #expect(
                created.text == #"{"key":"controller","revision":2,"create_revision":2,"version":1,"created":true}"#
                    + "\n")
            #expect(created["etag"] == "\"2\"")
            let replaced = try await server.request("PUT", "/v1/kv/controller", text: "node-2")
            #expect(replaced.status == 200)
            #expect(
                replaced.text == #"{"key":"controller","revision":3,"create_revision":2,"version":2,"created":false}"#
                    + "\n")
        }
    }

    @Test func everyAnswerSaysWhichStateItReflectsAndWhoGaveIt() async throws {
        try await TestServer.run { server in
            let put = try await server.request("PUT", "/v1/kv/a", text: "1")
            for response in [
                put, try await server.request("GET", "/v1/kv/a"), try await server.request("GET", "/v1/kv/none"),
                try await server.request("GET", "/nothing"), try await server.request("GET", "/v1/kv/a?x=y"),
                try await server.request("GET", "/"), try await server.request("GET", "/livez"),
            ] {
                #expect(response["conclave-revision"] == "2")
                #expect(response["conclave-term"] == "3")
                #expect(response["conclave-node"] == "n1")
                #expect(response["date"]?.hasSuffix(" GMT") == true)
            }
        }
    }

    @Test func aGetReturnsTheRawValueAndItsRevisions() async throws {
        try await TestServer.run { server in
            let value: Bytes = [0, 255, 10, 13, 128]
            try await #expect(server.request("PUT", "/v1/kv/a%2Fb%00c", body: value).status == 201)
            let raw = try await server.request("GET", "/v1/kv/a/b%00c")
            #expect(raw.status == 200)
            #expect(raw.body == value)
            #expect(raw["etag"] == "\"2\"")
            #expect(raw["conclave-create-revision"] == "2")
            #expect(raw["conclave-version"] == "1")
            #expect(raw["conclave-lease"] == nil)
            #expect(raw["content-type"] == "application/octet-stream")
        }
    }

    @Test func aGetAsJSONWritesBytesThatAreNoTextInBase64() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "/v1/kv/text", text: "a \"quoted\"\nline \u{1F600}")
            _ = try await server.request("PUT", "/v1/kv/%FF", body: [0xFE, 0xFF])
            let text = try await server.request("GET", "/v1/kv/text", ["Accept: application/json"])
            #expect(
                text.text
                    == #"{"key":"text","value":"a \"quoted\"\nline 😀","mod_revision":2,"create_revision":2,"version":1}"#
                    + "\n")
            let bytes = try await server.request("GET", "/v1/kv/%ff", ["Accept: text/html, application/json;q=0.5"])
            #expect(
                bytes.text
                    == #"{"key_base64":"/w==","value_base64":"/v8=","mod_revision":3,"create_revision":3,"version":1}"#
                    + "\n")
        }
    }

    @Test func onlyTheFirstCreatorWinsAndTheLoserLearnsWhoHolds() async throws {
        try await TestServer.run { server in
            let won = try await server.request("PUT", "/v1/kv/controller?ttl=3s", ["If-None-Match: *"], text: "node-1")
            #expect(won.status == 201)
            #expect(won.text.contains(#""ttl_ms":3000,"valid_for_ms":2970}"#))
            let lost = try await server.request("PUT", "/v1/kv/controller?ttl=3s", ["If-None-Match: *"], text: "node-2")
            #expect(lost.status == 412)
            #expect(lost["content-type"] == "application/problem+json")
            #expect(lost.text.contains(#""type":"urn:conclave:error:precondition-failed""#))
            #expect(
                lost.text.contains(
                    #""holder":{"key":"controller","value":"node-1","mod_revision":2,"create_revision":2,"version":1,"lease":""#
                ))
            #expect(lost.text.contains(#""outcome":"not_applied""#))
            #expect(lost["etag"] == "\"2\"")
        }
    }

    @Test func ifMatchComparesTheRevision() async throws {
        try await TestServer.run { server in
            try await #expect(server.request("PUT", "/v1/kv/a", ["If-Match: *"], text: "1").status == 412)
            try await #expect(server.request("PUT", "/v1/kv/a", text: "1").status == 201)
            try await #expect(server.request("PUT", "/v1/kv/a", ["If-Match: *"], text: "2").status == 200)
            let stale = try await server.request("PUT", "/v1/kv/a", ["If-Match: \"2\""], text: "3")
            #expect(stale.status == 412)
            try await #expect(server.request("PUT", "/v1/kv/a", ["If-Match: \"3\""], text: "3").status == 200)
            try await #expect(server.request("DELETE", "/v1/kv/a", ["If-Match: \"3\""]).status == 412)
            let deleted = try await server.request("DELETE", "/v1/kv/a", ["If-Match: \"4\""])
            #expect(deleted.text == "{\"deleted\":1,\"revision\":5}\n")
            try await #expect(server.request("DELETE", "/v1/kv/a").text == "{\"deleted\":0,\"revision\":5}\n")
        }
    }

    @Test func aReadWithTheRevisionTheClientHasIsAnswered304() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            let client = try server.client()
            let same = try await client.request("GET", "/v1/kv/a", ["If-None-Match: \"2\""])
            #expect(same.status == 304)
            #expect(same["etag"] == "\"2\"")
            try await #expect(client.request("GET", "/v1/kv/a", ["If-None-Match: \"1\""]).text == "1")
        }
    }

    @Test func historyIsReadAtARevision() async throws {
        try await TestServer.run { server in
            server.node.put("a", "old")
            server.node.put("a", "new")
            try await #expect(server.request("GET", "/v1/kv/a?at=2").text == "old")
            let future = try await server.request("GET", "/v1/kv/a?at=99")
            #expect(future.status == 400)
            #expect(future.text.contains("urn:conclave:error:future-revision"))
            #expect(future.text.contains("\"revision\":3"))
            server.node.compact()
            let gone = try await server.request("GET", "/v1/kv/a?at=2")
            #expect(gone.status == 410)
            #expect(gone.text.contains("\"oldest_revision\":"))
        }
    }

    @Test func aStaleReadSaysHowOldItIs() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            server.node.state.withLock { $0.staleness = .milliseconds(42) }
            let stale = try await server.request("GET", "/v1/kv/a?consistency=stale")
            #expect(stale["conclave-staleness-ms"] == "42")
            try await #expect(server.request("GET", "/v1/kv/a")["conclave-staleness-ms"] == nil)
        }
    }

    @Test func aPageListsKeysInOrderAndTellsWhetherThereAreMore() async throws {
        try await TestServer.run { server in
            for key in ["p/c", "p/a", "p/b", "q"] { server.node.put(key, key) }
            let page = try await server.request("GET", "/v1/kv?prefix=p/&limit=2")
            #expect(page.text.hasPrefix(#"{"kvs":[{"key":"p/a","value":"p/a","#))
            #expect(page.text.hasSuffix(#""count":3,"more":true,"revision":5}"# + "\n"))
            let rest = try await server.request("GET", "/v1/kv?prefix=p%2F&start=p/b%00&keys_only")
            #expect(
                rest.text
                    == #"{"kvs":[{"key":"p/c","mod_revision":2,"create_revision":2,"version":1}],"count":1,"more":false,"revision":5}"#
                    + "\n")
            try await #expect(server.request("GET", "/v1/kv?count_only=true").text.hasPrefix(#"{"kvs":[],"count":4,"#))
            try await #expect(
                server.request("GET", "/v1/kv?prefix=p&start=zzz").text.hasPrefix(#"{"kvs":[],"count":0,"#))
        }
    }

    @Test func aRangeIsDeletedInOneRevision() async throws {
        try await TestServer.run { server in
            for key in ["p/a", "p/b", "q"] { server.node.put(key, "1") }
            try await #expect(server.request("DELETE", "/v1/kv?prefix=p/").text == "{\"deleted\":2,\"revision\":5}\n")
            try await #expect(server.request("DELETE", "/v1/kv?prefix=").text == "{\"deleted\":1,\"revision\":6}\n")
        }
    }

    @Test func headHasTheHeadOfGetAndNoBody() async throws {
        try await TestServer.run { server in
            server.node.put("a", "12345")
            let client = try server.client()
            let head = try await client.request("HEAD", "/v1/kv/a")
            #expect(head.status == 200)
            #expect(head["content-length"] == "5")
            // Were there a body, the next answer would begin in the wrong place.
            try await #expect(client.request("GET", "/v1/kv/a").text == "12345")
            try await #expect(client.request("HEAD", "/v1/watch?prefix=")["content-type"] == "text/event-stream")
            #expect(server.node.watchCount == 0)
        }
    }

    @Test func aRepeatedWriteUnderAnIdempotencyKeyIsAnsweredAsTheFirst() async throws {
        try await TestServer.run { server in
            let first = try await server.request("PUT", "/v1/kv/a", ["Idempotency-Key: agent-7/1"], text: "1")
            server.node.put("a", "2")
            let again = try await server.request("PUT", "/v1/kv/a", ["Idempotency-Key: agent-7/1"], text: "1")
            #expect(again.status == first.status)
            #expect(again.text == first.text)
            try await #expect(server.request("GET", "/v1/kv/a").text == "2")
        }
    }

    @Test func aKeyMayHave4096BytesAndNotOneMore() async throws {
        try await TestServer.run { server in
            let longest = String(repeating: "%C3", count: 4096)
            try await #expect(server.request("PUT", "/v1/kv/\(longest)", text: "1").status == 201)
            try await #expect(server.request("GET", "/v1/kv/\(longest)").text == "1")
            let tooLong = try await server.request("PUT", "/v1/kv/\(longest)x", text: "1")
            #expect(tooLong.status == 400)
            #expect(tooLong.text.contains("the key in the path has 4097 bytes; at most 4096 are allowed"))
        }
    }
}
