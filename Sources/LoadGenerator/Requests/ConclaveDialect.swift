internal import Foundation
package import NIOCore
internal import NIOHTTP1

/// Conclave's native HTTP API, version 1.
package struct ConclaveDialect: Dialect {
    package init() {}
    package var syncCounter: String { "conclave_log_syncs_total" }
    package var messageEnd: [UInt8] { Array("\n\n".utf8) }

    package var deletionMark: [UInt8] { Array("event: delete\n".utf8) }

    /// As many as the API takes.
    private static let renewalsPerRequest = 4_096
    private static let ifAbsent: HTTPHeaders = ["If-None-Match": "*"]
    private static let eventStream: HTTPHeaders = ["Accept": "text/event-stream"]

    package func create(key: String, value: Value) -> LoadRequest {
        LoadRequest(
            .PUT, "/v1/kv/" + key, headers: Self.ifAbsent, body: value.raw, expected: Expectation(status: 201...201))
    }

    package func put(key: String, value: Value) -> LoadRequest {
        LoadRequest(.PUT, "/v1/kv/" + key, body: value.raw, expected: Expectation(status: 200...201))
    }

    package func get(key: String, expecting value: Value) -> LoadRequest {
        LoadRequest(.GET, "/v1/kv/" + key, expected: Expectation(status: 200...200, body: .equals(value.raw)))
    }

    package func grant(seconds: Int) -> LoadRequest {
        LoadRequest(
            .POST, "/v1/leases", headers: ["Content-Type": "application/json"],
            body: ByteBuffer(string: "{\"ttl\":\"\(seconds)s\"}"), expected: Expectation(status: 201...201))
    }

    package func lease(in answer: Answer) -> String? { JSON.object(in: answer.body)?["id"] as? String }

    package func renew(lease: String, seconds: Int) -> LoadRequest {
        LoadRequest(
            .POST, "/v1/leases/\(lease)/renew",
            expected: Expectation(status: 200...200, body: .contains(Array("\"ttl_ms\":\(seconds * 1000)".utf8))))
    }

    package func renew(leases: [String], seconds: Int) -> [LoadRequest] {
        stride(from: 0, to: leases.count, by: Self.renewalsPerRequest).map { first in
            let ids = leases[first..<min(leases.count, first + Self.renewalsPerRequest)]
            let body = "{\"ids\":[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]}"
            return LoadRequest(
                .POST, "/v1/leases/renew", headers: ["Content-Type": "application/json"],
                body: ByteBuffer(string: body),
                expected: Expectation(
                    status: 200...200, body: .occurs(Array("\"ttl_ms\":\(seconds * 1000)".utf8), times: ids.count)))
        }
    }

    package func claim(key: String, value: Value, lease: String) -> LoadRequest {
        LoadRequest(
            .PUT, "/v1/kv/\(key)?lease=\(lease)", headers: Self.ifAbsent, body: value.raw,
            expected: Expectation(status: 201...412, body: .contains(Array("\"key\":".utf8))))
    }

    package func claimed(_ answer: Answer) -> Bool { answer.status == 201 }

    package func put(key: String, value: Value, lease: String) -> LoadRequest {
        LoadRequest(.PUT, "/v1/kv/\(key)?lease=\(lease)", body: value.raw, expected: Expectation(status: 200...201))
    }

    /// Campaigns or renews. With a fence the answer is held until somebody else leads or half of the lease is over.
    func campaign(in election: String, as candidate: String, seconds: Int, after fence: UInt64? = nil) -> LoadRequest {
        let wait = fence.map { "&wait=300s&after=\($0)" } ?? ""
        return LoadRequest(
            .PUT, "/v1/elections/\(election)/candidates/\(candidate)?ttl=\(seconds)s\(wait)",
            body: ByteBuffer(string: candidate), expected: Expectation(status: 200...201))
    }

    package func watch(key: String) -> LoadRequest { watch("key=" + key) }
    package func watch(prefix: String) -> LoadRequest { watch("prefix=" + prefix) }
    private func watch(_ query: String) -> LoadRequest {
        LoadRequest(.GET, "/v1/watch?" + query, headers: Self.eventStream, expected: Expectation(status: 200...200))
    }

    package func trace(of value: Value) -> [UInt8] { Array("\"value\":\"\(value.text)\"".utf8) }

    package func deletedKeys(in message: ByteBuffer) -> [String] {
        var event = ""
        var data = ""
        for line in String(buffer: message).split(whereSeparator: \.isNewline) {
            if line.hasPrefix("event:") { event = line.dropFirst(6).trimmingCharacters(in: .whitespaces) }
            if line.hasPrefix("data:") { data += line.dropFirst(5) }
        }
        guard event == "delete", let key = JSON.object(in: ByteBuffer(string: data))?["key"] as? String else {
            return []
        }
        return [key]
    }

    package var status: LoadRequest { LoadRequest(.GET, "/v1/status", expected: Expectation(status: 200...200)) }

    package func nodeReport(in answer: Answer) -> NodeReport? {
        guard let object = JSON.object(in: answer.body), let role = object["role"] as? String else { return nil }
        let leader = object["leader"] as? String ?? ""
        return NodeReport(
            leads: role == "leader", knowsLeader: !leader.isEmpty,
            term: (object["term"] as? NSNumber)?.uint64Value ?? 0, version: object["version"] as? String ?? "unknown")
    }
}

/// Reading JSON off the hot path.
enum JSON {
    static func object(in body: ByteBuffer) -> [String: Any]? {
        try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any]
    }
}
