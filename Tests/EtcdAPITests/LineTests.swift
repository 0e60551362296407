import Foundation
import Testing

@testable import EtcdAPI

/// Locks and elections.
@Suite struct LineTests {
    private func grant(_ client: GRPCClient) async throws -> Int64 {
        let granted: Etcdserverpb_LeaseGrantResponse = try await client.call(
            "/etcdserverpb.Lease/LeaseGrant", Etcdserverpb_LeaseGrantRequest.with { $0.ttl = 60 })
        return granted.id
    }

    @Test func aLockIsHeldByOneAfterTheOther() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let (first, second) = (try await grant(client), try await grant(client))
                let held: V3lockpb_LockResponse = try await client.call(
                    "/v3lockpb.Lock/Lock",
                    V3lockpb_LockRequest.with {
                        $0.name = Data("l".utf8); $0.lease = first
                    })
                #expect(held.key.text == "l/" + String(first, radix: 16))
                let waiting = try await client.begin("/v3lockpb.Lock/Lock")
                try waiting.send(
                    V3lockpb_LockRequest.with {
                        $0.name = Data("l".utf8); $0.lease = second
                    })
                waiting.endRequests()
                try await eventually("the second in line") {
                    let line: Etcdserverpb_RangeResponse? = try? await client.call(
                        "/etcdserverpb.KV/Range", range("l/", to: "l0"))
                    return line?.kvs.count == 2
                }
                // A stranger's key is no lock.
                let _: Etcdserverpb_PutResponse = try await client.call("/etcdserverpb.KV/Put", put("l/abc", "mine"))
                let _: V3lockpb_UnlockResponse = try await client.call(
                    "/v3lockpb.Lock/Unlock", V3lockpb_UnlockRequest.with { $0.key = Data("l/abc".utf8) })
                let mine: Etcdserverpb_RangeResponse = try await client.call("/etcdserverpb.KV/Range", range("l/abc"))
                #expect(mine.count == 1)
                #expect(waiting.messageCount == 0)
                let _: V3lockpb_UnlockResponse = try await client.call(
                    "/v3lockpb.Lock/Unlock", V3lockpb_UnlockRequest.with { $0.key = held.key })
                let next: V3lockpb_LockResponse = try await waiting.message(0)
                #expect(next.key.text == "l/" + String(second, radix: 16))
            }
        }
    }

    @Test func whoGivesUpWaitingLeavesTheLine() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let (first, second) = (try await grant(client), try await grant(client))
                let _: V3lockpb_LockResponse = try await client.call(
                    "/v3lockpb.Lock/Lock",
                    V3lockpb_LockRequest.with {
                        $0.name = Data("l".utf8); $0.lease = first
                    })
                let waiting = try await client.begin("/v3lockpb.Lock/Lock", [("grpc-timeout", "200m")])
                try waiting.send(
                    V3lockpb_LockRequest.with {
                        $0.name = Data("l".utf8); $0.lease = second
                    })
                waiting.endRequests()
                #expect(try await waiting.status().code == .deadlineExceeded)
                try await eventually("an empty place") {
                    let line: Etcdserverpb_RangeResponse? = try? await client.call(
                        "/etcdserverpb.KV/Range", range("l/", to: "l0"))
                    return line?.kvs.count == 1
                }
            }
        }
    }

    @Test func anElectionHasOneLeaderAtATime() async throws {
        try await TestNode.run { node in
            try await node.connected { client in
                let (first, second) = (try await grant(client), try await grant(client))
                #expect(
                    try await client.failure(
                        "/v3electionpb.Election/Leader", V3electionpb_LeaderRequest.with { $0.name = Data("e".utf8) })
                        == .noElectionLeader)
                let observing = try await client.begin("/v3electionpb.Election/Observe")
                try observing.send(V3electionpb_LeaderRequest.with { $0.name = Data("e".utf8) })
                observing.endRequests()
                func campaign(_ lease: Int64, _ value: String) -> V3electionpb_CampaignRequest {
                    .with {
                        $0.name = Data("e".utf8)
                        $0.lease = lease
                        $0.value = Data(value.utf8)
                    }
                }
                let won: V3electionpb_CampaignResponse = try await client.call(
                    "/v3electionpb.Election/Campaign", campaign(first, "one"))
                #expect(won.leader.lease == first)
                let seen: V3electionpb_LeaderResponse = try await observing.message(0)
                #expect(seen.kv.value.text == "one")
                let waiting = try await client.begin("/v3electionpb.Election/Campaign")
                try waiting.send(campaign(second, "two"))
                waiting.endRequests()
                let _: V3electionpb_ProclaimResponse = try await client.call(
                    "/v3electionpb.Election/Proclaim",
                    V3electionpb_ProclaimRequest.with {
                        $0.leader = won.leader; $0.value = Data("uno".utf8)
                    })
                let proclaimed: V3electionpb_LeaderResponse = try await observing.message(1)
                #expect(proclaimed.kv.value.text == "uno")
                // Who names another revision does not hold the office.
                let stranger = V3electionpb_LeaderKey.with {
                    $0 = won.leader
                    $0.rev += 1
                }
                let _: V3electionpb_ResignResponse = try await client.call(
                    "/v3electionpb.Election/Resign", V3electionpb_ResignRequest.with { $0.leader = stranger })
                #expect(
                    try await client.failure(
                        "/v3electionpb.Election/Proclaim", V3electionpb_ProclaimRequest.with { $0.leader = stranger })
                        == .notElectionLeader)
                #expect(waiting.messageCount == 0)
                let _: V3electionpb_ResignResponse = try await client.call(
                    "/v3electionpb.Election/Resign", V3electionpb_ResignRequest.with { $0.leader = won.leader })
                let next: V3electionpb_CampaignResponse = try await waiting.message(0)
                #expect(next.leader.lease == second)
                let observed: V3electionpb_LeaderResponse = try await observing.message(2)
                #expect(observed.kv.value.text == "two")
                #expect(
                    try await client.failure("/v3electionpb.Election/Resign", V3electionpb_ResignRequest())
                        == .leaderFieldMissing)
            }
        }
    }
}
