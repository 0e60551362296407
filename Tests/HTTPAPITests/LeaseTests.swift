import KeyValue
import Primitives
import ReplicaCore
import Testing

@testable import HTTPAPI

@Suite("Leases over HTTP")
struct LeaseTests {
    @Test func aGrantedLeaseHasAnIDOfSixteenDigits() async throws {
        try await TestServer.run { server in
            let granted = try await server.request("POST", "/v1/leases", text: #"{"ttl":"3s"}"#)
            #expect(granted.status == 201)
            let id = try #require(granted.text.firstMatch(of: /"id":"([0-9a-f]{16})"/)).1
            #expect(granted.text == "{\"id\":\"\(id)\",\"ttl_ms\":3000,\"valid_for_ms\":2970}\n")
            let renewed = try await server.request("POST", "/v1/leases/\(id)/renew")
            #expect(renewed.status == 200)
            #expect(renewed.text == granted.text)
        }
    }

    @Test func aClientMayChooseTheIDAndLearnsThatItIsTaken() async throws {
        try await TestServer.run { server in
            let body = #"{"ttl_ms":1500,"id":"00000000000000aB"}"#
            let granted = try await server.request("POST", "/v1/leases", text: body)
            #expect(granted.text.hasPrefix(#"{"id":"00000000000000ab","ttl_ms":1500,"#))
            let taken = try await server.request("POST", "/v1/leases", text: body)
            #expect(taken.status == 409)
            #expect(taken.text.contains("urn:conclave:error:conflict"))
        }
    }

    @Test func anIDDrawnHereThatIsTakenIsDrawnAgain() async throws {
        try await TestServer.run { server in
            let taken = ClientReply.written(
                .failed(.leaseExists(LeaseID(1))), ReplyPosition(revision: Revision(1), term: Term(3)))
            server.node.answerNext(taken)
            try await #expect(server.request("POST", "/v1/leases", text: #"{"ttl":"3s"}"#).status == 201)
            server.node.answerNext(taken)
            try await #expect(server.request("PUT", "/v1/kv/a?ttl=3s", text: "1").status == 201)
        }
    }

    @Test func manyLeasesAreRenewedAtOnceAndTheMissingOnesNamed() async throws {
        try await TestServer.run { server in
            server.node.apply(.grantLease(LeaseID(0xA), ttl: .seconds(10)))
            let renewed = try await server.request(
                "POST", "/v1/leases/renew", text: #"{"ids":["000000000000000a","000000000000000b"]}"#)
            #expect(
                renewed.text
                    == #"{"results":[{"id":"000000000000000a","ttl_ms":10000,"valid_for_ms":9900},{"id":"000000000000000b","error":"lease-not-found"}]}"#
                    + "\n")
        }
    }

    @Test func aLeaseTellsItsKeysAndTakesThemWithIt() async throws {
        try await TestServer.run { server in
            server.node.apply(.grantLease(LeaseID(0xA), ttl: .seconds(10)))
            try await #expect(server.request("PUT", "/v1/kv/a?lease=000000000000000a", text: "1").status == 201)
            try await #expect(server.request("PUT", "/v1/kv/%FF?lease=000000000000000A", text: "1").status == 201)
            try await #expect(server.request("GET", "/v1/kv/a")["conclave-lease"] == "000000000000000a")
            let lease = try await server.request("GET", "/v1/leases/000000000000000a")
            #expect(
                lease.text
                    == #"{"id":"000000000000000a","ttl_ms":10000,"remaining_ms":10000,"keys":[{"key":"a"},{"key_base64":"/w=="}]}"#
                    + "\n")
            let list = try await server.request("GET", "/v1/leases")
            #expect(
                list.text
                    == #"{"leases":[{"id":"000000000000000a","ttl_ms":10000,"remaining_ms":10000}],"#
                    + #""count":1,"more":false,"revision":3}"# + "\n")
            let revoked = try await server.request("DELETE", "/v1/leases/000000000000000a")
            #expect(revoked.text == "{\"id\":\"000000000000000a\",\"deleted\":2,\"revision\":4}\n")
            try await #expect(server.request("GET", "/v1/kv/a").status == 404)
        }
    }

    @Test func leasesAreListedInPages() async throws {
        try await TestServer.run { server in
            let ids = [0xA, 0xB, 0x100, 0x7FFF_FFFF_FFFF_FFFF] as [UInt64]
            for id in ids.reversed() { server.node.apply(.grantLease(LeaseID(id), ttl: .seconds(10))) }
            func page(_ query: String) async throws -> (ids: [String], rest: Substring) {
                let text = try await server.request("GET", "/v1/leases?\(query)").text
                let rest = try #require(text.firstRange(of: "],")).upperBound
                return (text.matches(of: /"id":"([0-9a-f]+)"/).map { String($0.1) }, text[rest...].dropLast())
            }
            let first = try await page("limit=2")
            #expect(first.ids == ["000000000000000a", "000000000000000b"])
            #expect(first.rest == #""count":4,"more":true,"revision":1}"#)
            let second = try await page("limit=2&start=000000000000000c")
            #expect(second.ids == ["0000000000000100", "7fffffffffffffff"])
            #expect(second.rest == #""count":4,"more":false,"revision":1}"#)
            let last = try await page("start=7fffffffffffffff&consistency=stale")
            #expect(last.ids == ["7fffffffffffffff"])
        }
    }

    @Test(arguments: ["limit=0", "limit=10001", "limit=x", "start=12", "start=", "after=1", "limit=1&limit=2"])
    func aListOfLeasesIsAskedForCorrectlyOrNotAtAll(_ query: String) async throws {
        try await TestServer.run { server in
            let refused = try await server.request("GET", "/v1/leases?\(query)")
            #expect(refused.status == 400)
            #expect(refused.text.contains(query.prefix { $0 != "=" }))
        }
    }

    @Test(arguments: [("GET", ""), ("DELETE", ""), ("POST", "/renew")])
    func aLeaseThatIsGoneIsNotFound(_ method: String, _ suffix: String) async throws {
        try await TestServer.run { server in
            let response = try await server.request(method, "/v1/leases/00000000000000ff\(suffix)")
            #expect(response.status == 404)
            #expect(response.text.contains("urn:conclave:error:lease-not-found"))
        }
    }

    @Test func aPutWithoutLeaseDetachesTheKey() async throws {
        try await TestServer.run { server in
            try await #expect(server.request("PUT", "/v1/kv/a?ttl=800ms", text: "1").text.contains("\"ttl_ms\":800"))
            let plain = try await server.request("PUT", "/v1/kv/a", text: "2")
            #expect(!plain.text.contains("lease"))
            #expect(server.node.apply(.put(Put(key: [0x61], value: []))) != .failed(.leaseNotFound(LeaseID(1))))
            try await #expect(server.request("GET", "/v1/kv/a")["conclave-lease"] == nil)
        }
    }

    @Test(arguments: [(100, 100, 99), (100, 40, 39), (3_000, 3_000, 2_970), (3_000, 20, 0), (86_400_000, 1, 0)])
    func aHolderMayRelyOnWhatRemainsLessTheDrift(_ ttl: Int64, _ remaining: Int64, _ expected: UInt64) {
        let grant = LeaseGrant(id: LeaseID(1), ttl: .milliseconds(ttl), remaining: .milliseconds(remaining))
        #expect(validForMilliseconds(grant) == expected)
    }
}
