import Testing

@testable import ConclaveClient

/// Short limits, so that tests of fail-over need not wait.
func quick(idempotent: Bool = true) -> ClientOptions {
    var options = ClientOptions()
    options.requestTimeout = .seconds(12)
    options.attemptTimeout = .milliseconds(1500)
    // Long enough for a machine that is busy with other tests.
    options.connectTimeout = .seconds(10)
    options.idempotentWrites = idempotent
    return options
}

/// Runs `body` with a client of these endpoints.
@discardableResult
func withClient<Result>(
    _ endpoints: [Endpoint], _ options: ClientOptions = quick(), _ body: (ClusterClient) async throws -> Result
) async throws -> Result {
    try await ClusterClient.withClient(endpoints: endpoints.map(\.url), options: options, body)
}

@Suite struct FailOver {
    @Test func aRequestMovesOnFromANodeThatRefusesConnections() async throws {
        let dead = try await ScriptedServer.deadEndpoint()
        let live = try await ScriptedServer { _, _ in .written }
        let result = try await withClient([dead, live.endpoint]) { try await $0.put("k", "v") }
        #expect(result.revision == 7)
        #expect(live.requests.count == 1)
        await live.stop()
    }

    @Test func theNodeThatAnsweredLastIsAskedFirst() async throws {
        let first = try await ScriptedServer { _, _ in .problem(503, "no-leader") }
        let second = try await ScriptedServer { _, _ in .written }
        try await withClient([first.endpoint, second.endpoint]) { client in
            for _ in 0..<3 { try await client.put("k", "v") }
        }
        #expect(first.requests.count == 1)
        #expect(second.requests.count == 3)
        await first.stop()
        await second.stop()
    }

    @Test func aRepeatableRequestMovesOnFromANodeThatIsSilent() async throws {
        let silent = try await ScriptedServer { _, _ in .silence }
        let live = try await ScriptedServer { _, _ in .written }
        let result = try await withClient([silent.endpoint, live.endpoint]) { try await $0.put("k", "v") }
        #expect(result.created)
        await silent.stop()
        await live.stop()
    }

    @Test func aRepeatedWriteCarriesTheSameIdempotencyKeyAndTheNextAnother() async throws {
        let breaking = try await ScriptedServer { _, _ in .hangUp }
        let live = try await ScriptedServer { _, _ in .written }
        try await withClient([breaking.endpoint, live.endpoint]) { client in
            try await client.put("k", "v")
            try await client.put("k", "w")
        }
        let key = breaking.requests[0].headers["Idempotency-Key"]
        #expect(key.count == 1)
        #expect(live.requests[0].headers["Idempotency-Key"] == key)
        #expect(live.requests[1].headers["Idempotency-Key"] != key)
        await breaking.stop()
        await live.stop()
    }

    @Test func withoutAnyNodeTheRequestFailsInTimeAndAppliedNothing() async throws {
        let dead = try await ScriptedServer.deadEndpoint()
        var options = quick()
        options.requestTimeout = .milliseconds(300)
        let begin = ContinuousClock.now
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([dead], options) { try await $0.put("k", "v") }
        }
        #expect(error?.code == .unreachable)
        #expect(error?.outcome == .notApplied)
        #expect(ContinuousClock.now - begin < .seconds(2))
    }

    @Test func aLongPollLeavesTheNodeTimeToAnswerBesidesTheWait() async throws {
        let node = try await ScriptedServer { _, _ in .answer(304) }
        let dead = try await ScriptedServer.deadEndpoint()
        try await withClient([node.endpoint, dead]) {
            _ = try await $0.waitForChange(of: "k", after: 1, for: .seconds(30))
        }
        #expect(node.requests[0].uri.hasSuffix("wait=30000ms&timeout=1350ms"))
        await node.stop()
    }

    @Test func anOverloadedNodeIsAskedAgainWhenItSaid() async throws {
        let node = try await ScriptedServer { _, number in
            number == 0 ? .problem(429, "overloaded", more: #","retry_after_ms":120"#) : .written
        }
        let begin = ContinuousClock.now
        try await withClient([node.endpoint]) { try await $0.put("k", "v") }
        #expect(ContinuousClock.now - begin >= .milliseconds(120))
        #expect(node.requests.count == 2)
        await node.stop()
    }
}

