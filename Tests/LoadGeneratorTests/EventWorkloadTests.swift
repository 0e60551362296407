import LocalProcesses
import NIOCore
import Synchronization
import Testing

@testable import LoadGenerator

@Suite("Workloads about events", .timeLimit(.minutes(1)))
struct EventWorkloadTests {
    /// A server that passes the written value on to its watchers, in two pieces, except to some.
    private func relay(deaf: Int = 0) async throws -> ScriptedServer {
        let relay = Mutex<ScriptedServer?>(nil)
        let watches = Mutex(0)
        let server = try await ScriptedServer { request, _ in
            if request.method == .GET {
                let number = watches.withLock { count in
                    count += 1
                    return count
                }
                return number <= deaf ? .answer(status: .serviceUnavailable, body: "") : .stream(["event: state\n\n"])
            }
            let event = "event: put\ndata: {\"key\":\"k\",\"value\":\"\(request.body)\"}\nid: 1\n\n"
            relay.withLock {
                $0?.tellStreams(String(event.prefix(40)))
                $0?.tellStreams(String(event.dropFirst(40)))
            }
            return .answer(status: .ok, body: "{}")
        }
        relay.withLock { $0 = server }
        return server
    }

    @Test("Every watcher is told of every change, though the event comes in pieces")
    func watchers() async throws {
        let server = try await relay()
        let workload = WatchWorkload(on: .conclave, endpoints: [server.endpoint], watchers: 100, changes: 3)
        let result = try await workload.run()
        #expect(result.errors.total == 0)
        #expect(result.tellings.map(\.told) == [100, 100, 100])
        #expect(result.tellings.allSatisfy { 0 < $0.median && $0.median <= $0.last })
        try await server.stop()
    }

    @Test("A watch that is refused fails the workload and says why")
    func refusedWatch() async throws {
        let server = try await relay(deaf: 1)
        let workload = WatchWorkload(on: .conclave, endpoints: [server.endpoint], watchers: 2, changes: 1)
        do {
            _ = try await workload.run()
            Issue.record("a refused watch went unnoticed")
        } catch let failure as WorkloadFailure {
            #expect(failure.description.contains("status 503"))
        }
        try await server.stop()
    }

    @Test("The write gap spans the time in which the server refused")
    func failover() async throws {
        let state = DownSwitch()
        let server = try await ScriptedServer { _, _ in
            state.isDown.load(ordering: .relaxed)
                ? .answer(status: .serviceUnavailable, body: "") : .answer(status: .ok, body: "{}")
        }
        let workload = FailoverWorkload(on: .conclave, endpoints: [server.endpoint])
        let result = try await workload.run {
            state.isDown.store(true, ordering: .relaxed)
            try await Task.sleep(for: .milliseconds(600))
            state.isDown.store(false, ordering: .relaxed)
        }
        // An answer from before may be read a while after: others use this machine, too.
        #expect(result.gap >= 400)
        #expect(result.gap < 2_000)
        #expect(result.failures.counts["status 503"] ?? 0 > 0)
        try await server.stop()
    }

    private final class DownSwitch: Sendable {
        let isDown = Atomic(false)
    }

