import KeyValue
import Primitives
import ReplicaCore
import Testing

@testable import HTTPAPI

@Suite("Streams of elections")
struct ElectionStreamTests {
    static let candidates = ElectionTests.candidates
    static let accept = ["Accept: text/event-stream"]

    @Test func beginWithWhoLeadsAndTellEveryChange() async throws {
        try await TestServer.run { server in
            let client = try server.client()
            let head = try await client.openStream("/v1/elections/controller", Self.accept)
            #expect(head["content-type"] == "text/event-stream")
            try await #expect(client.chunk() == "event: vacant\ndata: {\"fence\":0,\"previous\":null}\nid: 0\n\n")
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=1s&lease=00000000000000aa", text: "v")
            try await #expect(
                client.chunk() == """
                    event: leader
                    data: {"id":"a","value":"v","fence":1,"priority":0,"lease":"00000000000000aa","previous":null}
                    id: 1


                    """)
            _ = try await server.request("PUT", "\(Self.candidates)/b?ttl=2s&lease=00000000000000bb", text: "")
            server.node.pass(.seconds(1))
            try await #expect(
                client.chunk() == """
                    event: leader
                    data: {"id":"b","value":"","fence":3,"priority":0,"lease":"00000000000000bb","previous":{"id":"a","fence":1,"reason":"expired"}}
                    id: 3


                    """)
            _ = try await server.request("DELETE", "\(Self.candidates)/b?lease=00000000000000bb")
            try await #expect(
                client.chunk()
                    == "event: vacant\ndata: {\"fence\":4,\"previous\":{\"id\":\"b\",\"fence\":3,\"reason\":\"resigned\"}}\nid: 4\n\n"
            )
        }
    }

    @Test func resumeExactly() async throws {
        try await TestServer.run { server in
            for _ in 1...3 {
                _ = try await server.request("PUT", "/v1/locks/l/holders/a?ttl=9s", text: "")
                _ = try await server.request("DELETE", "/v1/locks/l/holders/a")
            }
            for (target, fields) in [("/v1/locks/l?after=3", []), ("/v1/locks/l?after=1", ["Last-Event-ID: 3"])] {
                let client = try server.client()
                _ = try await client.openStream(target, Self.accept + fields)
                let chunk = try await client.chunk()
                #expect(chunk.matches(of: /id: (\d+)/).map { $0.1 } == ["4", "5", "6"])
                #expect(chunk.contains("event: holder") && chunk.contains("event: vacant"))
            }
        }
    }

    @Test func sayWhenMoreHasPassedThanIsRemembered() async throws {
        try await TestServer.run { server in
            for _ in 0..<Limits.leadershipsKept + 1 {
                _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=9s", text: "")
                _ = try await server.request("DELETE", "\(Self.candidates)/a")
            }
            let client = try server.client()
            _ = try await client.openStream("/v1/elections/controller?after=1", Self.accept)
            try await #expect(client.chunk() == "event: compacted\ndata: {\"oldest_fence\":130}\n\n")
            try await #expect(client.read(through: "\r\n\r\n") == "0\r\n\r\n")
        }
    }

    @Test func pauseForAReaderThatDoesNotReadAndSayWhenItMissedTooMuch() async throws {
        try await TestServer.run { server in
            let slow = try server.client(receiveBuffer: 4_096)
            _ = try await slow.openStream("/v1/elections/controller", Self.accept)
            _ = try await slow.chunk()
            let election = ElectionID(kind: .election, name: Bytes("controller".utf8))
            let candidacy = CandidacyID(election: election, candidate: [0x61])
            func change() {
                let campaign = Campaign(
                    candidacy: candidacy, value: Bytes(repeating: 0x78, count: Limits.candidateValueBytes),
                    lease: .drawn(LeaseID(7), ttl: .seconds(60)))
                server.node.apply(.campaign(campaign))
                server.node.apply(.resign(Resignation(candidacy: candidacy)))
            }
            var changes = 0
            while server.node.state.withLock({ $0.pauses == 0 }) {
                change()
                changes += 1
                try await Task.sleep(for: .milliseconds(1))
                try #require(changes < 5_000, "the slow reader was never paused")
            }
            for _ in 0...Limits.leadershipsKept { change() }
            var fences: [UInt64] = []
            var isOver = false
            while !isOver {
                let chunk = try await slow.chunk()
                fences += chunk.matches(of: /\nid: (\d+)/).compactMap { UInt64($0.1) }
                isOver = chunk.contains("event: compacted")
            }
            #expect(fences == Array(Set(fences)).sorted())
        }
    }

    @Test func showThatTheyAreAliveAndThatTheLeaderIsLost() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=9s", text: "")
            let client = try server.client()
            _ = try await client.openStream("/v1/elections/controller?after=1&heartbeat=100ms", Self.accept)
            try await #expect(client.chunk() == ": fence 1\n\n")
            server.node.tellLeader(known: false)
            var chunk = try await client.chunk()
            while chunk == ": fence 1\n\n" { chunk = try await client.chunk() }
            #expect(chunk == "event: no-leader\ndata: {\"fence\":1}\n\n")
        }
    }

    @Test func areEncodedOnceForAll() async throws {
        try await TestServer.run { server in
            var clients: [RawClient] = []
            for _ in 1...20 {
                let client = try server.client()
                _ = try await client.openStream("/v1/elections/controller", Self.accept)
                _ = try await client.chunk()
                clients.append(client)
            }
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=9s", text: "")
            for client in clients { try await #expect(client.chunk().hasPrefix("event: leader\n")) }
        }
    }
}
