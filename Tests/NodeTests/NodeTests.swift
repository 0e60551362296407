import Foundation
import KeyValue
import Logging
import NIOCore
import NIOPosix
import Node
import Primitives
import ReplicaCore
import Synchronization
import Testing

@Suite struct NodeTests {
    @Test func aWriteIsAnsweredAndThereAfterARestart() async throws {
        let folder = try Folder()
        let life = try await withNode(in: folder) { node -> UInt64 in
            guard case .written(.put(let result), let position) = await node.write(put("a", "1")) else {
                Issue.record("the write was not answered")
                return 0
            }
            #expect(result.created)
            #expect(position.revision == Revision(2))
            return await node.status().incarnation
        }
        try await withNode(in: folder) { node in
            #expect(await node.value("a") == Array("1".utf8))
            #expect(await node.status().incarnation == life + 1)
        }
    }

    @Test func theThreadThatSavesTheStateStandsBehindTheOthers() async throws {
        let own = getpriority(Int32(PRIO_PROCESS.rawValue), UInt32(getpid()))
        try await withNode(in: try Folder()) { node in
            _ = await node.write(put("a", "1"))
            let deadline = ContinuousClock.now + .seconds(10)
            var found: Set<Int32> = []
            while !found.contains(min(own + 5, 19)), ContinuousClock.now < deadline {
                found = try threadNiceness()
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(found.isSuperset(of: [own, min(own + 5, 19)]))
        }
    }

    /// What the threads of this process have; it is the 17th word behind a thread's name in parentheses (proc_pid_stat(5)).
    private func threadNiceness() throws -> Set<Int32> {
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
        return Set(
            threads.compactMap { thread in
                let line = try? String(contentsOfFile: "/proc/self/task/\(thread)/stat", encoding: .utf8)
                let words = line?.split(separator: ")").last?.split(separator: " ") ?? []
                return words.count > 16 ? Int32(words[16]) : nil
            })
    }

    @Test func whoLeadsAnElectionStillDoesAfterARestart() async throws {
        let folder = try Folder()
        let election = ElectionID(kind: .election, name: Array("e".utf8))
        func campaign(_ id: String) -> Command {
            .campaign(
                Campaign(
                    candidacy: CandidacyID(election: election, candidate: Array(id.utf8)), value: [],
                    lease: .drawn(LeaseID(UInt64(id.utf8.first!)), ttl: .seconds(60))))
        }
        try await withNode(in: folder) { node in
            for id in ["a", "b"] { _ = await node.write(campaign(id)) }
        }
        try await withNode(in: folder) { node in
            guard
                case .read(.election(let view?), _) = await node.ask(
                    .read(.election(election, limit: 9), .linearizable))
            else {
                Issue.record("the election is gone")
                return
            }
            #expect(view.summary.leader?.candidate == Array("a".utf8))
            #expect(view.candidates.map(\.candidate) == [Array("b".utf8)])
            guard case .written(.candidacy(let result), _) = await node.write(campaign("a")) else {
                Issue.record("the campaign was not answered")
                return
            }
            #expect(result.standing == .leading && !result.created && result.summary.fence == view.summary.fence)
        }
    }

    @Test func answersComeOnTheLoopThatAsked() async throws {
        try await withNode(in: try Folder()) { node in
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let onLoop = await withCheckedContinuation { continuation in
                node.submit(.read(.leases(from: LeaseID(1), limit: 0), .linearizable), timeout: .seconds(5), on: loop) {
                    _ in
                    continuation.resume(returning: loop.inEventLoop)
                }
            }
            #expect(onLoop)
        }
    }

    @Test func writesThatComeOneByOneAreEachSyncedBeforeTheyAreAnswered() async throws {
        try await withNode(in: try Folder()) { node in
            for number in 0..<50 {
                let before = await node.status().logSyncs
                _ = await node.write(put("k\(number)", "v"))
                #expect(await node.status().logSyncs > before)
            }
        }
    }

    /// A few writes are made durable on the loop, more on the writer's thread: they take turns here all the time.
    @Test func writesOnTheLoopAndOnTheWritersThreadDoNotOvertakeEachOther() async throws {
        try await withNode(in: try Folder()) { node in
            await withTaskGroup(of: Void.self) { group in
                for client in 0..<12 {
                    group.addTask {
                        for number in 0..<150 {
                            _ = await node.write(put("k\(client)-\(number)", "v"))
                            if (number / 10 + client) % 3 == 0 { try? await Task.sleep(for: .milliseconds(1)) }
                        }
                    }
                }
            }
            #expect(await node.status().replica.keys == 12 * 150)
        }
    }

    @Test func aThousandWritesAtOnceShareSyncs() async throws {
        try await withNode(in: try Folder()) { node in
            let before = await node.status().logSyncs
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<1000 { group.addTask { _ = await node.write(put("k\(number)", "v")) } }
            }
            let status = await node.status()
            #expect(status.replica.keys == 1000)
            #expect(status.logSyncs - before < 500)
        }
    }

