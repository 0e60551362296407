import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct Leaving {
        @Test(.timeLimit(.minutes(1)))
        func aLeaderAskedToGoHandsOverAnswersWhatItHasAndComesBackWithEverything() async throws {
            try await NodeDoor.withDoor { door in
                try await withCluster { cluster, client in
                    let (leader, term) = try await cluster.waitForLeader(client)
                    let direct = ClusterClient(endpoints: [leader.endpoint], options: .single)
                    // Requests are under way on the leader at every moment until it refuses or hangs up.
                    let crowd = (0..<8).map { number in
                        Task { await writeUntilTurnedAway(ByteString("own/\(number)"), direct) }
                    }
                    try await Task.sleep(for: .milliseconds(300))
                    let asked = ContinuousClock.now
                    cluster.signal(leader, SIGTERM)
                    let (next, _) = try await cluster.waitForLeader(client, above: term)
                    let handedOver = ContinuousClock.now - asked
                    let exit = try await cluster.waitForExit(of: leader, within: .seconds(10))
                    let gone = ContinuousClock.now - asked
                    #expect(exit == .code(0), "\(cluster.logTail(of: leader))")
                    #expect(next != leader)
                    #expect(handedOver < .seconds(2))
                    var acknowledged = 0
                    for (number, writer) in crowd.enumerated() {
                        let (last, wasLost) = await writer.value
                        #expect(!wasLost, "an answer of writer \(number) was lost")
                        acknowledged += last
                        let held = try await client.get(ByteString("own/\(number)"))?.value.text.flatMap { Int($0) }
                        #expect(held ?? 0 >= last)
                    }
                    await direct.shutdown()
                    try cluster.start(leader)
                    try await cluster.waitUntilReady(client)
                    #expect(try await cluster.agreement(door).keys == 8)
                    print(
                        "leaving: another leads after \(handedOver.spoken), gone after \(gone.spoken), "
                            + "\(acknowledged) writes acknowledged")
                }
            }
        }

        /// Returns the last number acknowledged, and whether an answer never came.
        private func writeUntilTurnedAway(_ key: ByteString, _ client: ClusterClient) async -> (Int, Bool) {
            var number = 0
            while true {
                do {
                    try await client.put(key, ByteString("\(number + 1)"))
                    number += 1
                } catch let error as ConclaveError {
                    return (number, error.outcome == .unknown)
                } catch {
                    return (number, true)
                }
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aNodeWithManyKeysServesSoonAfterARestart() async throws {
            try await NodeDoor.withDoor { door in
                try await withCluster(size: 1) { cluster, client in
                    let member = cluster.members[0]
                    try await fill(100_000, member, door)
                    let before = try await door.report(of: member)
                    #expect(before.keys == 100_000)
                    let afterKill = try await restart(cluster, client) { try await cluster.kill(member) }
                    let afterStop = try await restart(cluster, client) {
                        cluster.signal(member, SIGTERM)
                        let exit = try await cluster.waitForExit(of: member, within: .seconds(15))
                        #expect(exit == .code(0))
                    }
                    let after = try await door.report(of: member)
                    #expect(after.keys == 100_000)
                    #expect(after.revision == before.revision)
                    print(
                        "restart with 100 000 keys: \(afterKill.spoken) after a kill, \(afterStop.spoken) after a stop")
                    #expect(max(afterKill, afterStop) < .seconds(8))
                }
            }
        }

        private func restart(
            _ cluster: LocalCluster, _ client: ClusterClient, _ end: () async throws -> Void
        ) async throws -> Duration {
            try await end()
            let start = ContinuousClock.now
            try cluster.start(cluster.members[0])
            try await cluster.waitUntilReady(client)
            #expect(try await client.get("k/99999")?.value == "a value of some length, number 99999")
            return .now - start
        }

        private func fill(_ count: Int, _ member: LocalCluster.Member, _ door: NodeDoor) async throws {
            let batch = 125
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        for first in stride(from: worker * batch, to: count, by: 4 * batch) {
                            let steps = (first..<first + batch).map {
                                #"{"put":{"key":"k/\#($0)","value":"a value of some length, number \#($0)"}}"#
                            }
                            let body = #"{"then":[\#(steps.joined(separator: ","))]}"#
                            let answer = try await door.post("/v1/txn", Array(body.utf8), of: member)
                            guard answer.status == 200 else {
                                throw ClusterFailure(
                                    "\(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

extension ClientOptions {
    /// Without repetitions: an answer that is lost shows.
    fileprivate static var single: ClientOptions {
        var options = ClientOptions()
        options.idempotentWrites = false
        options.requestTimeout = .seconds(4)
        return options
    }
}
