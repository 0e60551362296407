import Testing

@testable import ConclaveClient

@Suite struct Problems {
    @Test func aFailedPreconditionNamesTheHolder() async throws {
        let node = try await ScriptedServer { _, _ in
            .problem(
                412, "precondition-failed",
                more: """
                    ,"revision":9,"holder":{"key":"controller","value_base64":"/wA=","create_revision":4,\
                    "mod_revision":5,"version":2,"lease":"7f00000000000001"}
                    """)
        }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await $0.put("controller", "me", when: .absent) }
        }
        #expect(error?.code == .preconditionFailed)
        #expect(error?.outcome == .notApplied)
        #expect(error?.revision == 9)
        #expect(error?.holder?.value == ByteString([0xFF, 0x00]))
        #expect(error?.holder?.modRevision == 5)
        #expect(error?.holder?.lease == LeaseID(rawValue: 0x7F00_0000_0000_0001))
        #expect(node.requests.count == 1)
        #expect(node.requests[0].headers["If-None-Match"] == ["*"])
        await node.stop()
    }

    @Test(arguments: [
        (404, "lease-not-found", ConclaveError.Code.leaseNotFound), (400, "bad-request", .badRequest),
        (400, "future-revision", .futureRevision), (405, "method-not-allowed", .methodNotAllowed),
        (409, "conflict", .conflict), (413, "too-large", .tooLarge), (507, "quota-exceeded", .quotaExceeded),
        (418, "teapot", .other("teapot")),
    ])
    func eachCodeIsTypedAndFinal(_ status: Int, _ name: String, _ code: ConclaveError.Code) async throws {
        let node = try await ScriptedServer { _, _ in .problem(status, name) }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await $0.run(Transaction(then: [.get("k")])) }
        }
        #expect(error?.code == code)
        #expect(error?.detail == "what came")
        #expect(error?.status == status)
        #expect(node.requests.count == 1)
        await node.stop()
    }

    @Test func compactionTellsTheOldestRevision() async throws {
        let node = try await ScriptedServer { _, _ in .problem(410, "compacted", more: #","oldest_revision":41"#) }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await $0.get("k", at: 3) }
        }
        #expect(error?.code == .compacted)
        #expect(error?.oldestRevision == 41)
        #expect(node.requests[0].uri.contains("at=3"))
        await node.stop()
    }

    @Test func anAnswerThatIsNoProblemDocumentIsNotTakenForOne() async throws {
        let node = try await ScriptedServer { _, _ in .answer(403, body: "<html>") }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await $0.put("k", "v") }
        }
        #expect(error?.code == .malformedAnswer)
        await node.stop()
    }

    @Test func anAnswerThatIsNotTheApiIsMalformed() async throws {
        let node = try await ScriptedServer { _, _ in .answer(200, body: "{}") }
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint]) { try await $0.put("k", "v") }
        }
        #expect(error?.code == .malformedAnswer)
        await node.stop()
    }

    @Test func anAnswerAboveTheBoundIsRefused() async throws {
        let node = try await ScriptedServer { _, _ in .answer(200, body: String(repeating: "x", count: 4096)) }
        var options = quick()
        options.maximumResponseBytes = 1000
        let error = await #expect(throws: ConclaveError.self) {
            try await withClient([node.endpoint], options) { try await $0.get("k") }
        }
        #expect(error?.code == .tooLarge)
        await node.stop()
    }
}
