import KeyValue
import Primitives
import ReplicaCore
import Testing

@testable import HTTPAPI

extension Response {
    /// A number in a JSON body.
    func number(_ name: String) -> Int? {
        text.firstMatch(of: try! Regex("\"\(name)\":([0-9]+)", as: (Substring, Substring).self)).flatMap { Int($0.1) }
    }

    /// A string in a JSON body; the first of its name.
    func string(_ name: String) -> String? {
        text.firstMatch(of: try! Regex("\"\(name)\":\"([^\"]*)\"", as: (Substring, Substring).self))
            .map { String($0.1) }
    }
}

@Suite("Elections over HTTP")
struct ElectionTests {
    static let candidates = "/v1/elections/controller/candidates"

    @Test func theFirstLeadsAndTheSecondLearnsWhoDoes() async throws {
        try await TestServer.run { server in
            let first = try await server.request("PUT", "\(Self.candidates)/a?ttl=10s", text: "10.0.0.1")
            #expect(first.status == 201)
            let lease = try #require(first.string("lease"))
            let since = try #require(first.string("since"))
            #expect(since.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
            let leader =
                #"{"id":"a","value":"10.0.0.1","fence":1,"priority":0,"lease":"\#(lease)","since":"\#(since)","age_ms":0}"#
            #expect(
                first.text == #"{"election":"controller","id":"a","state":"leading","fence":1,"leader":\#(leader),"#
                    + #""lease":"\#(lease)","ttl_ms":10000,"valid_for_ms":9900}"# + "\n")
            let second = try await server.request("PUT", "\(Self.candidates)/b?ttl=10s&priority=-3", text: "")
            #expect(second.status == 201)
            #expect(
                second.text.hasPrefix(#"{"election":"controller","id":"b","state":"waiting","fence":1,"position":1,"#))
            #expect(second.text.contains(#""leader":{"id":"a","value":"10.0.0.1","fence":1,"#))
            let again = try await server.request("PUT", "\(Self.candidates)/b?ttl=10s&priority=-3", text: "")
            #expect(again.status == 200)
        }
    }

    @Test func whoResignsHandsOverAndAStrangerChangesNothing() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=10s", text: "")
            _ = try await server.request("PUT", "\(Self.candidates)/b?ttl=10s", text: "")
            let stranger = try await server.request("DELETE", "\(Self.candidates)/c")
            #expect(stranger.status == 404)
            #expect(stranger.text.contains("urn:conclave:error:not-found"))
            #expect(stranger.text.contains(#""fence":1,"leader":{"id":"a""#))
            let early = try await server.request("DELETE", "\(Self.candidates)/b", ["If-Match: \"1\""])
            #expect(early.status == 412)
            let resigned = try await server.request("DELETE", "\(Self.candidates)/a", ["If-Match: \"1\""])
            #expect(resigned.status == 200)
            #expect(
                resigned.text.hasPrefix(
                    #"{"election":"controller","id":"a","was":"leading","fence":5,"leader":{"id":"b""#))
            let last = try await server.request("DELETE", "\(Self.candidates)/b")
            #expect(last.text == #"{"election":"controller","id":"b","was":"leading","fence":6,"leader":null}"# + "\n")
        }
    }

