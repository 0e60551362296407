import NIOHTTP1
import Synchronization
import Testing

@testable import ConclaveClient

extension ScriptedServer.Reply {
    /// The answer to one who leads, or holds.
    static func leading(_ fence: Int, validFor: Int = 990) -> Self {
        answer(
            200, body: #"{"state":"leading","fence":\#(fence),"lease":"1f","ttl_ms":1000,"valid_for_ms":\#(validFor)}"#)
    }

    static func waiting(_ position: Int, behind leader: String = "b", fence: Int = 17) -> Self {
        answer(
            200,
            body: """
                {"state":"waiting","fence":\(fence),"position":\(position),"leader":{"id":"\(leader)","fence":\(fence)},\
                "lease":"1f","ttl_ms":1000,"valid_for_ms":990}
                """)
    }

    static let resigned = answer(200, body: #"{"id":"a","was":"leading","fence":18,"leader":null}"#)
}

extension ScriptedServer {
    /// A node where a contender's PUT is answered by `campaigning`, which is told how many came before it; resignations
    /// succeed, and who listens hears nothing.
    static func office(_ campaigning: @escaping @Sendable (Request, Int) -> Reply) async throws -> ScriptedServer {
        let count = Mutex(0)
        return try await ScriptedServer { request, _ in
            switch request.method {
            case .PUT:
                let number = count.withLock { count in
                    defer { count += 1 }
                    return count
                }
                return campaigning(request, number)
            case .DELETE: return .resigned
            default: return .silence
            }
        }
    }

    func requests(_ method: HTTPMethod) -> [Request] { requests.filter { $0.method == method } }
}

/// The value of a parameter in a request's query.
private func parameter(_ name: String, of request: ScriptedServer.Request) -> String? {
    let query = request.uri.split(separator: "?").last ?? ""
    return query.split(separator: "&").first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
}

private func waitUntil(_ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while !condition() {
        try #require(ContinuousClock.now < deadline, "waited in vain")
        try await Task.sleep(for: .milliseconds(2))
    }
}

@Suite struct Campaigns {
    @Test func whoLeadsRunsItsWorkAndResigns() async throws {
        let node = try await ScriptedServer.office { _, _ in .leading(17) }
        let told = try await withClient([node.endpoint]) { client in
            try await client.campaign("a/b", as: "n 1", value: "here", ttl: .seconds(1), priority: -3)
                .withLeadership { leadership in
                    #expect(leadership.isCurrent)
                    #expect(leadership.fence == Fence(.election("a/b"), 17))
                    #expect(leadership.id == "n 1")
                    return "done"
                }
        }
        #expect(told == "done")
        let (campaign, resignation) = (node.requests(.PUT)[0], node.requests(.DELETE)[0])
        #expect(campaign.uri.hasPrefix("/v1/elections/a%2Fb/candidates/n%201?ttl=1000ms&lease="))
        #expect(parameter("priority", of: campaign) == "-3")
        #expect(campaign.body == "here")
        #expect(parameter("lease", of: resignation) == parameter("lease", of: campaign))
        #expect(node.requests(.DELETE).count == 1)
        await node.stop()
    }

    @Test func leadingIsRenewedThreeTimesPerTimeToLive() async throws {
        let node = try await ScriptedServer.office { _, _ in .leading(17) }
        try await withClient([node.endpoint]) { client in
            try await client.campaign("c", ttl: .seconds(1)).withLeadership { leadership in
                let first = leadership.actUntil
                try await waitUntil { node.requests(.PUT).count >= 4 }
                #expect(leadership.actUntil > first)
                #expect(leadership.isCurrent)
            }
        }
        let puts = node.requests(.PUT)
        #expect(puts[0].headers["If-Match"].isEmpty)
        #expect(puts.dropFirst().allSatisfy { $0.headers["If-Match"] == ["*"] })
        #expect(Set(puts.map { parameter("lease", of: $0) }).count == 1)
        await node.stop()
    }

    @Test func aLeadershipThatCannotBeRenewedEndsBeforeItsLeaseCan() async throws {
        let node = try await ScriptedServer.office { _, number in number == 0 ? .leading(17) : .silence }
        let begin = ContinuousClock.now
        let stopped = Mutex<ContinuousClock.Instant?>(nil)
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { client in
                try await client.campaign("c", ttl: .seconds(1)).withLeadership { leadership in
                    defer { stopped.withLock { $0 = leadership.end == .expired ? .now : nil } }
                    try await Task.sleep(for: .seconds(60))
                }
            }
        }
        // The request was sent after `begin`, and the lease is promised for 990 ms from then on.
        let end = try #require(stopped.withLock { $0 })
        #expect(end - begin < .milliseconds(990))
        #expect(error?.code == .fenced)
        // Others need not wait for the lease to run out.
        #expect(node.requests(.DELETE).count == 1)
        await node.stop()
    }

    @Test func theMarginIsTheCallers() async throws {
        let node = try await ScriptedServer.office { _, number in number == 0 ? .leading(17, validFor: 9900) : .silence
        }
        try await withClient([node.endpoint]) { client in
            let begin = ContinuousClock.now
            try await client.campaign("c", ttl: .seconds(10), margin: .seconds(4)).withLeadership {
                let left = $0.actUntil - begin
                #expect(left >= .milliseconds(5900))
                #expect(left < .milliseconds(8900))
            }
        }
        await node.stop()
    }

    @Test func itEndsAtOnceWhenTheClusterSaysSo() async throws {
        let node = try await ScriptedServer { request, number in
            switch request.method {
            case .PUT: .leading(17, validFor: 59_000)
            case .DELETE: .problem(404, "not-found")
            default:
                .held(
                    .milliseconds(50),
                    .answer(200, body: #"{"name":"c","fence":23,"leader":null,"candidates":[],"count":0}"#))
            }
        }
        try await withClient([node.endpoint]) { client in
            for try await leadership in client.campaign("c", ttl: .seconds(60)) {
                let begin = ContinuousClock.now
                for await _ in leadership.deadlines {}
                #expect(leadership.end == .removed)
                #expect(ContinuousClock.now - begin < .seconds(10))
                break
            }
        }
        #expect(node.requests(.GET)[0].uri.contains("after=17"))
        await node.stop()
    }

    @Test(arguments: [
        ScriptedServer.Reply.problem(412, "precondition-failed"), .problem(409, "conflict"), .waiting(1), .leading(19),
    ])
    func aRenewalThatIsRefusedEndsIt(_ refusal: ScriptedServer.Reply) async throws {
        let node = try await ScriptedServer.office { _, number in number == 0 ? .leading(17) : refusal }
        try await withClient([node.endpoint]) { client in
            for try await leadership in client.campaign("c", ttl: .seconds(1)) {
                for await _ in leadership.deadlines {}
                #expect(leadership.end == .removed)
                break
            }
        }
        await node.stop()
    }

    @Test func aNodeThatFallsSilentCostsNoOffice() async throws {
        let silent = try await ScriptedServer.office { _, number in number < 2 ? .leading(17) : .silence }
        let live = try await ScriptedServer.office { _, _ in .leading(17) }
        try await withClient([silent.endpoint, live.endpoint]) { client in
            try await client.campaign("c", ttl: .seconds(1)).withLeadership { leadership in
                try await waitUntil { live.requests(.PUT).count >= 2 }
                #expect(leadership.isCurrent)
            }
        }
        #expect(silent.requests(.PUT).count >= 3)
        await silent.stop()
        await live.stop()
    }

    @Test func whoWaitsDoesSoInHeldRequestsAndIsToldItsPlace() async throws {
        let node = try await ScriptedServer.office { _, number in
            switch number {
            case 0: .waiting(2)
            case 1: .held(.milliseconds(60), .waiting(1))
            case 2: .held(.milliseconds(60), .leading(23))
            default: .leading(23)
            }
        }
        let places = Mutex<[Int]>([])
        try await withClient([node.endpoint]) { client in
            let campaign = client.campaign("c", ttl: .seconds(1)) { waiting in
                #expect(waiting.leader?.id == "b")
                places.withLock { $0.append(waiting.position) }
            }
            try await campaign.withLeadership { #expect($0.fence.number == 23) }
        }
        #expect(places.withLock { $0 } == [2, 1])
        let puts = node.requests(.PUT)
        #expect(parameter("wait", of: puts[0]) == nil)
        #expect(puts[1...2].allSatisfy { parameter("wait", of: $0) == "500ms" && parameter("after", of: $0) == "17" })
        await node.stop()
    }

    @Test func leavingTheLoopResignsBeforeTheClientGoes() async throws {
        let node = try await ScriptedServer.office { _, _ in .leading(17) }
        let kept = try await withClient([node.endpoint]) { client in
            for try await leadership in client.campaign("c", ttl: .seconds(1)) { return Optional(leadership) }
            return nil
        }
        #expect(kept?.isCurrent == false)
        #expect(kept?.end == .resigned)
        #expect(node.requests(.DELETE).count == 1)
        await node.stop()
    }

    @Test func eachTurnOfTheLoopIsALeadershipOfItsOwn() async throws {
        // The first resignation is lost, so that the next campaign is told of the old leadership.
        let node = try await ScriptedServer.office { _, number in .leading(number < 2 ? 17 : 20) }
        try await withClient([node.endpoint]) { client in
            var earlier: Leadership?
            for try await leadership in client.campaign("c", ttl: .seconds(1)) {
                guard let last = earlier else {
                    earlier = leadership
                    continue
                }
                #expect(last.end == .resigned)
                #expect(leadership.fence.number == 20)
                break
            }
        }
        #expect(node.requests(.DELETE).count == 3)
        await node.stop()
    }

    @Test func anotherProcessUnderTheSameIdIsAClearError() async throws {
        let node = try await ScriptedServer.office { _, _ in
            .problem(409, "conflict", more: #","fence":17,"leader":{"id":"a","value":"","fence":17}"#)
        }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { client in
                for try await _ in client.campaign("c", as: "a") {}
            }
        }
        #expect(error?.code == .conflict)
        #expect(error?.incumbent?.id == "a")
        #expect(error?.fence == 17)
        #expect(node.requests(.PUT).count == 1)
        await node.stop()
    }

    @Test func whoGivesUpWaitingLeavesTheLine() async throws {
        let node = try await ScriptedServer.office { _, number in number == 0 ? .waiting(1) : .silence }
        try await withClient([node.endpoint]) { client in
            let waiting = Task {
                for try await _ in client.campaign("c", ttl: .seconds(20)) {}
            }
            try await waitUntil { node.requests(.PUT).count == 2 }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            #expect(node.requests(.DELETE).count == 1)
        }
        await node.stop()
    }

    @Test func workIsCancelledWithTheTaskThatWaitsForIt() async throws {
        let node = try await ScriptedServer.office { _, _ in .leading(17) }
        try await withClient([node.endpoint]) { client in
            let leading = Task {
                try await client.campaign("c", ttl: .seconds(1)).withLeadership { _ in
                    try await Task.sleep(for: .seconds(60))
                }
            }
            try await waitUntil { node.requests(.PUT).count == 1 }
            leading.cancel()
            await #expect(throws: CancellationError.self) { try await leading.value }
        }
        #expect(node.requests(.DELETE).count == 1)
        await node.stop()
    }

    @Test func workThatFailsResignsAndSaysWhy() async throws {
        struct Broken: Error {}
        let node = try await ScriptedServer.office { _, _ in .leading(17) }
        await #expect(throws: Broken.self) {
            try await withClient([node.endpoint]) { client in
                try await client.campaign("c", ttl: .seconds(1)).withLeadership { _ in throw Broken() }
            }
        }
        #expect(node.requests(.DELETE).count == 1)
        await node.stop()
    }

    @Test func resigningEndsWhatIsBound() async throws {
        let node = try await ScriptedServer.office { _, _ in .leading(17) }
        try await withClient([node.endpoint]) { client in
            for try await leadership in client.campaign("c", ttl: .seconds(1)) {
                let bound = Task { try await leadership.run { try await Task.sleep(for: .seconds(60)) } }
                try await leadership.resign()
                let error = await #expect(throws: ConclaveError.self) { try await bound.value }
                #expect(error?.code == .fenced)
                await #expect(throws: ConclaveError.self) { try await leadership.run {} }
                break
            }
        }
        await node.stop()
    }

    @Test func aCampaignWithoutAnyNodeFailsInTime() async throws {
        let dead = try await ScriptedServer.deadEndpoint()
        var options = quick()
        options.requestTimeout = .milliseconds(300)
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([dead], options) { client in for try await _ in client.campaign("c") {} }
        }
        #expect(error?.code == .unreachable)
        #expect(error?.outcome == .notApplied)
    }

    @Test(arguments: [("", "a", 1000, 0), ("c", "", 1000, 0), ("c", "a", 99, 0), ("c", "a", 1000, 700)])
    func whatCannotBeIsRefusedHere(_ name: String, _ id: String, _ ttl: Int, _ margin: Int) async throws {
        let dead = try await ScriptedServer.deadEndpoint()
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([dead]) { client in
                let campaign = client.campaign(
                    name, as: id, ttl: .milliseconds(ttl), margin: .milliseconds(margin))
                for try await _ in campaign {}
            }
        }
        #expect(error?.code == .badRequest)
    }
}

@Suite struct Locks {
    @Test func oneThatIsFreeIsHeldAndReleased() async throws {
        let node = try await ScriptedServer.office { _, _ in
            .answer(201, body: #"{"state":"holding","fence":5,"lease":"1f","ttl_ms":1000,"valid_for_ms":990}"#)
        }
        try await withClient([node.endpoint]) { client in
            try await client.lock("backup", as: "a", ttl: .seconds(1)).withLock {
                #expect($0.fence == Fence(.lock("backup"), 5))
            }
        }
        #expect(node.requests(.PUT)[0].uri.hasPrefix("/v1/locks/backup/holders/a?"))
        #expect(node.requests(.DELETE)[0].uri.hasPrefix("/v1/locks/backup/holders/a?"))
        await node.stop()
    }

    @Test func withoutPatienceOneThatIsHeldIsAnErrorThatNamesTheHolder() async throws {
        let node = try await ScriptedServer.office { _, _ in
            .answer(
                201,
                body: """
                    {"state":"waiting","fence":5,"position":1,"holder":{"id":"b","value":"10.0.0.2","fence":5},\
                    "lease":"1f","ttl_ms":1000,"valid_for_ms":990}
                    """)
        }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { client in
                try await client.lock("backup", patience: .zero).withLock { _ in }
            }
        }
        #expect(error?.code == .preconditionFailed)
        #expect(error?.incumbent?.value == "10.0.0.2")
        #expect(error?.detail == "the lock backup is held by b")
        #expect(node.requests(.PUT).count == 1)
        #expect(node.requests(.DELETE).count == 1)
        await node.stop()
    }

    @Test func aConflictNamesTheHolder() async throws {
        let node = try await ScriptedServer.office { _, _ in
            .problem(409, "conflict", more: #","fence":5,"holder":{"id":"a","value":"","fence":5}"#)
        }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await $0.lock("backup", as: "a").withLock { _ in } }
        }
        #expect(error?.code == .conflict)
        #expect(error?.incumbent?.fence == 5)
        await node.stop()
    }
}
