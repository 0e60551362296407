import Foundation
import Testing

@testable import ConclaveClient

@Suite struct Requests {
    @Test func everyByteOfAKeyReachesTheNode() async throws {
        let node = try await ScriptedServer { _, _ in .written }
        let keys = [ByteString(0...255), "a/b", "/a//b/", "../..", "a?b#c%d e+f&g", "ünïcödé"]
        try await withClient([node.endpoint]) { client in
            for key in keys { try await client.put(key, "v") }
        }
        for (request, key) in zip(node.requests, keys) {
            #expect(request.uri.hasPrefix("/v1/kv/"))
            #expect(!request.headers.contains(name: RequestTarget.header))
            let escaped = String(request.uri.dropFirst("/v1/kv/".count).prefix { $0 != "?" })
            #expect(decoded(escaped) == key.bytes)
        }
        #expect(node.requests[1].uri.hasPrefix("/v1/kv/a/b?"))
        await node.stop()
    }

    @Test func everyByteOfAPrefixReachesTheNode() async throws {
        let node = try await ScriptedServer { _, _ in .answer(200, body: #"{"kvs":[],"count":3,"more":false}"#) }
        let count = try await withClient([node.endpoint]) { try await $0.count(prefix: ByteString(0...255)) }
        #expect(count == 3)
        let value = node.requests[0].uri.split(separator: "&")[0].dropFirst("/v1/kv?prefix=".count)
        #expect(decoded(String(value)) == Array(0...255))
        await node.stop()
    }

    /// Percent-decoding, written down a second time.
    private func decoded(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)!)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }

