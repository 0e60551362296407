import Testing

@testable import ConclaveClient

@Suite struct Offices {
    static let leader =
        #"{"id":"a","value":"10.0.0.1:80","fence":17,"priority":3,"lease":"1f","since":"T","age_ms":1500}"#

    @Test func anElectionTellsWhoLeadsAndWhoWaits() async throws {
        let node = try await ScriptedServer { _, _ in
            .answer(
                200,
                body: """
                    {"name":"c","fence":17,"leader":\(Self.leader),"candidates":\
                    [{"id":"b","priority":-1,"position":1,"lease":"2f"}],"count":9,"more":true,"revision":3}
                    """)
        }
        let state = try await withClient([node.endpoint]) { try await $0.state(of: .election("c"), limit: 1) }
        #expect(state?.leader?.id == "a")
        #expect(state?.leader?.value == "10.0.0.1:80")
        #expect(state?.leader?.age == .milliseconds(1500))
        #expect(state?.fence == 17)
        #expect(state?.waiting == [.init(id: "b", priority: -1, position: 1, lease: LeaseID(rawValue: 0x2F))])
        #expect(state?.waitingCount == 9)
        #expect(node.requests[0].uri.hasPrefix("/v1/elections/c?limit=1"))
        await node.stop()
    }

    @Test func aVacantLockHasNobody() async throws {
        let node = try await ScriptedServer { _, _ in
            .answer(
                200, body: #"{"name":"l","fence":4,"holder":null,"waiting":[],"count":0,"more":false,"revision":3}"#)
        }
        let state = try await withClient([node.endpoint]) { try await $0.state(of: .lock("l")) }
        #expect(state == OfficeState(office: .lock("l"), fence: 4, leader: nil, waiting: [], waitingCount: 0))
        await node.stop()
    }

    @Test func whatNobodyEverContendedForIsNothing() async throws {
        let node = try await ScriptedServer { _, _ in .problem(404, "not-found") }
        try await withClient([node.endpoint]) { client in
            let (state, past) = (try await client.state(of: .lock("l")), try await client.history(of: .election("c")))
            #expect(state == nil)
            #expect(past == nil)
        }
        await node.stop()
    }

    @Test func pagesAndHistoriesAreRead() async throws {
        let node = try await ScriptedServer { request, _ in
            request.uri.contains("history")
                ? .answer(
                    200,
                    body: """
                        {"name":"c","history":[{"id":"b","value":"","fence":9,"since":"S","until":null,"lasted_ms":7,\
                        "reason":null},{"id":"a","value_base64":"/w==","fence":3,"since":"R","until":"S","lasted_ms":90,\
                        "reason":"removed"}],"more":false,"revision":1}
                        """)
                : .answer(
                    200,
                    body:
                        #"{"locks":[{"name":"l","fence":2,"holder":null,"count":5}],"count":8,"more":true,"revision":1}"#
                )
        }
        try await withClient([node.endpoint]) { client in
            let page = try await client.list(.locks, prefix: "l/é", limit: 1, from: "l\0")
            #expect(page.offices.map(\.office) == [.lock("l")])
            #expect(page.offices[0].waitingCount == 5)
            #expect(page.count == 8)
            #expect(page.more)
            let past = try #require(try await client.history(of: .election("c"), limit: 2))
            #expect(past.map(\.reason) == [nil, .removed])
            #expect(past[1].value == ByteString([0xFF]))
            #expect(past[1].lasted == .milliseconds(90))
        }
        #expect(node.requests[0].uri.hasPrefix("/v1/locks?prefix=l%2F%C3%A9&limit=1&start=l%00&"))
        #expect(node.requests[1].uri.hasPrefix("/v1/elections/c/history?limit=2&"))
        await node.stop()
    }

    @Test func anyNameIsOneSegmentOfThePath() {
        #expect(Office.election("a/b").path(of: "..") == "/v1/elections/a%2Fb/candidates/%2E%2E")
        #expect(Office.lock("ü =").path(of: "x") == "/v1/locks/%C3%BC%20%3D/holders/x")
    }

    @Test func aFenceIsWrittenAndReadAsTheHeaderHasIt() {
        for fence in [Fence(.election("controller"), 17), Fence(.lock("a/b=%"), 1), Fence(.election("locks/x"), 3)] {
            #expect(Fence(fence.description) == fence)
        }
        #expect(Fence(.lock("a/b"), 17).description == "locks/a%2Fb=17")
        #expect(Fence("locks/a/b=17") == Fence(.lock("a/b"), 17))
        for wrong in ["", "controller", "controller=", "controller=x", "=4", "locks/=4", "a%zz=4"] {
            #expect(Fence(wrong) == nil, "\(wrong)")
        }
    }

    @Test func everyWriteCarriesItsFence() async throws {
        let node = try await ScriptedServer { request, _ in
            switch request.method {
            case .PUT: .written
            case .DELETE: .answer(200, body: #"{"deleted":1}"#)
            case .POST where request.uri.hasPrefix("/v1/leases/renew"): .answer(200, body: #"{"results":[]}"#)
            case .POST where request.uri.hasPrefix("/v1/leases"):
                .answer(200, body: #"{"id":"1f","ttl_ms":1000,"valid_for_ms":990}"#)
            default: .answer(200, body: #"{"succeeded":true,"results":[],"revision":4}"#)
            }
        }
        let fence = Fence(.lock("a/b"), 17)
        try await withClient([node.endpoint]) { client in
            try await client.put("k", "v", fence: fence)
            try await client.delete("k", fence: fence)
            try await client.delete(prefix: "k", fence: fence)
            try await client.run(Transaction(then: []), fence: fence)
            _ = try await client.grantLease(ttl: .seconds(1), fence: fence)
            _ = try await client.renewLease(LeaseID(rawValue: 31), fence: fence)
            _ = try await client.renewLeases([], fence: fence)
            try await client.revokeLease(LeaseID(rawValue: 31), fence: fence)
            try await client.put("k", "v")
            _ = try await client.renewLease(LeaseID(rawValue: 31))
        }
        let fences = node.requests.map { $0.headers["If-Fence"] }
        #expect(fences == Array(repeating: ["locks/a%2Fb=17"], count: 8) + [[], []])
        await node.stop()
    }

    @Test func aWriteOfSomebodyWhoLeadsNoMoreIsRefusedForGood() async throws {
        let node = try await ScriptedServer { _, _ in .problem(412, "fenced", more: #","fence":23"#) }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await $0.put("k", "v", fence: Fence(.election("c"), 17)) }
        }
        #expect(error?.code == .fenced)
        #expect(error?.fence == 23)
        #expect(node.requests.count == 1)
        await node.stop()
    }
}

@Suite struct OfficeChanges {
    private static let first = "event: leader\ndata: \(Offices.leader)\nid: 17\n\n"
    private static func vacant(_ fence: Int) -> String {
        """
        event: vacant
        data: {"fence":\(fence),"previous":{"id":"a","fence":17,"reason":"expired"}}
        id: \(fence)


        """
    }

    @Test func theyAreToldOnceEachThroughABrokenStream() async throws {
        let first = try await ScriptedServer { _, _ in .stream([Self.first], then: .breakOff) }
        let second = try await ScriptedServer { _, _ in
            .stream(
                [Self.first, ": fence 17\n\n", "event: no-leader\ndata: {\"fence\":17}\n\n", Self.vacant(23)],
                then: .stayOpen)
        }
        let told = try await withClient([first.endpoint, second.endpoint]) { client in
            var told: [OfficeEvent] = []
            for try await event in client.observe(.election("c")) {
                told.append(event)
                if case .vacant = event { break }
            }
            return told
        }
        guard case .leader(let leader, nil) = told.first else { return #expect(Bool(false), "\(told)") }
        #expect(leader.fence == 17)
        #expect(told.last == .vacant(fence: 23, previous: .init(id: "a", fence: 17, reason: .expired)))
        #expect(told.contains(.interrupted(.noLeader)))
        #expect(told.count == 4)
        #expect(!first.requests[0].uri.contains("after="))
        #expect(second.requests[0].uri.contains("after=17"))
        await first.stop()
        await second.stop()
    }

    @Test func whatIsForgottenEndsThem() async throws {
        let node = try await ScriptedServer { _, _ in
            .stream(["event: compacted\ndata: {\"oldest_fence\":70}\n\n"], then: .stayOpen)
        }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { client in
                for try await _ in client.observe(.lock("l"), after: 5) {}
            }
        }
        #expect(error?.code == .compacted)
        #expect(node.requests[0].uri.hasPrefix("/v1/locks/l?"))
        #expect(node.requests[0].uri.contains("after=5"))
        await node.stop()
    }
}
