import Primitives
import Testing

@Suite("Transactions over HTTP")
struct TransactionTests {
    @Test func allComparisonsHoldingRunsThenAndOtherwiseElse() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            let body = #"""
                {"if":[{"key":"a","target":"value","op":"==","value":"1"},{"key":"a","target":"mod_revision","op":"<","value":3},
                       {"key":"a","target":"version","op":">","value":0},{"key":"b","target":"create_revision","op":"==","value":0},
                       {"key":"a","target":"lease","op":"!=","value":"00000000000000aa"}],
                 "then":[{"put":{"key":"b","value":"2"}},{"get":{"prefix":""}},{"delete":{"key":"a"}}],
                 "else":[{"get":{"key":"a","keys_only":true}}]}
                """#
            let first = try await server.request("POST", "/v1/txn", text: body)
            #expect(first.status == 200)
            #expect(
                first.text
                    == #"{"succeeded":true,"results":[{"put":{"key":"b","revision":3,"create_revision":3,"version":1,"created":true}},"#
                    + #"{"get":{"kvs":[{"key":"a","value":"1","mod_revision":2,"create_revision":2,"version":1},{"key":"b","value":"2","mod_revision":3,"create_revision":3,"version":1}],"count":2,"more":false}},"#
                    + #"{"delete":{"deleted":1}}],"revision":3}"# + "\n")
            server.node.put("a", "9")
            let second = try await server.request("POST", "/v1/txn", text: body)
            #expect(
                second.text
                    == #"{"succeeded":false,"results":[{"get":{"kvs":[{"key":"a","mod_revision":4,"create_revision":4,"version":1}],"count":1,"more":false}}],"revision":4}"#
                    + "\n")
        }
    }

    @Test func bytesComeInBase64AndLeasesAreAttached() async throws {
        try await TestServer.run { server in
            let body = #"{"then":[{"put":{"key_base64":"/w==","value_base64":"AAE=","ttl":"2s"}}]}"#
            let put = try await server.request("POST", "/v1/txn", text: body)
            #expect(put.text.contains(#""key_base64":"/w==""#))
            #expect(put.text.contains(#""ttl_ms":2000,"valid_for_ms":1980"#))
            try await #expect(server.request("GET", "/v1/kv/%FF").body == [0, 1])
        }
    }

    @Test func anIdempotencyKeyOfAnotherKindOfRequestIsAConflict() async throws {
        try await TestServer.run { server in
            let field = ["Idempotency-Key: me/1"]
            try await #expect(server.request("PUT", "/v1/kv/a", field, text: "1").status == 201)
            let response = try await server.request("POST", "/v1/txn", field, text: "{}")
            #expect(response.status == 409)
            #expect(response.text.contains("urn:conclave:error:conflict"))
            #expect(response.text.contains(#""outcome":"not_applied""#))
        }
    }

    @Test func aKeyWrittenTwiceIsRefusedAndNothingIsApplied() async throws {
        try await TestServer.run { server in
            let body = #"{"then":[{"put":{"key":"a","value":"1"}},{"put":{"key":"a","value":"2"}}]}"#
            let response = try await server.request("POST", "/v1/txn", text: body)
            #expect(response.status == 400)
            #expect(response.text.contains("writes the key \\\"a\\\" twice"))
            try await #expect(server.request("GET", "/v1/kv/a").status == 404)
        }
    }

    @Test(arguments: [
        ("", "the body is not valid JSON: the document ends too early, at byte 0"),
        ("[]", "the body is an array; it must be an object"),
        ("{\"if\":1}", "if is the number 1; it must be an array"),
        ("{\"when\":[]}", "the field \\\"when\\\" is not known here; allowed are if, then, else"),
        ("{\"if\":[{\"target\":\"value\"}]}", "if[0].key is missing"),
        (
            "{\"if\":[{\"key\":\"a\",\"target\":\"size\",\"op\":\"==\",\"value\":1}]}",
            "if[0].target is \\\"size\\\"; it must be"
        ),
        (
            "{\"if\":[{\"key\":\"a\",\"target\":\"version\",\"op\":\"=\",\"value\":1}]}",
            "if[0].op is \\\"=\\\"; it must be"
        ),
        (
            "{\"if\":[{\"key\":\"a\",\"target\":\"version\",\"op\":\"==\",\"value\":-1}]}",
            "if[0].value is the number -1"
        ),
        (
            "{\"if\":[{\"key\":\"a\",\"target\":\"version\",\"op\":\"==\",\"value\":1.5}]}",
            "if[0].value is the number 1.5"
        ),
        (
            "{\"if\":[{\"key\":\"a\",\"target\":\"lease\",\"op\":\"==\",\"value\":\"7\"}]}",
            "it must be a lease's id, or 16 zeros"
        ),
        ("{\"if\":[{\"key\":\"a\",\"target\":\"lease\",\"op\":\"==\",\"value\":7}]}", "it must be a lease's id"),
        ("{\"then\":[{}]}", "then[0] must have exactly one of put, get and delete"),
        ("{\"then\":[{\"put\":{\"key\":\"a\"}}]}", "then[0].put.value is missing"),
        ("{\"then\":[{\"put\":{\"key\":\"\",\"value\":\"\"}}]}", "then[0].put.key is empty"),
        (
            "{\"then\":[{\"put\":{\"key\":\"a\",\"value\":\"\",\"x\":1}}]}",
            "the field \\\"then[0].put.x\\\" is not known"
        ),
        (
            "{\"then\":[{\"put\":{\"key\":\"a\",\"value\":\"\",\"ttl\":\"1s\",\"lease\":\"0000000000000001\"}}]}",
            "exclude each other"
        ),
        ("{\"then\":[{\"put\":{\"key_base64\":\"a\",\"value\":\"\"}}]}", "it must be padded base64"),
        ("{\"then\":[{\"get\":{\"key\":\"a\",\"prefix\":\"b\"}}]}", "exactly one of key and prefix"),
        (
            "{\"then\":[{\"get\":{\"prefix\":\"b\",\"limit\":0}}]}",
            "then[0].get.limit is \\\"0\\\"; it must be a whole number from 1 to 10000"
        ),
        ("{\"then\":[{\"delete\":{\"key\":\"a\",\"key_base64\":\"YQ==\"}}]}", "exclude each other"),
        ("{\"then\":[]} x", "something follows the document"),
    ])
    func aMalformedTransactionIsToldWhatIsWrong(_ body: String, _ expected: String) async throws {
        try await TestServer.run { server in
            let response = try await server.request("POST", "/v1/txn", text: body)
            #expect(response.status == 400)
            #expect(response.text.contains(expected), "\(response.text)")
        }
    }

    @Test func moreOperationsThanAllowedAreRefused() async throws {
        try await TestServer.run { server in
            let operations = Array(repeating: #"{"get":{"key":"a"}}"#, count: 129).joined(separator: ",")
            let response = try await server.request("POST", "/v1/txn", text: "{\"then\":[\(operations)]}")
            #expect(response.text.contains("then has 129 elements; at most 128 are allowed"))
        }
    }
}