    @Test func aKeyWithoutBytesOrWithTooManyIsRefusedHere() async throws {
        let dead = try await ScriptedServer.deadEndpoint()
        for key in [ByteString(""), ByteString([UInt8](repeating: 1, count: 4097))] {
            let error = await #expect(throws: ConclaveError.self) {
                try await withClient([dead]) { try await $0.put(key, "v") }
            }
            #expect(error?.code == .badRequest)
        }
    }

    @Test func aLeaseIsPromisedFromTheMomentItWasAskedFor() async throws {
        let node = try await ScriptedServer { _, _ in
            .answer(
                201,
                body: """
                    {"key":"k","revision":7,"create_revision":7,"version":1,"created":true,\
                    "lease":"00000000000000ff","ttl_ms":3000,"valid_for_ms":2900}
                    """)
        }
        let begin = ContinuousClock.now
        let lease = try await withClient([node.endpoint]) {
            try await $0.put("k", "v", lease: .new(ttl: .seconds(3))).lease
        }
        #expect(lease?.id == LeaseID("ff"))
        #expect(lease?.ttl == .seconds(3))
        #expect(lease?.validFor == .milliseconds(2900))
        let until = try #require(lease?.validUntil)
        #expect(until >= begin + .milliseconds(2900))
        #expect(until <= .now + .milliseconds(2900))
        #expect(node.requests[0].uri.contains("ttl=3000ms"))
        await node.stop()
    }

    @Test func anAbsentKeyIsNoError() async throws {
        let node = try await ScriptedServer { _, _ in .problem(404, "not-found") }
        let found = try await withClient([node.endpoint]) { try await $0.get("k") }
        #expect(found == nil)
        await node.stop()
    }

    @Test func aReadTellsTheValueAndItsRevisions() async throws {
        let node = try await ScriptedServer { _, _ in
            .answer(
                200,
                headers: [
                    "ETag": "\"42\"", "Conclave-Create-Revision": "40", "Conclave-Version": "3",
                    "Conclave-Lease": "0000000000000abc",
                ], body: "value\n")
        }
        let record = try await withClient([node.endpoint]) { try await $0.get("k", consistency: .stale) }
        let lease = LeaseID(rawValue: 0xABC)
        #expect(
            record
                == KeyRecord(
                    key: "k", value: "value\n", createRevision: 40, modRevision: 42, version: 3, lease: lease))
        #expect(node.requests[0].uri.contains("consistency=stale"))
        await node.stop()
    }

    @Test func waitingForAChangeTellsItsThreeOutcomes() async throws {
        let node = try await ScriptedServer { _, number in
            switch number {
            case 0: .answer(304)
            case 1: .problem(404, "not-found", more: #","revision":9"#)
            default:
                .answer(
                    200, headers: ["ETag": "\"8\"", "Conclave-Create-Revision": "8", "Conclave-Version": "1"],
                    body: "v")
            }
        }
        let changes = try await withClient([node.endpoint]) { client in
            var changes: [KeyChange] = []
            for _ in 0..<3 { changes.append(try await client.waitForChange(of: "k", after: 7, for: .seconds(1))) }
            return changes
        }
        let record = KeyRecord(key: "k", value: "v", createRevision: 8, modRevision: 8, version: 1)
        #expect(changes == [.unchanged, .absent(revision: 9), .changed(record)])
        await node.stop()
    }

    @Test func aTransactionIsWrittenAndReadAsTheApiSays() async throws {
        let node = try await ScriptedServer { _, _ in
            .answer(
                200,
                body: """
                    {"succeeded":true,"results":[{"put":{"key":"a","revision":7,"create_revision":7,"version":1,\
                    "created":true}},{"get":{"kvs":[],"count":0,"more":false}},{"delete":{"deleted":2}}],"revision":7}
                    """)
        }
        let transaction = Transaction(
            if: [
                .init("a", .equal, .value(ByteString([0xFF]))), .init("b", .greater, .version(3)),
                .init("c", .notEqual, .lease(nil)),
            ], then: [.put("a", "1"), .getPrefix("x/", limit: 5), .deletePrefix("y/")], else: [.get("a")])
        let result = try await withClient([node.endpoint]) { try await $0.run(transaction) }
        #expect(result.succeeded)
        #expect(result.results.count == 3)
        if case .deleted(let count) = result.results[2] { #expect(count == 2) } else { Issue.record("no deletion") }
        let body = Data(node.requests[0].body.utf8)
        #expect(try JSONDecoder().decode(Transaction.self, from: body) == transaction)
        let tree = try #require(try JSONSerialization.jsonObject(with: body) as? [String: [[String: Any]]])
        #expect(tree["if"]?[0]["value_base64"] as? String == "/w==")
        #expect(tree["if"]?[1]["target"] as? String == "version")
        #expect(tree["if"]?[2]["value"] as? String == "0000000000000000")
        await node.stop()
    }

    @Test func renewingManyTellsWhichAreGone() async throws {
        let node = try await ScriptedServer { _, _ in
            .answer(
                200,
                body: """
                    {"results":[{"id":"0000000000000001","ttl_ms":1000,"valid_for_ms":990},\
                    {"id":"0000000000000002","error":"lease-not-found"}]}
                    """)
        }
        let leases = try await withClient([node.endpoint]) {
            try await $0.renewLeases([LeaseID(rawValue: 1), LeaseID(rawValue: 2)])
        }
        #expect(leases.map { $0?.id.rawValue } == [1, nil])
        #expect(node.requests[0].body == #"{"ids":["0000000000000001","0000000000000002"]}"#)
        await node.stop()
    }
}

@Suite struct Addresses {
    @Test func endpointsAreReadWithAndWithoutScheme() throws {
        #expect(
            try Endpoint.list("127.0.0.1:2379, https://a.example:443/,http://[::1]:80").map(\.url) == [
                "http://127.0.0.1:2379", "https://a.example:443", "http://[::1]:80",
            ])
    }

    @Test(arguments: ["ftp://a:1", "http://", "http://a:1/path", "http://a:1?q", "a b"])
    func whatIsNoEndpointIsNamed(_ text: String) {
        let error = #expect(throws: ConclaveError.self) { try Endpoint.list("127.0.0.1:1,\(text)") }
        #expect(error?.detail.contains(text) == true)
    }

    @Test func manyFailuresOfOneNodeMoveThePreferenceOnce() {
        var rotation = EndpointRotation([Endpoint("a:1")!, Endpoint("b:1")!, Endpoint("c:1")!])
        rotation.failed(0)
        rotation.failed(0)
        #expect(rotation.preferred == 1)
    }

    @Test func idsAndKeysAreReadStrictly() {
        #expect(LeaseID("00000000000000ff")?.rawValue == 255)
        #expect(LeaseID("ff")?.description == "00000000000000ff")
        for wrong in ["", "0", "-1", "+1", "xyz", "00000000000000001"] { #expect(LeaseID(wrong) == nil) }
        #expect(IdempotencyKey("a/b/7") == IdempotencyKey(client: "a/b", number: 7))
        for wrong in ["", "/7", "a/", "a", "a/-1"] { #expect(IdempotencyKey(wrong) == nil) }
    }
}