    @Test("A lease's lag is counted from its grant, and one that ends early is an error", arguments: [2_150, 500])
    func expiry(milliseconds: Int) async throws {
        let relay = Mutex<ScriptedServer?>(nil)
        let server = try await ScriptedServer { request, _ in
            if request.path.hasPrefix("/v1/watch") { return .stream(["event: state\n\n"]) }
            if request.path == "/v1/leases" { return .answer(status: .created, body: #"{"id":"01"}"#) }
            let key = request.path.dropFirst("/v1/kv/".count).prefix { $0 != "?" }
            let event = "event: delete\ndata: {\"key\":\"\(key)\",\"reason\":\"expired\"}\n\n"
            let owner = relay.withLock { $0 }
            Task {
                try await Task.sleep(for: .milliseconds(milliseconds))
                owner?.tellStreams(event)
            }
            return .answer(status: .created, body: "{}")
        }
        relay.withLock { $0 = server }
        let result = try await ExpiryWorkload(on: .conclave, endpoints: [server.endpoint], leases: 2).run()
        #expect(result.lags.count == 2)
        if milliseconds < 2_000 {
            #expect(result.errors.counts == ["a lease ended early": 2])
        } else {
            #expect(result.errors.total == 0)
            #expect(result.lags.allSatisfy { (150..<1_500).contains($0) })
        }
        try await server.stop()
    }

    @Test("A mark is counted wherever a stream is cut", arguments: 1...12)
    func marks(piece: Int) {
        var counter = MarkCounter(Array("aab".utf8))
        let text = Array("aaab-aab-aaaab-ab".utf8)
        for first in stride(from: 0, to: text.count, by: piece) {
            counter.hear(ByteBuffer(bytes: text[first..<min(text.count, first + piece)]))
        }
        #expect(counter.count == 3)
    }

    /// A server whose leases, keys and watches last as long as the script says.
    private func service(
        renewed: @escaping @Sendable (ScriptedServer?) -> Void = { _ in },
        wrote: @escaping @Sendable (SeenRequest, ScriptedServer?) -> Reply
    ) async throws -> ScriptedServer {
        let relay = Mutex<ScriptedServer?>(nil)
        let server = try await ScriptedServer { request, number in
            let owner = relay.withLock { $0 }
            if request.path.hasPrefix("/v1/watch") { return .stream(["event: state\n\n"]) }
            if request.path == "/v1/leases" { return .answer(status: .created, body: #"{"id":"\#(number)"}"#) }
            if request.path == "/v1/leases/renew" {
                renewed(owner)
                let ids = request.body.split(separator: ",").count
                return .answer(status: .ok, body: String(repeating: #"{"ttl_ms":2000}"#, count: ids))
            }
            return wrote(request, owner)
        }
        relay.withLock { $0 = server }
        return server
    }

    @Test(
        "Leases that end together are counted from when they were due, and an early end is an error",
        arguments: [2_200, 900])
    func storm(milliseconds: Int) async throws {
        let server = try await service { owner in
            Task {
                try await Task.sleep(for: .milliseconds(milliseconds))
                for _ in 0..<3 { owner?.tellStreams("event: delete\ndata: {}\n\n") }
            }
        } wrote: { _, _ in
            .answer(status: .ok, body: "{}")
        }
        let result = try await StormWorkload(
            on: .conclave, endpoints: [server.endpoint], leases: 3, timeToLive: 2, calm: .milliseconds(200)
        ).run()
        if milliseconds < 2_000 {
            #expect(result.errors.counts == ["a lease ended early": 1])
        } else {
            #expect(result.errors.total == 0)
            #expect((100..<2_000).contains(result.gone))
        }
        try await server.stop()
    }

    @Test("Every contender learns of one successor, by its watch or by the answer to its attempt")
    func succession() async throws {
        let claims = Mutex(0)
        let server = try await service { request, owner in
            if request.body == "holder" {
                Task {
                    try await Task.sleep(for: .milliseconds(2_100))
                    owner?.tellStreams("event: delete\ndata: {}\n\n")
                }
                return .answer(status: .created, body: #"{"key":"c"}"#)
            }
            let number = claims.withLock { count in
                count += 1
                return count
            }
            return number == 1
                ? .answer(status: .created, body: #"{"key":"c"}"#)
                : .answer(status: .preconditionFailed, body: #"{"holder":{"key":"c","value":"seated"}}"#)
        }
        let result = try await SuccessionWorkload(on: .conclave, endpoints: [server.endpoint], contenders: 20).run()
        #expect(result.errors.total == 0)
        #expect(claims.withLock { $0 } == 20)
        #expect(result.seated >= 50)
        #expect(result.medianKnew <= result.lastKnew)
        try await server.stop()
    }

    /// An election whose leader is followed by `node-0` after a while.
    private func election(_ next: Reply...) async throws -> ScriptedServer {
        try await ScriptedServer { request, _ in
            let name = request.path.split(separator: "/").last?.split(separator: "?").first ?? ""
            let (state, fence) = (name == "leader" ? "leading" : "waiting", request.path.contains("after=") ? 9 : 5)
            if request.path.contains("after=9") || fence == 9 && name == "leader" { return .silence }
            if fence == 9, name == "node-0" { return next[0] }
            return .answer(
                status: .ok, body: #"{"state":"\#(state)","fence":\#(fence),"leader":{"fence":1}}"#,
                delay: fence == 9 ? .milliseconds(2_200) : .zero)
        }
    }

    @Test("Candidates learn of the next leader by the request that they hold")
    func office() async throws {
        let server = try await election(
            .answer(status: .ok, body: #"{"state":"leading","fence":9}"#, delay: .milliseconds(2_200)))
        let result = try await OfficeWorkload(at: [server.endpoint], candidates: 20).run()
        #expect(result.errors.total == 0)
        #expect(result.seated >= 100)
        #expect(result.medianKnew <= result.lastKnew)
        #expect(server.requests.allSatisfy { $0.path.contains("ttl=2s") == $0.path.contains("/leader?") })
        try await server.stop()
    }

    @Test(
        "A leader that is seated early, and a candidacy that ended, are errors",
        arguments: [
            (#"{"state":"leading","fence":9}"#, "a controller was seated before the lease could end"),
            (#"{"state":"ended"}"#, "a candidacy ended, or its answer says nothing of it"),
        ])
    func wrongOffice(body: String, complaint: String) async throws {
        let server = try await election(.answer(status: .ok, body: body, delay: .milliseconds(500)))
        let workload = OfficeWorkload(at: [server.endpoint], candidates: 3)
        do {
            #expect(try await workload.run().errors.counts == [complaint: 1])
        } catch let failure as WorkloadFailure {
            #expect(failure.description == complaint)
        }
        try await server.stop()
    }

    @Test("Sessions renew as often as their requests are answered, and what they cost is counted from before the first")
    func sessions() async throws {
        let server = try await ScriptedServer { request, _ in
            let delay = request.path.contains("after=") ? TimeAmount.milliseconds(200) : .zero
            return .answer(status: .ok, body: #"{"state":"waiting","fence":5}"#, delay: delay)
        }
        let memory = Mutex(0.0)
        let result = try await SessionWorkload(
            at: [server.endpoint], sessions: 10, timeToLive: 1, duration: .seconds(1)
        ).run {
            ProcessFigures(
                cpuMicroseconds: 0,
                residentBytes: memory.withLock { memory in
                    defer { memory += 50 }
                    return memory
                }, writtenBytes: nil)
        } own: {
            ProcessFigures(cpuMicroseconds: Double(MonotonicTime.now()) / 2_000, residentBytes: 0, writtenBytes: nil)
        }
        #expect(result.errors.total == 0)
        #expect((20...55).contains(result.renewals))
        #expect(result.serversMemory == 10)
        #expect(result.serversShare == 0)
        #expect((0.4...0.6).contains(result.ownShare))
        try await server.stop()
    }
}
