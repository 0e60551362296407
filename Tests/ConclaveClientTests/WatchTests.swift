import Testing

@testable import ConclaveClient

@Suite struct Watches {
    private static func put(_ value: String, _ revision: Int, marked: Bool = true) -> String {
        """
        event: put
        data: {"key":"c","value":"\(value)","mod_revision":\(revision),"create_revision":1,"version":1}
        \(marked ? "id: \(revision)\n" : "")

        """
    }
    private static let state = "event: state\ndata: {\"kvs\":[],\"revision\":41}\nid: 41\n\n"

    /// The events of a watch up to and with the put of `last`.
    private func events(of watch: Watch, upTo last: ByteString) async throws -> [WatchEvent] {
        var events: [WatchEvent] = []
        for try await event in watch {
            events.append(event)
            if case .put(let record, _) = event, record.value == last { break }
        }
        return events
    }

    private func values(_ events: [WatchEvent]) -> [String?] {
        events.compactMap { if case .put(let record, _) = $0 { .some(record.value.text) } else { nil } }
    }

    @Test func theStateComesFirstThenTheChanges() async throws {
        let node = try await ScriptedServer { _, _ in
            .stream(
                [
                    Self.state, Self.put("a", 42),
                    "event: delete\ndata: {\"key\":\"c\",\"mod_revision\":43,\"reason\":\"expired\",\"prev\":{\"key\":\"c\",\"value\":\"a\",\"mod_revision\":42,\"create_revision\":1,\"version\":1}}\nid: 43\n\n",
                    ": revision 50\n\n", "event: no-leader\ndata: {}\n\n", Self.put("b", 51),
                ], then: .stayOpen)
        }
        let told = try await withClient([node.endpoint]) {
            try await events(of: $0.watch(.key("c"), .prefix("jobs/"), previousValues: true), upTo: "b")
        }
        let a = KeyRecord(key: "c", value: "a", createRevision: 1, modRevision: 42, version: 1)
        let b = KeyRecord(key: "c", value: "b", createRevision: 1, modRevision: 51, version: 1)
        #expect(
            told == [
                .state([], revision: 41), .put(a, previous: nil),
                .delete(.init(key: "c", modRevision: 43, reason: .expired, previous: a)),
                .progress(revision: 50), .interrupted(.noLeader), .put(b, previous: nil),
            ])
        #expect(node.requests[0].uri.hasPrefix("/v1/watch?key=c&prefix=jobs%2F&"))
        #expect(node.requests[0].uri.contains("prev=true"))
        #expect(!node.requests[0].uri.contains("from="))
        await node.stop()
    }

    @Test func aBrokenStreamGoesOnElsewhereAfterTheLastWholeRevision() async throws {
        let first = try await ScriptedServer { _, _ in
            .stream([Self.state, Self.put("a", 42), Self.put("b1", 43, marked: false)], then: .breakOff)
        }
        let second = try await ScriptedServer { request, _ in
            // Of what comes shortly before a connection breaks, the end may be lost.
            let missed = request.uri.contains("from=41") ? [Self.put("a", 42)] : []
            return .stream(
                missed + [Self.put("b1", 43, marked: false), Self.put("b2", 43), Self.put("c", 44)], then: .stayOpen)
        }
        let told = try await withClient([first.endpoint, second.endpoint]) {
            try await events(of: $0.watch(.key("c")), upTo: "c")
        }
        #expect(values(told) == ["a", "b1", "b2", "c"])
        #expect(second.requests.count == 1)
        let before = told.prefix { if case .interrupted(.disconnected) = $0 { false } else { true } }
        #expect(before.count < told.count)
        let reached = values(Array(before)).contains("a") ? 42 : 41
        #expect(second.requests[0].uri.hasSuffix("from=\(reached)"))
        await first.stop()
        await second.stop()
    }

    @Test func aNodeThatFallsSilentIsLeft() async throws {
        let silent = try await ScriptedServer { _, _ in .stream([Self.state], then: .stayOpen) }
        let live = try await ScriptedServer { _, _ in .stream([Self.put("a", 42)], then: .stayOpen) }
        var options = quick()
        options.watchSilence = .milliseconds(200)
        let told = try await withClient([silent.endpoint, live.endpoint], options) {
            try await events(of: $0.watch(.key("c")), upTo: "a")
        }
        #expect(values(told) == ["a"])
        #expect(live.requests[0].uri.contains("from=41"))
        await silent.stop()
        await live.stop()
    }

    @Test func aWatchFromARevisionAsksForItAtOnce() async throws {
        let node = try await ScriptedServer { _, _ in .stream([Self.put("a", 9)], then: .stayOpen) }
        _ = try await withClient([node.endpoint]) {
            try await events(of: $0.watch(.key("c"), after: 5), upTo: "a")
        }
        #expect(node.requests[0].uri.contains("from=5"))
        await node.stop()
    }

    @Test(arguments: [
        ScriptedServer.Reply.stream(
            [state, "event: compacted\ndata: {\"oldest_revision\":77}\n\n"], then: .stayOpen),
        .problem(410, "compacted", more: #","oldest_revision":77"#),
    ])
    func historyThatIsGoneEndsTheWatch(_ reply: ScriptedServer.Reply) async throws {
        let node = try await ScriptedServer { _, _ in reply }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await events(of: $0.watch(.key("c")), upTo: "never") }
        }
        #expect(error?.code == .compacted)
        #expect(error?.oldestRevision == 77)
        #expect(node.requests.count == 1)
        await node.stop()
    }

    @Test func aWatchThatNeverBeginsFailsInTime() async throws {
        let dead = try await ScriptedServer.deadEndpoint()
        var options = quick()
        options.requestTimeout = .milliseconds(200)
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([dead], options) { try await events(of: $0.watch(.key("c")), upTo: "never") }
        }
        #expect(error?.code == .unreachable)
    }

    @Test func aNodeThatRefusesForNowIsAskedAgain() async throws {
        let node = try await ScriptedServer { _, number in
            number < 2 ? .problem(503, "not-ready") : .stream([Self.put("a", 9)], then: .stayOpen)
        }
        let told = try await withClient([node.endpoint]) { try await events(of: $0.watch(.key("c")), upTo: "a") }
        #expect(values(told) == ["a"])
        #expect(node.requests.count == 3)
        await node.stop()
    }
}
