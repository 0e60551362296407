import Foundation
import KeyValue
import Primitives
import Testing

@testable import EtcdAPI

@Suite struct WatchTests {
    private func create(_ change: (inout Etcdserverpb_WatchCreateRequest) -> Void) -> Etcdserverpb_WatchRequest {
        .with { $0.createRequest = .with(change) }
    }

    private func watch(_ client: GRPCClient) async throws -> GRPCCall {
        try await client.begin("/etcdserverpb.Watch/Watch")
    }

    private func put(_ client: GRPCClient, _ key: String, _ value: String) async throws {
        let _: Etcdserverpb_PutResponse = try await client.call("/etcdserverpb.KV/Put", EtcdAPITests.put(key, value))
    }

    @Test func aWatchIsCreatedAndThenTellsEvents() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                try await put(client, "a", "0")
                let call = try await watch(client)
                try call.send(
                    create {
                        $0.key = Data("a".utf8); $0.prevKv = true
                    })
                let created: Etcdserverpb_WatchResponse = try await call.message(0)
                #expect(created.created && !created.canceled && created.watchID == 0 && created.events.isEmpty)
                #expect(created.header.revision == 2)
                call.endRequests()
                try await put(client, "a", "1")
                try await put(client, "b", "1")
                let event: Etcdserverpb_WatchResponse = try await call.message(1)
                #expect(event.events.map(\.kv.value.text) == ["1"])
                #expect(event.events.map(\.prevKv.value.text) == ["0"])
                #expect(event.header.revision == 3)
                let _: Etcdserverpb_DeleteRangeResponse = try await client.call(
                    "/etcdserverpb.KV/DeleteRange", Etcdserverpb_DeleteRangeRequest.with { $0.key = Data("a".utf8) })
                let deleted: Etcdserverpb_WatchResponse = try await call.message(2)
                #expect(deleted.events.map(\.type) == [.delete])
                #expect(
                    deleted.events[0].kv
                        == .with {
                            $0.key = Data("a".utf8); $0.modRevision = 5
                        })
            }
        }
    }

    @Test func manyWatchesShareAStream() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                try await put(client, "a", "0")
                let call = try await watch(client)
                try call.send(
                    create {
                        $0.key = Data("a".utf8); $0.startRevision = 2
                    })
                try call.send(
                    create {
                        $0.key = Data("b".utf8); $0.filters = [.noput]
                    })
                try call.send(
                    create {
                        $0.key = Data("b".utf8); $0.watchID = 7
                    })
                try call.send(
                    create {
                        $0.key = Data("b".utf8); $0.watchID = 7
                    })
                try call.send(
                    create {
                        $0.key = Data("b".utf8); $0.rangeEnd = Data("a".utf8)
                    })
                try call.send(Etcdserverpb_WatchRequest.with { $0.cancelRequest.watchID = 1 })
                try await eventually("all answers") { call.messageCount >= 7 }
                let answers = try await answers(of: call, 7)
                let created = answers.filter(\.created)
                #expect(created.map(\.watchID) == [0, 1, 7, -1, -1])
                #expect(created.map(\.canceled) == [false, false, false, true, true])
                #expect(created[3].cancelReason == "mvcc: duplicate watch ID provided on the WatchStream")
                #expect(created[4].cancelReason == "mvcc: watcher range is empty")
                #expect(answers.contains { $0.canceled && $0.watchID == 1 && !$0.created })
                #expect(answers.contains { $0.watchID == 0 && $0.events.map(\.kv.value.text) == ["0"] })
                try await put(client, "b", "1")
                let event: Etcdserverpb_WatchResponse = try await call.message(7)
                #expect(event.watchID == 7)
            }
        }
    }

    private func answers(of call: GRPCCall, _ count: Int) async throws -> [Etcdserverpb_WatchResponse] {
        var answers: [Etcdserverpb_WatchResponse] = []
        for place in 0..<count { answers.append(try await call.message(place)) }
        return answers
    }

    @Test func historyThatIsGoneCancelsAWatch() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                for number in 1...5 { try await put(client, "a", "\(number)") }
                let _: Etcdserverpb_CompactionResponse = try await client.call(
                    "/etcdserverpb.KV/Compact", Etcdserverpb_CompactionRequest.with { $0.revision = 4 })
                let call = try await watch(client)
                try call.send(
                    create {
                        $0.key = Data("a".utf8); $0.startRevision = 3
                    })
                let created: Etcdserverpb_WatchResponse = try await call.message(0)
                #expect(created.created && created.watchID == 0 && !created.canceled)
                let cancelled: Etcdserverpb_WatchResponse = try await call.message(1)
                #expect(cancelled.canceled && cancelled.compactRevision == 4)
                #expect(cancelled.cancelReason == RPCStatus.compacted.message)
                try call.send(
                    create {
                        $0.key = Data("a".utf8); $0.startRevision = cancelled.compactRevision
                    })
                let again: Etcdserverpb_WatchResponse = try await call.message(2)
                #expect(again.created && again.watchID == 1)
                let events: Etcdserverpb_WatchResponse = try await call.message(3)
                #expect(events.events.map(\.kv.modRevision) == [4, 5, 6])
                try call.send(
                    create {
                        $0.key = Data("a".utf8); $0.startRevision = -1
                    })
                let negative: Etcdserverpb_WatchResponse = try await call.message(5)
                #expect(negative.canceled && negative.compactRevision == 4)
            }
        }
    }

    @Test func aWatchOfTheFutureWaitsForIt() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let call = try await watch(client)
                try call.send(
                    create {
                        $0.key = Data("a".utf8); $0.startRevision = 4
                    })
                let _: Etcdserverpb_WatchResponse = try await call.message(0)
                for number in 1...4 { try await put(client, "a", "\(number)") }
                let event: Etcdserverpb_WatchResponse = try await call.message(1)
                #expect(event.events.first?.kv.modRevision == 4)
            }
        }
    }

    @Test func progressIsToldForAllWatchesTogether() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let call = try await watch(client)
                try call.send(create { $0.key = Data("a".utf8) })
                let _: Etcdserverpb_WatchResponse = try await call.message(0)
                try await put(client, "b", "1")
                try call.send(Etcdserverpb_WatchRequest.with { $0.progressRequest = .init() })
                let progress: Etcdserverpb_WatchResponse = try await call.message(1)
                #expect(progress.watchID == -1 && progress.events.isEmpty && progress.header.revision == 2)
            }
        }
    }

    @Test func aTransactionsEventsComeTogether() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let call = try await watch(client)
                try call.send(
                    create {
                        $0.key = Data([0]); $0.rangeEnd = Data([0])
                    })
                let _: Etcdserverpb_WatchResponse = try await call.message(0)
                let _: Etcdserverpb_TxnResponse = try await client.call(
                    "/etcdserverpb.KV/Txn",
                    Etcdserverpb_TxnRequest.with { txn in
                        txn.success = (0..<100).map { number in
                            .with { $0.requestPut = EtcdAPITests.put("k\(100 + number)", "") }
                        }
                    })
                let event: Etcdserverpb_WatchResponse = try await call.message(1)
                #expect(event.events.count == 100)
                #expect(Set(event.events.map(\.kv.modRevision)) == [2])
            }
        }
    }

    @Test func aClientThatIsGoneIsWatchedForNoMore() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let call = try await watch(client)
                try call.send(create { $0.key = Data("a".utf8) })
                let _: Etcdserverpb_WatchResponse = try await call.message(0)
                #expect(await node.watches() == 1)
                call.reset()
                try await eventually("the watch's end") { await node.watches() == 0 }
            }
        }
    }
}

extension TestNode {
    func watches() async -> Int {
        await withCheckedContinuation { continuation in
            node.status(on: MultiThreadedLoop.shared) { continuation.resume(returning: $0.replica.watches) }
        }
    }
}
