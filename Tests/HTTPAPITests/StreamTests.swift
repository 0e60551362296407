import KeyValue
import NIOCore
import Primitives
import ReplicaCore
import Testing

@testable import HTTPAPI

extension RawClient {
    /// Opens an event stream, past its head.
    func openStream(_ target: String, _ fields: [String] = []) async throws -> Response {
        var text = "GET \(target) HTTP/1.1\r\nHost: t\r\n"
        for field in fields { text += field + "\r\n" }
        send(text + "\r\n")
        return try await response()
    }

    /// The next chunk's content: one or more whole events.
    func chunk() async throws -> String {
        let size = try await read(through: "\r\n").dropLast()
        guard let count = Int(size, radix: 16) else { throw Late(waitingFor: "a chunk", received: String(size)) }
        let content = try await read(count: count + 2)
        return String(decoding: content.dropLast(2), as: UTF8.self)
    }
}

@Suite("Event streams")
struct StreamTests {
    @Test func beginWithTheStateAndGoOnWithEvents() async throws {
        try await TestServer.run { server in
            server.node.put("p/a", "1")
            let client = try server.client()
            let head = try await client.openStream("/v1/watch?prefix=p/")
            #expect(head.status == 200)
            #expect(head["content-type"] == "text/event-stream")
            #expect(head["connection"] == "close")
            #expect(head["conclave-revision"] == "2")
            try await #expect(
                client.chunk() == """
                    event: state
                    data: {"kvs":[{"key":"p/a","value":"1","mod_revision":2,"create_revision":2,"version":1}],"revision":2}
                    id: 2


                    """)
            server.node.put("p/b", "line\nbreak")
            try await #expect(
                client.chunk() == """
                    event: put
                    data: {"key":"p/b","value":"line\\nbreak","mod_revision":3,"create_revision":3,"version":1}
                    id: 3


                    """)
            server.node.put("q", "not watched")
            server.node.apply(.delete(Delete(selection: .key(Array("p/b".utf8)))))
            try await #expect(
                client.chunk() == """
                    event: delete
                    data: {"key":"p/b","mod_revision":5,"reason":"deleted"}
                    id: 5


                    """)
        }
    }

    @Test func onlyTheLastEventOfARevisionCarriesTheID() async throws {
        try await TestServer.run { server in
            for key in ["p/a", "p/b", "p/c"] { server.node.put(key, "1") }
            let client = try server.client()
            _ = try await client.openStream("/v1/watch?prefix=p/")
            _ = try await client.chunk()
            server.node.apply(.delete(Delete(selection: .prefix(Array("p/".utf8)))))
            let chunk = try await client.chunk()
            #expect(chunk.components(of: "event: delete") == 3)
            #expect(chunk.components(of: "id: 5\n\n") == 1)
            #expect(chunk.hasSuffix("id: 5\n\n"))
        }
    }

    @Test func aDeletionSaysWhy() async throws {
        try await TestServer.run { server in
            server.node.apply(.grantLease(LeaseID(1), ttl: .seconds(1)))
            server.node.apply(.put(Put(key: [0x61], value: [], lease: .existing(LeaseID(1)))))
            let client = try server.client()
            _ = try await client.openStream("/v1/kv/a", ["Accept: text/event-stream"])
            try await #expect(client.chunk().contains(#""lease":"0000000000000001""#))
            server.node.apply(.revokeLease(LeaseID(1)))
            try await #expect(client.chunk().contains(#""reason":"revoked""#))
        }
    }

    @Test func resumeAfterARevisionWithoutState() async throws {
        try await TestServer.run { server in
            for number in 1...4 { server.node.put("a", "\(number)") }
            let client = try server.client()
            _ = try await client.openStream("/v1/watch?key=a&from=3")
            let chunk = try await client.chunk()
            #expect(!chunk.contains("event: state"))
            #expect(!chunk.contains("id: 3\n"))
            #expect(chunk.contains("id: 4\n\n"))
            #expect(chunk.hasSuffix("id: 5\n\n"))
        }
    }

    @Test func whatABrowserSawLastCountsMoreThanWhereItBegan() async throws {
        try await TestServer.run { server in
            for number in 1...4 { server.node.put("a", "\(number)") }
            let client = try server.client()
            _ = try await client.openStream("/v1/watch?key=a&from=1", ["Last-Event-ID: 4"])
            let chunk = try await client.chunk()
            #expect(chunk.components(of: "event: put") == 1)
            #expect(chunk.hasSuffix("id: 5\n\n"))
        }
    }

    @Test func severalKeysAndPrefixesMakeOneStream() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            _ = try await client.openStream("/v1/watch?key=a&prefix=b/&key=%FF")
            _ = try await client.chunk()
            for key in ["x", "b/1", "a"] { server.node.put(key, "") }
            server.node.apply(.put(Put(key: [0xFF], value: [0xFE])))
            try await #expect(client.chunk().contains("\"b/1\""))
            try await #expect(client.chunk().contains("\"a\""))
            try await #expect(client.chunk().contains(#"{"key_base64":"/w==","value_base64":"/g=="#))
        }
    }

    @Test func previousValuesAreAddedWhenAskedFor() async throws {
        try await TestServer.run { server in
            let plain = try server.client()
            let rich = try server.client()
            _ = try await plain.openStream("/v1/watch?key=a")
            _ = try await rich.openStream("/v1/watch?key=a&prev=true")
            _ = try await plain.chunk()
            _ = try await rich.chunk()
            server.node.put("a", "1")
            server.node.put("a", "2")
            try await #expect(rich.chunk().contains(#""version":1,"prev":null}"#))
            try await #expect(
                rich.chunk().contains(
                    #""version":2,"prev":{"key":"a","value":"1","mod_revision":2,"create_revision":2,"version":1}}"#))
            _ = try await plain.chunk()
            try await #expect(!plain.chunk().contains("prev"))
        }
    }

    @Test func aQuietStreamShowsThatItIsAliveAndHowFarItCame() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            let client = try server.client()
            _ = try await client.openStream("/v1/watch?key=a&heartbeat=100ms")
            _ = try await client.chunk()
            try await #expect(client.chunk() == ": revision 2\n\n")
            server.node.put("a", "2")
            while try await client.chunk() != ": revision 3\n\n" {}
            // Nothing happened to its key, and yet it came further.
            server.node.put("b", "1")
            while try await client.chunk() != ": revision 4\n\n" {}
        }
    }

    @Test func historyThatIsGoneEndsAStream() async throws {
        try await TestServer.run { server in
            for _ in 0..<4 { server.node.put("a", "1") }
            server.node.compact()
            let late = try server.client()
            try await #expect(late.openStream("/v1/watch?key=a&from=2").status == 200)
            try await #expect(late.chunk() == "event: compacted\ndata: {\"oldest_revision\":6}\n\n")
            try await #expect(late.readToEnd() == Array("0\r\n\r\n".utf8))
            let open = try server.client()
            _ = try await open.openStream("/v1/watch?key=a")
            _ = try await open.chunk()
            server.node.endWatches(.stateReplaced(oldest: Revision(9)))
            try await #expect(open.chunk() == "event: compacted\ndata: {\"oldest_revision\":9}\n\n")
            try await #expect(open.chunk() == "")
        }
    }

    @Test func aLostLeaderIsToldAndTheStreamGoesOn() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            let client = try server.client()
            _ = try await client.openStream("/v1/watch?key=a")
            _ = try await client.chunk()
            server.node.tellLeader(known: false)
            try await #expect(client.chunk() == "event: no-leader\ndata: {\"revision\":2}\n\n")
            server.node.tellLeader(known: true)
            server.node.put("a", "2")
            try await #expect(client.chunk().hasPrefix("event: put"))
        }
    }

    @Test func aClientThatHangsUpAbandonsItsWatch() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            _ = try await client.openStream("/v1/watch?prefix=")
            #expect(server.node.watchCount == 1)
            client.hangUp()
            try await eventually("the watch to be closed") { server.node.watchCount == 0 }
        }
    }

    @Test func aStreamThatTheNodeRefusesIsAProblem() async throws {
        try await TestServer.run { server in
            server.node.state.withLock {
                $0.watchScript = [.refused(.noLeader, ReplyPosition(revision: Revision(1), term: Term(1)))]
            }
            let client = try server.client()
            let response = try await client.openStream("/v1/watch?prefix=")
            #expect(response.status == 503)
            // The connection is still good for other requests.
            try await #expect(client.request("GET", "/livez").status == 200)
        }
    }

    @Test func anOldClientGetsAStreamWithoutChunks() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            client.send("GET /v1/watch?key=a HTTP/1.0\r\n\r\n")
            let head = try await client.response()
            #expect(head["transfer-encoding"] == nil)
            #expect(head["connection"] == "close")
            try await #expect(
                client.read(through: "\n\n") == "event: state\ndata: {\"kvs\":[],\"revision\":1}\nid: 1\n\n")
            server.node.put("a", "1")
            try await #expect(client.read(through: "\n\n").hasPrefix("event: put\n"))
        }
    }

    @Test func aSlowReaderIsPausedAndMissesNothing() async throws {
        try await TestServer.run { server in
            let slow = try server.client(receiveBuffer: 4_096)
            let quick = try server.client()
            _ = try await slow.openStream("/v1/watch?key=a")
            _ = try await slow.chunk()
            _ = try await quick.openStream("/v1/watch?key=b")
            _ = try await quick.chunk()
            let value = Bytes(repeating: 0x78, count: 200_000)
            var written: UInt64 = 0
            while server.node.state.withLock({ $0.pauses == 0 }) {
                server.node.apply(.put(Put(key: [0x61], value: value)))
                written += 1
                try await Task.sleep(for: .milliseconds(1))
                try #require(written < 1_000, "the slow reader was never paused")
            }
            for _ in 0..<20 {
                server.node.apply(.put(Put(key: [0x61], value: value)))
                written += 1
            }
            server.node.put("b", "quick")
            try await #expect(quick.chunk().contains("quick"))
            var seen: [UInt64] = []
            while seen.last != written + 1 {
                for match in try await slow.chunk().matches(of: /\nid: (\d+)/) { seen.append(UInt64(match.1) ?? 0) }
            }
            #expect(seen == Array(2...(written + 1)))
            #expect(server.node.state.withLock { $0.resumes } >= 1)
        }
    }

    @Test func oneEncodingServesAllStreamsOfALoop() throws {
        let encoder = BatchEncoder()
        let record = KeyRecord(
            key: [0x61], value: [0x62], createRevision: Revision(2), modRevision: Revision(2), version: 1, lease: nil)
        let batch = WatchBatch(revisions: [
            RevisionEvents(revision: Revision(2), events: [.put(record, previous: nil)])
        ])
        let first = encoder.piece(batch, showsPrevious: false)
        for _ in 0..<2_000 { #expect(encoder.piece(batch, showsPrevious: false).chunk == first.chunk) }
        #expect(encoder.encodings == 1)
        _ = encoder.piece(batch, showsPrevious: true)
        #expect(encoder.encodings == 2)
        encoder.forget()
        _ = encoder.piece(batch, showsPrevious: false)
        #expect(encoder.encodings == 3)
    }
}

