import ConclaveClient
import Foundation
import Testing

// What the guides show, word for word; `Guides` compares. Each is run by nobody: that they compile is the point.

private func control(_ client: ClusterClient, as fence: Fence) async throws {}

private func overview() async throws {
    try await ClusterClient.withClient(endpoints: ["127.0.0.1:2379", "127.0.0.1:2479"]) { client in
        for try await leadership in client.campaign("controller", as: "node-1", value: "10.0.0.1:80") {
            do {
                try await leadership.run { try await control(client, as: leadership.fence) }
            } catch let error as ConclaveError where error.code == .fenced {
                print("lost the office; waiting for another turn")
            }
        }
    }
}

private func electing(_ client: ClusterClient) async throws {
    let campaign = client.campaign("controller", as: "node-1", value: "10.0.0.1:80", ttl: .seconds(3)) { waiting in
        print("waits at place \(waiting.position) behind \(waiting.leader?.id ?? "nobody")")
    }
    for try await leadership in campaign {
        do {
            try await leadership.run {
                while true {
                    try await client.put("heartbeat", "node-1", fence: leadership.fence)
                    try await Task.sleep(for: .seconds(1))
                }
            }
        } catch let error as ConclaveError where error.code == .fenced {
            continue  // Not renewed in time: wait for another turn.
        }
    }
    try await client.campaign("migration").withLeadership { leadership in
        try await client.put("schema", "2", when: .unchanged(since: 41), fence: leadership.fence)
    }
}

private func controlling(_ client: ClusterClient, _ leadership: Leadership) async throws {
    let slot = try await client.grantLease(ttl: .seconds(30), fence: leadership.fence)
    try await client.put("slots/7", "node-4", lease: .existing(slot.id), fence: leadership.fence)
    try await client.renewLease(slot.id, fence: leadership.fence)
}

private func locking(_ client: ClusterClient) async throws {
    try await client.lock("backup", ttl: .seconds(30)).withLock { holding in
        try await client.put("backup/last", "now", fence: holding.fence)
    }
    do {
        try await client.lock("backup", patience: .zero).withLock { _ in print("mine") }
    } catch let error as ConclaveError where error.code == .preconditionFailed {
        print("held by", error.incumbent?.id ?? "somebody else")
    }
}

private func watching(_ client: ClusterClient) async throws {
    for try await event in client.observe(.election("controller")) {
        switch event {
        case .leader(let leader, let previous):
            print("\(leader.id) leads, at \(leader.value); before: \(previous?.id ?? "nobody")")
        case .vacant(let fence, _): print("nobody leads since \(fence)")
        case .interrupted: break  // Goes on by itself, and misses nothing.
        }
    }
    if let state = try await client.state(of: .election("controller")), let leader = state.leader {
        print("\(leader.id) leads, \(state.waitingCount) wait")
    }
    for past in try await client.history(of: .election("controller")) ?? [] {
        print(past.fence, past.id, past.reason?.rawValue ?? "in office")
    }
    for try await event in client.watch(.prefix("jobs/")) {
        if case .put(let record, _) = event { print(record.key, record.value) }
    }
}

@Suite struct Guides {
    /// The lines of `text` without their indentation.
    private func lines(_ text: String) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    @Test(arguments: ["ConclaveClient", "Electing", "Locking", "Watching"])
    func everyExampleIsOneThatCompiles(_ guide: String) throws {
        let here = URL(filePath: #filePath)
        let folder = here.deletingLastPathComponent().appending(
            path: "../../Sources/ConclaveClient/ConclaveClient.docc", directoryHint: .isDirectory)
        let text = try String(contentsOf: folder.appending(path: guide + ".md"), encoding: .utf8)
        let compiled = lines(try String(contentsOf: here, encoding: .utf8)).joined(separator: "\n")
        let examples = text.components(separatedBy: "```swift\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(!examples.isEmpty)
        for example in examples { #expect(compiled.contains(lines(example).joined(separator: "\n")), "\(example)") }
    }
}