    @Test func aWatchGetsEachRevisionOnceAndInOrderAndThenHowFarItCame() async throws {
        try await withNode(in: try Folder()) { node in
            let sink = Sink()
            let watch = await node.watch("a", sink)
            for number in 1...20 { _ = await node.write(put(number % 2 == 0 ? "a" : "b", "\(number)")) }
            let reached = await withCheckedContinuation { continuation in
                node.progress(of: watch, sink: sink) { continuation.resume(returning: $0) }
            }
            #expect(reached == Revision(21))
            #expect(sink.revisions == stride(from: UInt64(3), through: 21, by: 2).map { Revision($0) })
        }
    }

    @Test func aPausedWatchMissesNothing() async throws {
        try await withNode(in: try Folder()) { node in
            let sink = Sink()
            let watch = await node.watch("a", sink)
            node.pauseWatch(watch)
            for number in 1...10 { _ = await node.write(put("a", "\(number)")) }
            #expect(sink.revisions.isEmpty)
            node.resumeWatch(watch)
            let deadline = ContinuousClock.now + .seconds(10)
            while sink.revisions.count < 10, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(sink.revisions == (2...11).map { Revision($0) })
        }
    }

    @Test func aDirectoryInUseIsRefusedInASentence() async throws {
        let folder = try Folder()
        try await withNode(in: folder) { _ in
            #expect {
                _ = try NodeRuntime(
                    options: options(folder), loop: MultiThreadedEventLoopGroup.singleton.next(), logger: quiet)
            } throws: { "\($0)".contains("is in use by") }
        }
    }

    @Test func aDirectoryOfAnotherMemberIsRefusedInASentence() async throws {
        let folder = try Folder()
        try await withNode(in: folder) { _ in }
        var other = options(folder)
        other.name = "n2"
        other.members = [NodeOptions.Member(name: "n2", host: "127.0.0.1", port: 1)]
        #expect {
            _ = try NodeRuntime(options: other, loop: MultiThreadedEventLoopGroup.singleton.next(), logger: quiet)
        } throws: { "\($0)".contains("belongs to") }
    }
}

// MARK: - Support

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A folder that goes with the test.
final class Folder: Sendable {
    let path: String
    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "conclave-node-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

func options(_ folder: Folder) -> NodeOptions {
    NodeOptions(
        name: "n1", dataDirectory: folder.path, members: [NodeOptions.Member(name: "n1", host: "127.0.0.1", port: 1)],
        peerListenHost: "127.0.0.1", peerListenPort: 0, version: "test")
}

@discardableResult
private func withNode<Result: Sendable>(
    in folder: Folder, _ body: (NodeRuntime) async throws -> Result
) async throws -> Result {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let node = try NodeRuntime(options: options(folder), loop: loop, logger: quiet)
    try await node.start()
    let result = try await body(node)
    await node.stop()
    return result
}

private func put(_ key: String, _ value: String) -> Command {
    .put(Put(key: Array(key.utf8), value: Array(value.utf8)))
}

extension NodeRuntime {
    fileprivate func ask(_ request: ClientRequest) async -> ClientReply {
        await withCheckedContinuation { continuation in
            submit(request, timeout: .seconds(20), on: MultiThreadedEventLoopGroup.singleton.next()) {
                continuation.resume(returning: $0)
            }
        }
    }

    fileprivate func write(_ command: Command) async -> ClientReply { await ask(.write(Proposal(command: command))) }

    fileprivate func value(_ key: String) async -> Bytes? {
        let query = Query.range(RangeQuery(selection: .key(Array(key.utf8))))
        guard case .read(.range(let result), _) = await ask(.read(query, .linearizable)) else { return nil }
        return result.records.first?.value
    }

    fileprivate func status() async -> NodeStatus {
        await withCheckedContinuation { continuation in
            status(on: MultiThreadedEventLoopGroup.singleton.next()) { continuation.resume(returning: $0) }
        }
    }

    /// Opens a watch and waits until it is open.
    fileprivate func watch(_ key: String, _ sink: Sink) async -> WatchID {
        let opened = Mutex<WatchID?>(nil)
        await withCheckedContinuation { continuation in
            let request = WatchRequest(selections: [.key(Array(key.utf8))], start: .now)
            let id = openWatch(request, timeout: .seconds(20), sink: sink) { _ in continuation.resume() }
            opened.withLock { $0 = id }
        }
        return opened.withLock { $0! }
    }
}

/// Remembers which revisions it was given.
private final class Sink: WatchSink {
    let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let seen = Mutex<[Revision]>([])
    var revisions: [Revision] { seen.withLock { $0 } }
    func deliver(_ batch: WatchBatch) { seen.withLock { $0.append(contentsOf: batch.revisions.map(\.revision)) } }
    func ended(_ end: WatchEnd) {}
    func leaderKnown(_ known: Bool) {}
}