@Suite("Text of events")
struct EventTextTests {
    @Test func isWrittenIntoTheMemoryThatIsThere() {
        let gone = (0..<1_000).map { number in
            Event.delete(key: Array("key-\(number)".utf8), revision: Revision(3), reason: .expired, previous: nil)
        }
        var text = ByteBufferAllocator().buffer(capacity: 1_000_000)
        let memory = text.withUnsafeReadableBytes(\.baseAddress)
        text.writeEvents(RevisionEvents(revision: Revision(3), events: gone), showsPrevious: false)
        #expect(text.withUnsafeReadableBytes(\.baseAddress) == memory)
        #expect(String(buffer: text).components(of: "event: delete") == 1_000)
    }
}

extension String {
    /// How often `part` is in it.
    func components(of part: String) -> Int { ranges(of: part).count }
}

@Suite("Long polls")
struct LongPollTests {
    @Test func areAnsweredWhenTheKeyChanges() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            let client = try server.client()
            client.send("GET /v1/kv/a?after=2&wait=30s HTTP/1.1\r\nHost: t\r\n\r\n")
            try await eventually("the watch to be open") { server.node.watchCount == 1 }
            server.node.put("b", "not this one")
            server.node.put("a", "2")
            let response = try await client.response()
            #expect(response.status == 200)
            #expect(response.text == "2")
            #expect(response["etag"] == "\"4\"")
            try await eventually("the watch to be closed") { server.node.watchCount == 0 }
        }
    }

    @Test func areAnsweredAtOnceWhenItHasChangedAlready() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            server.node.put("a", "2")
            try await #expect(
                server.request("GET", "/v1/kv/a?after=2", ["Accept: application/json"]).text.contains(
                    "\"mod_revision\":3"))
        }
    }

    @Test func areAnswered404WhenTheKeyGoes() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            server.node.apply(.delete(Delete(selection: .key([0x61]))))
            try await #expect(server.request("GET", "/v1/kv/a?after=2&wait=1s").status == 404)
        }
    }

    @Test func areAnswered304WhenTheWaitIsOver() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            let client = try server.client()
            try await #expect(client.request("GET", "/v1/kv/a?after=2&wait=10ms").status == 304)
            try await #expect(client.request("GET", "/v1/kv/a").text == "1")
            #expect(server.node.watchCount == 0)
        }
    }

    @Test func goOnWaitingWhenTheHistoryIsGoneButTheKeyHasNotChanged() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            for _ in 0..<5 { server.node.put("b", "1") }
            server.node.compact()
            let client = try server.client()
            client.send("GET /v1/kv/a?after=2&wait=30s HTTP/1.1\r\nHost: t\r\n\r\n")
            try await eventually("the watch to be open") { server.node.watchCount == 1 }
            server.node.put("a", "2")
            try await #expect(client.response().text == "2")
        }
    }

    @Test func areDecidedByAReadWhenTheHistoryIsGone() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            for _ in 0..<5 { server.node.put("a", "2") }
            server.node.compact()
            try await #expect(server.request("GET", "/v1/kv/a?after=2&wait=1s").text == "2")
            server.node.apply(.delete(Delete(selection: .key([0x61]))))
            server.node.compact()
            try await #expect(server.request("GET", "/v1/kv/a?after=2&wait=1s").status == 404)
        }
    }

    @Test func areAbandonedWhenTheClientHangsUp() async throws {
        try await TestServer.run { server in
            server.node.put("a", "1")
            let client = try server.client()
            client.send("GET /v1/kv/a?after=2 HTTP/1.1\r\nHost: t\r\n\r\n")
            try await eventually("the watch to be open") { server.node.watchCount == 1 }
            client.hangUp()
            try await eventually("the watch to be closed") { server.node.watchCount == 0 }
        }
    }
}