    @Test func anIDIsTheirsWhoNamedItsLease() async throws {
        try await TestServer.run { server in
            let own = "\(Self.candidates)/a?ttl=10s&lease=00000000000000aa"
            try await #expect(server.request("PUT", own, text: "").status == 201)
            try await #expect(server.request("PUT", own, text: "").status == 200)
            for target in ["ttl=10s", "ttl=10s&lease=00000000000000bb"] {
                let other = try await server.request("PUT", "\(Self.candidates)/a?\(target)", text: "")
                #expect(other.status == 409)
                #expect(other.text.contains("urn:conclave:error:conflict"))
                #expect(other.text.contains(#""leader":{"id":"a""#))
            }
            try await #expect(server.request("DELETE", "\(Self.candidates)/a").status == 409)
            try await #expect(
                server.request("PUT", "\(Self.candidates)/b?lease=00000000000000bb", text: "").status == 404)
            try await #expect(server.request("DELETE", "\(Self.candidates)/a?lease=00000000000000aa").status == 200)
            try await #expect(server.request("GET", "/v1/leases/00000000000000aa").status == 404)
        }
    }

    @Test func whoRenewsOnlyLearnsThatItEnded() async throws {
        try await TestServer.run { server in
            let target = "\(Self.candidates)/a?ttl=1s"
            try await #expect(server.request("PUT", target, ["If-Match: *"], text: "").status == 412)
            try await #expect(server.request("PUT", target, ["If-None-Match: *"], text: "").status == 201)
            try await #expect(server.request("PUT", target, ["If-None-Match: *"], text: "").status == 412)
            try await #expect(server.request("PUT", target, ["If-Match: *"], text: "").status == 200)
            server.node.pass(.seconds(1))
            let ended = try await server.request("PUT", target, ["If-Match: *"], text: "")
            #expect(ended.status == 412)
            #expect(ended.text.contains(#""leader":null"#))
        }
    }

    @Test func aConditionThatDoesNotHoldIsNamed() async throws {
        try await TestServer.run { server in
            let target = "\(Self.candidates)/a"
            func detail(_ method: String, _ field: String) async throws -> String {
                let body: Bytes? = method == "PUT" ? [] : nil
                let place = method == "PUT" ? target + "?ttl=9s" : target
                return try await server.request(method, place, [field], body: body).text
            }
            try await #expect(
                detail("PUT", "If-Match: *").contains("no such candidacy to renew; it ended or never was"))
            _ = try await server.request("PUT", target + "?ttl=9s", text: "")
            try await #expect(detail("PUT", "If-None-Match: *").contains("the candidacy is there already"))
            try await #expect(
                detail("DELETE", "If-Match: \"99\"").contains("does not lead with the fence that If-Match"))
        }
    }

    @Test func aFenceIsOfOneElection() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "/v1/elections/a/candidates/x?ttl=9s", text: "")
            _ = try await server.request("PUT", "/v1/elections/b/candidates/x?ttl=9s", text: "")
            for (fence, told) in [
                ("a=2", "of the election \\\"a\\\" does not stand; its fence is 1 now"),
                ("b=1", "of the election \\\"b\\\" does not stand; its fence is 2 now"),
                ("c=1", "nobody has ever led the election \\\"c\\\""),
                ("locks/a=1", "nobody has ever led the lock \\\"a\\\""),
            ] {
                let refused = try await server.request("PUT", "/v1/kv/k", ["If-Fence: \(fence)"], text: "")
                #expect(refused.status == 412)
                #expect(refused.text.contains(told), "\(refused.text)")
            }
            try await #expect(server.request("GET", "/v1/kv/k").status == 404)
        }
    }

    @Test func aWriteUnderAFenceFailsWhenThatLeadershipIsOver() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "/v1/elections/a%2Fb/candidates/x?ttl=1s", text: "")
            _ = try await server.request("PUT", "/v1/locks/a%2Fb/holders/y?ttl=9s", text: "")
            let fences = ["If-Fence: a%2Fb=1", "If-Fence: locks/a%2Fb=2"]
            for fence in fences { try await #expect(server.request("PUT", "/v1/kv/k", [fence], text: "").status < 300) }
            server.node.pass(.seconds(1))
            let revision = server.node.revision
            for (method, target, body) in [
                ("PUT", "/v1/kv/k", ""), ("DELETE", "/v1/kv/k", nil), ("DELETE", "/v1/kv?prefix=", nil),
                ("POST", "/v1/txn", #"{"then":[{"delete":{"key":"k"}}]}"#), ("POST", "/v1/leases", #"{"ttl":"3s"}"#),
                ("POST", "/v1/leases/0000000000000009/renew", nil),
                ("POST", "/v1/leases/renew", #"{"ids":["0000000000000009"]}"#),
                ("DELETE", "/v1/leases/0000000000000009", nil),
                ("PUT", "\(Self.candidates)/z?ttl=1s", ""), ("DELETE", "/v1/locks/a%2Fb/holders/y", nil),
            ] as [(String, String, String?)] {
                let refused = try await server.request(method, target, [fences[0]], body: body.map { Array($0.utf8) })
                #expect(refused.status == 412, "\(method) \(target)")
                #expect(refused.text.contains("urn:conclave:error:fenced"))
                #expect(refused.text.contains(#""outcome":"not_applied","fence":5"#), "\(refused.text)")
            }
            #expect(server.node.revision == revision)
            try await #expect(server.request("PUT", "/v1/kv/k", [fences[1]], text: "").status == 200)
            try await #expect(
                server.request("POST", "/v1/leases/0000000000000009/renew", [fences[1]]).status == 404)
        }
    }

    @Test func electionsAndLocksAreListedAndTellTheirHistory() async throws {
        try await TestServer.run { server in
            try await #expect(server.request("GET", "/v1/elections/controller").status == 404)
            try await #expect(server.request("GET", "/v1/elections/controller/history").status == 404)
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=1s", text: "")
            for id in ["b", "c", "d"] {
                _ = try await server.request("PUT", "\(Self.candidates)/\(id)?ttl=9s", text: "")
            }
            _ = try await server.request("PUT", "/v1/elections/other/candidates/a?ttl=9s", text: "")
            _ = try await server.request("PUT", "/v1/locks/l/holders/h?ttl=9s", text: "")
            server.node.pass(.seconds(1))
            let election = try await server.request("GET", "/v1/elections/controller?limit=1")
            #expect(
                election.text.hasPrefix(#"{"name":"controller","fence":7,"leader":{"id":"b","value":"","fence":7,"#))
            #expect(election.text.contains(#""candidates":[{"id":"c","priority":0,"position":1,"#))
            #expect(election.text.hasSuffix(#""count":2,"more":true,"revision":1}"# + "\n"))
            let list = try await server.request("GET", "/v1/elections?prefix=c")
            #expect(list.text.hasPrefix(#"{"elections":[{"name":"controller","fence":7,"leader":{"id":"b""#))
            #expect(list.text.hasSuffix(#""count":2}],"count":1,"more":false,"revision":1}"# + "\n"))
            let rest = try await server.request("GET", "/v1/elections?start=controller%00&limit=1")
            #expect(rest.text.hasPrefix(#"{"elections":[{"name":"other""#))
            let locks = try await server.request("GET", "/v1/locks")
            #expect(locks.text.hasPrefix(#"{"locks":[{"name":"l","fence":6,"holder":{"id":"h""#))
            let lock = try await server.request("GET", "/v1/locks/l")
            #expect(lock.text.contains(#""waiting":[],"count":0,"more":false"#))
            let history = try await server.request("GET", "/v1/elections/controller/history")
            #expect(history.text.hasPrefix(#"{"name":"controller","history":[{"id":"b","#))
            #expect(history.text.contains(#""until":null,"lasted_ms":0,"reason":null},{"id":"a""#))
            #expect(history.text.contains(#""lasted_ms":1000,"reason":"expired"}],"more":false"#))
        }
    }

    @Test func aLockIsHeldByOne() async throws {
        try await TestServer.run { server in
            let held = try await server.request("PUT", "/v1/locks/l/holders/a?ttl=9s", text: "")
            #expect(held.text.hasPrefix(#"{"lock":"l","id":"a","state":"holding","fence":1,"holder":{"id":"a""#))
            let waiting = try await server.request("PUT", "/v1/locks/l/holders/b?ttl=9s", text: "")
            #expect(waiting.text.contains(#""state":"waiting","fence":1,"position":1,"holder":{"id":"a""#))
            try await #expect(server.request("DELETE", "/v1/locks/l/holders/c").status == 404)
            let released = try await server.request("DELETE", "/v1/locks/l/holders/a")
            #expect(released.text.contains(#""was":"holding","fence":4,"holder":{"id":"b""#))
        }
    }

    @Test func anIdempotencyKeyAnswersWithHowItStandsNow() async throws {
        try await TestServer.run { server in
            let key = ["Idempotency-Key: me/1"]
            let first = try await server.request("PUT", "\(Self.candidates)/a?ttl=9s", key, text: "")
            #expect(first.status == 201)
            _ = try await server.request("PUT", "\(Self.candidates)/b?ttl=9s", text: "")
            _ = try await server.request("DELETE", "\(Self.candidates)/a")
            let again = try await server.request("PUT", "\(Self.candidates)/a?ttl=9s", key, text: "")
            #expect(again.text.contains(#""state":"ended""#))
            #expect(again.text.contains(#""leader":{"id":"b""#))
        }
    }
}

