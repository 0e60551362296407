internal import Foundation
package import NIOCore
internal import NIOHTTP1

/// etcd's JSON gateway, `/v3`.
package struct EtcdDialect: Dialect {
    package init() {}
    package var syncCounter: String { "etcd_disk_wal_fsync_duration_seconds_count" }
    package var messageEnd: [UInt8] { [UInt8(ascii: "\n")] }

    package var deletionMark: [UInt8] { Array("\"type\":\"DELETE\"".utf8) }

    private static let json: HTTPHeaders = ["Content-Type": "application/json"]
    private static let succeeded = Array("\"succeeded\":true".utf8)
    private static let revision = Array("\"revision\":\"".utf8)

    private func post(_ path: String, _ parts: String..., expecting needle: [UInt8]) -> LoadRequest {
        var body = ByteBuffer()
        body.reserveCapacity(parts.reduce(0) { $0 + $1.utf8.count })
        for part in parts { body.writeString(part) }
        return LoadRequest(
            .POST, path, headers: Self.json, body: body,
            expected: Expectation(status: 200...200, body: .contains(needle)))
    }

    package func create(key: String, value: Value) -> LoadRequest {
        let key = Base64.encode(key)
        return post(
            "/v3/kv/txn", "{\"compare\":[{\"target\":\"CREATE\",\"create_revision\":\"0\",\"key\":\"", key,
            "\"}],\"success\":[{\"request_put\":{\"key\":\"", key, "\",\"value\":\"", value.base64, "\"}}]}",
            expecting: Self.succeeded)
    }

    package func put(key: String, value: Value) -> LoadRequest {
        post(
            "/v3/kv/put", "{\"key\":\"", Base64.encode(key), "\",\"value\":\"", value.base64, "\"}",
            expecting: Self.revision)
    }

    package func get(key: String, expecting value: Value) -> LoadRequest {
        post("/v3/kv/range", "{\"key\":\"", Base64.encode(key), "\"}", expecting: trace(of: value))
    }

    package func grant(seconds: Int) -> LoadRequest {
        post("/v3/lease/grant", "{\"TTL\":\"\(seconds)\"}", expecting: Array("\"ID\":\"".utf8))
    }

    package func lease(in answer: Answer) -> String? { JSON.object(in: answer.body)?["ID"] as? String }

    package func renew(lease: String, seconds: Int) -> LoadRequest {
        post("/v3/lease/keepalive", "{\"ID\":\"\(lease)\"}", expecting: Array("\"TTL\":\"\(seconds)\"".utf8))
    }

    package func renew(leases: [String], seconds: Int) -> [LoadRequest] {
        leases.map { renew(lease: $0, seconds: seconds) }
    }

    package func claim(key: String, value: Value, lease: String) -> LoadRequest {
        let key = Base64.encode(key)
        return post(
            "/v3/kv/txn", "{\"compare\":[{\"target\":\"CREATE\",\"create_revision\":\"0\",\"key\":\"", key,
            "\"}],\"success\":[{\"request_put\":{\"key\":\"", key, "\",\"value\":\"", value.base64, "\",\"lease\":\"",
            lease, "\"}}],\"failure\":[{\"request_range\":{\"key\":\"", key, "\"}}]}", expecting: Self.revision)
    }

    package func claimed(_ answer: Answer) -> Bool { answer.body.contains(bytes: Self.succeeded) }

    package func put(key: String, value: Value, lease: String) -> LoadRequest {
        post(
            "/v3/kv/put", "{\"key\":\"", Base64.encode(key), "\",\"value\":\"", value.base64, "\",\"lease\":\"", lease,
            "\"}", expecting: Self.revision)
    }

    package func watch(key: String) -> LoadRequest {
        post("/v3/watch", "{\"create_request\":{\"key\":\"", Base64.encode(key), "\"}}", expecting: [])
    }

    package func watch(prefix: String) -> LoadRequest {
        post(
            "/v3/watch", "{\"create_request\":{\"key\":\"", Base64.encode(prefix), "\",\"range_end\":\"",
            Base64.encode(Self.successor(of: prefix)), "\"}}", expecting: [])
    }

    /// The end of the range of all keys that begin with `prefix`, which must not end in the highest ASCII byte.
    static func successor(of prefix: String) -> String {
        var bytes = Array(prefix.utf8)
        bytes[bytes.count - 1] += 1
        return String(decoding: bytes, as: UTF8.self)
    }

    package func trace(of value: Value) -> [UInt8] { Array("\"value\":\"\(value.base64)\"".utf8) }

    package func deletedKeys(in message: ByteBuffer) -> [String] {
        let result = JSON.object(in: message)?["result"] as? [String: Any]
        let events = result?["events"] as? [[String: Any]] ?? []
        return events.compactMap { event in
            guard event["type"] as? String == "DELETE", let kv = event["kv"] as? [String: Any],
                let key = kv["key"] as? String, let bytes = Data(base64Encoded: key)
            else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    package var status: LoadRequest {
        post("/v3/maintenance/status", "{}", expecting: Array("\"member_id\":\"".utf8))
    }

    package func nodeReport(in answer: Answer) -> NodeReport? {
        guard let object = JSON.object(in: answer.body), let header = object["header"] as? [String: Any],
            let member = header["member_id"] as? String
        else { return nil }
        let leader = object["leader"] as? String ?? "0"
        return NodeReport(
            leads: leader == member, knowsLeader: leader != "0",
            term: (header["raft_term"] as? String).flatMap { UInt64($0) } ?? 0,
            version: object["version"] as? String ?? "unknown")
    }
}