@Suite struct WritesWithoutIdempotencyKey {
    @Test(arguments: [ScriptedServer.Reply.hangUp, .problem(504, "timeout", outcome: "unknown"), .answer(502)])
    func oneWithAnUnknownOutcomeIsNeverRepeated(_ reply: ScriptedServer.Reply) async throws {
        let node = try await ScriptedServer { _, _ in reply }
        let other = try await ScriptedServer { _, _ in .written }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint, other.endpoint], quick(idempotent: false)) {
                try await $0.put("k", "v")
            }
        }
        #expect(error?.outcome == .unknown)
        #expect(node.requests.count == 1)
        #expect(node.requests[0].headers["Idempotency-Key"].isEmpty)
        #expect(other.requests.isEmpty)
        await node.stop()
        await other.stop()
    }

    @Test func aSilentNodeLeavesTheOutcomeUnknown() async throws {
        let node = try await ScriptedServer { _, _ in .silence }
        let other = try await ScriptedServer { _, _ in .written }
        var options = quick(idempotent: false)
        options.requestTimeout = .milliseconds(300)
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint, other.endpoint], options) { try await $0.put("k", "v") }
        }
        #expect(error?.code == .timeout)
        #expect(error?.outcome == .unknown)
        #expect(other.requests.isEmpty)
        await node.stop()
        await other.stop()
    }

    @Test func oneThatWasCertainlyNotAppliedIsRepeated() async throws {
        let node = try await ScriptedServer { _, _ in .problem(503, "no-leader", outcome: "not_applied") }
        let other = try await ScriptedServer { _, _ in .written }
        try await withClient([node.endpoint, other.endpoint], quick(idempotent: false)) { try await $0.put("k", "v") }
        #expect(other.requests.count == 1)
        await node.stop()
        await other.stop()
    }

    @Test func theCallersOwnKeyMakesOneRepeatable() async throws {
        let node = try await ScriptedServer { _, _ in .hangUp }
        let other = try await ScriptedServer { _, _ in .written }
        try await withClient([node.endpoint, other.endpoint], quick(idempotent: false)) {
            try await $0.put("k", "v", idempotencyKey: IdempotencyKey(client: "backup", number: 17))
        }
        #expect(other.requests.first?.headers["Idempotency-Key"] == ["backup/17"])
        await node.stop()
        await other.stop()
    }
}

@Suite struct Outcomes {
    @Test func anEarlierLostAnswerMakesTheWholeUnknown() {
        var last = ConclaveError(.noLeader, "none")
        last.status = 503
        #expect(RetryRule.outcome(of: last, earlierUnknown: true) == .unknown)
        #expect(RetryRule.outcome(of: last, earlierUnknown: false) == .notApplied)
    }

    @Test func theStateMachinesOwnAnswerIsFinal() {
        var last = ConclaveError(.preconditionFailed, "taken")
        last.status = 412
        #expect(RetryRule.outcome(of: last, earlierUnknown: true) == .notApplied)
    }

    @Test func aReadThatGotNoAnswerChangedNothing() async throws {
        let node = try await ScriptedServer { _, _ in .silence }
        var options = quick()
        options.requestTimeout = .milliseconds(200)
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint], options) { try await $0.get("k") }
        }
        #expect(error?.code == .timeout)
        #expect(error?.outcome == .notApplied)
        await node.stop()
    }

    @Test func aWriteWhoseAnswerCannotBeReadMayHaveBeenApplied() async throws {
        let node = try await ScriptedServer { _, _ in .answer(200, body: "{}") }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await $0.delete("k") }
        }
        #expect(error?.outcome == .unknown)
        await node.stop()
    }

    @Test func aLostFirstAnswerStaysUnknownWhenTheClusterThenRefuses() async throws {
        let breaking = try await ScriptedServer { _, _ in .hangUp }
        let refusing = try await ScriptedServer { _, _ in .problem(503, "no-leader") }
        var options = quick()
        options.requestTimeout = .milliseconds(300)
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([breaking.endpoint, refusing.endpoint], options) { try await $0.put("k", "v") }
        }
        #expect(error?.outcome == .unknown)
        #expect(breaking.requests.count > 1)
        await breaking.stop()
        await refusing.stop()
    }

    @Test func pausesGrowOnlyAfterEveryNodeWasTried() {
        var generator = SystemRandomNumberGenerator()
        #expect(RetryRule.pause(before: 2, endpoints: 3, using: &generator) == .zero)
        for (number, longest) in [(3, 25), (6, 50), (9, 100), (30, 400), (3000, 400)] {
            let pause = RetryRule.pause(before: number, endpoints: 3, using: &generator)
            #expect((Duration.milliseconds(longest / 2)...(.milliseconds(longest))).contains(pause))
        }
    }

    @Test func aCancelledRequestThrowsCancellation() async throws {
        let node = try await ScriptedServer { _, _ in .silence }
        try await withClient([node.endpoint]) { client in
            let request = Task { try await client.get("k") }
            while node.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            request.cancel()
            await #expect(throws: CancellationError.self) { try await request.value }
        }
        await node.stop()
    }
}