@Suite("Held answers of elections")
struct ElectionWaitTests {
    static let candidates = ElectionTests.candidates

    @Test func aWaitingCandidateIsAnsweredWhenItLeads() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=60s", text: "")
            async let held = server.request("PUT", "\(Self.candidates)/b?ttl=60s&wait=30s", text: "v")
            try await eventually("b waits") { server.node.watchCount == 1 }
            server.node.pass(.seconds(7))
            _ = try await server.request("DELETE", "\(Self.candidates)/a")
            let answer = try await held
            #expect(answer.status == 201)
            #expect(answer.text.contains(#""state":"leading","fence":3,"leader":{"id":"b","value":"v""#))
            // Counted from when it was sent, not from when it was answered.
            #expect(answer.number("valid_for_ms") == 59_400)
            try await eventually("the watch is closed") { server.node.watchCount == 0 }
        }
    }

    @Test func whoLeadsIsHeldOnlyIfItKnowsThat() async throws {
        try await TestServer.run { server in
            let at = ContinuousClock.now
            let first = try await server.request("PUT", "\(Self.candidates)/a?ttl=60s&wait=30s", text: "")
            #expect(first.text.contains(#""state":"leading""#))
            let behind = try await server.request("PUT", "\(Self.candidates)/a?ttl=60s&wait=30s&after=0", text: "")
            #expect(behind.text.contains(#""state":"leading""#))
            #expect(ContinuousClock.now - at < .seconds(10))
            async let held = server.request("PUT", "\(Self.candidates)/a?ttl=60s&wait=30s&after=1", text: "")
            try await eventually("a listens") { server.node.watchCount == 1 }
            _ = try await server.request("PUT", "\(Self.candidates)/b?ttl=60s", text: "")
            server.node.pass(.seconds(61))
            let answer = try await held
            #expect(answer.text.contains(#""state":"ended""#))
            #expect(answer.text.contains(#""leader":null"#))
            #expect(!answer.text.contains("valid_for_ms"))
        }
    }

    @Test func theAnswerComesBeforeTheLeaseHasToBeRenewed() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=60s", text: "")
            let at = ContinuousClock.now
            // The client waits for ten seconds at most, so an answer at all is one that did not take all of the wait.
            let answer = try await server.request("PUT", "\(Self.candidates)/b?ttl=1s&wait=300s", text: "")
            #expect(ContinuousClock.now - at > .milliseconds(200))
            #expect(answer.text.contains(#""state":"waiting""#))
            #expect(answer.number("valid_for_ms") == 990)
        }
    }

    @Test func aPollIsAnsweredByAChangeOr304() async throws {
        try await TestServer.run { server in
            let none = try await server.request("GET", "/v1/elections/controller?after=0&wait=50ms")
            #expect(none.status == 304)
            async let first = server.request("GET", "/v1/elections/controller?after=0&wait=30s")
            try await eventually("it waits") { server.node.watchCount == 1 }
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=60s", text: "")
            let answer = try await first
            #expect(answer.text.hasPrefix(#"{"name":"controller","fence":1,"leader":{"id":"a""#))
            async let second = server.request("GET", "/v1/elections/controller?after=1&wait=30s")
            try await eventually("it waits again") { server.node.watchCount == 1 }
            _ = try await server.request("DELETE", "\(Self.candidates)/a")
            try await #expect(second.text.hasPrefix(#"{"name":"controller","fence":2,"leader":null"#))
        }
    }

    /// This node's memory may be behind what somebody else knows already.
    @Test func aPollIsAnsweredWithALinearizableRead() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=60s", text: "")
            let answer = try await server.request("GET", "/v1/elections/controller?after=0&wait=30s")
            #expect(answer.number("fence") == 1)
            #expect(server.node.state.withLock { $0.consistencies } == [.linearizable])
        }
    }

    @Test func aClientThatHangsUpLeavesNoWatch() async throws {
        try await TestServer.run { server in
            _ = try await server.request("PUT", "\(Self.candidates)/a?ttl=60s", text: "")
            let client = try server.client()
            client.send("PUT \(Self.candidates)/b?ttl=60s&wait=30s HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
            try await eventually("b waits") { server.node.watchCount == 1 }
            client.hangUp()
            try await eventually("the watch is closed") { server.node.watchCount == 0 }
        }
    }
}
