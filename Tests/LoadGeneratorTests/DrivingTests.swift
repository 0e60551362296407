import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import LoadGenerator

@Suite("Driving a server", .timeLimit(.minutes(1)))
struct DrivingTests {
    private func puts(_ dialect: any Dialect = ConclaveDialect()) -> @Sendable (Int) -> any RequestSource {
        { connection in
            CreateSource(dialect: dialect, run: "r", connection: connection, value: Value("v"))
        }
    }

    @Test("A bound of requests is sent exactly, each key once, over all connections and loops")
    func requestBound() async throws {
        let server = try await ScriptedServer { _, _ in .answer(status: .created, body: "{}") }
        let plan = LoadPlan(endpoints: [server.endpoint], connections: 7, loops: 2, bound: .requests(500))
        let result = try await LoadRunner.run(plan, source: puts())
        #expect(result.completed == 500)
        #expect(result.errors.total == 0)
        #expect(server.requests.count == 500)
        #expect(Set(server.requests.map(\.path)).count == 500)
        #expect(
            server.requests.allSatisfy { $0.headers["if-none-match"] == "*" && $0.headers["content-length"] == "1" })
        try await server.stop()
    }

    @Test("A wrong answer is an error by name and not a success")
    func wrongAnswers() async throws {
        let server = try await ScriptedServer { _, count in
            .answer(status: count.isMultiple(of: 10) ? .preconditionFailed : .created, body: "{}")
        }
        let plan = LoadPlan(endpoints: [server.endpoint], connections: 1, bound: .requests(100))
        let result = try await LoadRunner.run(plan, source: puts())
        #expect(result.completed == 90)
        #expect(result.errors.counts == ["status 412": 10])
        try await server.stop()
    }

    @Test("A connection that the server drops is an error and is replaced")
    func reconnects() async throws {
        let server = try await ScriptedServer { _, count in
            count == 5 ? .hangUp : .answer(status: .created, body: "{}")
        }
        let plan = LoadPlan(endpoints: [server.endpoint], connections: 1, bound: .requests(20))
        let result = try await LoadRunner.run(plan, source: puts())
        #expect(result.completed == 19)
        #expect(result.errors.counts == ["\(LoadFailure.closed)": 1])
        try await server.stop()
    }

    @Test("A connection may outlive its driver and end after it")
    func connectionOutlivesDriver() async throws {
        let server = try await ScriptedServer { _, _ in .silence }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let plan = LoadPlan(endpoints: [server.endpoint], connections: 1, bound: .requests(1))
        try await LoopDriver(
            loop: group.next(), plan: plan, budget: RequestBudget(1), sources: [(source: puts()(0), endpoint: 0)]
        ).open().get()
        // Ends the connection, whose driver nobody holds any more.
        try await group.shutdownGracefully()
        try await server.stop()
    }

    @Test("A request without an answer ends at its time-out")
    func timeouts() async throws {
        let server = try await ScriptedServer { _, count in
            count == 2 ? .silence : .answer(status: .created, body: "{}")
        }
        let plan = LoadPlan(
            endpoints: [server.endpoint], connections: 1, bound: .requests(4), timeout: .milliseconds(500))
        let result = try await LoadRunner.run(plan, source: puts())
        #expect(result.completed == 3)
        #expect(result.errors.counts == ["\(LoadFailure.timedOut)": 1])
        try await server.stop()
    }

    @Test("A server that is not there is said at once")
    func refused() async throws {
        let server = try await ScriptedServer { _, _ in .silence }
        try await server.stop()
        let plan = LoadPlan(endpoints: [server.endpoint], connections: 3, bound: .requests(4))
        await #expect(throws: LoadFailure.connect("connection refused")) {
            try await LoadRunner.run(plan, source: puts())
        }
    }

    @Test("Warm-up requests are sent but not counted")
    func warmUp() async throws {
        let server = try await ScriptedServer { _, _ in .answer(status: .created, body: "{}", delay: .milliseconds(5)) }
        let plan = LoadPlan(
            endpoints: [server.endpoint], connections: 2, warmUp: .milliseconds(100), bound: .requests(10))
        let result = try await LoadRunner.run(plan, source: puts())
        #expect(result.completed == 10)
        #expect(server.requests.count > 10)
        try await server.stop()
    }

    @Test("In an open loop a stalled answer makes the requests behind it late")
    func openLoop() async throws {
        let server = try await ScriptedServer { _, count in
            .answer(status: .created, body: "{}", delay: .milliseconds(count == 10 ? 300 : 0))
        }
        let plan = LoadPlan(
            endpoints: [server.endpoint], connections: 1, bound: .duration(.milliseconds(600)), rate: 100)
        let result = try await LoadRunner.run(plan, source: puts())
        #expect(result.completed == 60)
        #expect(result.errors.total == 0)
        // About thirty requests were meant for the 300 ms of the stall; the last of them was hardly late.
        #expect(result.latency.maximumMilliseconds >= 299)
        #expect(result.latency.milliseconds(at: 75) > 100)
        try await server.stop()
    }

    @Test("A connection that ends while it waits for its moment waits once when it is replaced")
    func aWaitingConnectionThatEnds() async throws {
        // All connections end a few times, and then more requests are due than one connection answers.
        let server = try await ScriptedServer { _, count in
            count <= 12
                ? .lastAnswer(status: .created, body: "{}", closingAfter: .milliseconds(3))
                : .answer(status: .created, body: "{}", delay: .milliseconds(200))
        }
        let plan = LoadPlan(
            endpoints: [server.endpoint], connections: 8, bound: .duration(.milliseconds(1_200)), rate: 20)
        let result = try await LoadRunner.run(plan, source: puts())
        #expect(result.completed == 24)
        #expect(result.errors.total == 0)
        try await server.stop()
    }

    @Test("Progress is told once a second")
    func progress() async throws {
        let server = try await ScriptedServer { _, _ in .answer(status: .created, body: "{}", delay: .milliseconds(1)) }
        let seen = Mutex<[Progress]>([])
        let plan = LoadPlan(endpoints: [server.endpoint], connections: 2, bound: .duration(.milliseconds(3_500)))
        _ = try await LoadRunner.run(plan, source: puts()) { line in seen.withLock { $0.append(line) } }
        let lines = seen.withLock { $0 }
        #expect(lines.map(\.second).starts(with: [1, 2]))
        #expect(lines.allSatisfy { $0.rate > 10 && $0.p50 >= 1 && $0.errors == 0 })
        try await server.stop()
    }

    @Test("The read workload writes its keys first and reads only those")
    func preparation() async throws {
        let value = Value(size: 16, seed: 1)
        let server = try await ScriptedServer { request, _ in
            request.method == .PUT
                ? .answer(status: .created, body: "{}") : .answer(status: .ok, body: value.text)
        }
        let plan = LoadPlan(endpoints: [server.endpoint], connections: 2, bound: .requests(200))
        let workload = ThroughputWorkload(.get, on: .conclave, keys: 10, valueSize: 16)
        let source = try await workload.prepare(plan)
        let written = Set(server.requests.map(\.path))
        #expect(written.count == 10 && server.requests.count == 10)
        let result = try await LoadRunner.run(plan, source: source)
        #expect(result.completed == 200)
        let read = Set(server.requests.filter { $0.method == .GET }.map(\.path))
        #expect(read == written)
        try await server.stop()
    }
}
