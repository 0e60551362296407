import ConclaveClient
import Foundation
import LocalProcesses
import NIOCore
import NIOPosix
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct RandomBytes {
        @Test(.timeLimit(.minutes(1)))
        func onEitherPortDoNotDisturbANode() async throws {
            try await withCluster { cluster, client in
                let leader = try await cluster.waitForLeader(client).member
                let id = try #require(cluster.processID(of: leader))
                try await client.put("k", "v")
                let before = try residentKilobytes(id)
                let seed = UInt64.random(in: .min ... .max)
                let deadline = ContinuousClock.now + .seconds(3)
                let answered = try await withThrowingTaskGroup(of: Int.self) { group in
                    for (place, address) in [leader.clientAddress, leader.peerAddress].enumerated() {
                        for worker in 0..<4 {
                            let generator = FaultGenerator(seed: seed &+ UInt64(place * 8 + worker))
                            group.addTask { try await pester(address, until: deadline, isHTTP: place == 0, generator) }
                        }
                    }
                    // All the while, the node does its work.
                    group.addTask {
                        var rounds = 0
                        let direct = ClusterClient(endpoints: [leader.endpoint])
                        while ContinuousClock.now < deadline {
                            try await direct.put("k", ByteString("\(rounds)"))
                            rounds += 1
                        }
                        await direct.shutdown()
                        return -rounds
                    }
                    return try await group.reduce(into: [Int]()) { $0.append($1) }
                }
                let connections = answered.filter { $0 > 0 }.reduce(0, +)
                let writes = -(answered.min() ?? 0)
                #expect(connections > 100, "seed \(seed)")
                #expect(writes > 5, "seed \(seed)")
                #expect(cluster.processID(of: leader) == id)
                #expect(cluster.exitStatus(of: leader) == nil, "seed \(seed)")
                #expect(try await client.get("k")?.value == ByteString("\(writes - 1)"))
                let after = try residentKilobytes(id)
                #expect(after - before < 64 * 1024, "\(before) KB grew to \(after) KB, seed \(seed)")
                print(
                    "random bytes: \(connections) connections, \(writes) writes beside them, \(before) KB to \(after) KB"
                )
            }
        }

        /// Sends garbage over one connection after the other; returns how many were made.
        private func pester(
            _ address: String, until deadline: ContinuousClock.Instant, isHTTP: Bool, _ generator: FaultGenerator
        ) async throws -> Int {
            var generator = generator
            let parts = address.split(separator: ":")
            var count = 0
            while ContinuousClock.now < deadline {
                let garbage = garbage(isHTTP: isHTTP, &generator)
                // The node may close before all is sent, which is its right.
                let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                    .connect(host: String(parts[0]), port: Int(parts[1])!).get()
                for part in garbage { try? await channel.writeAndFlush(ByteBuffer(bytes: part)).get() }
                try? await Task.sleep(for: .milliseconds(2))
                try? await channel.close().get()
                count += 1
            }
            return count
        }

        /// Pure noise, or a beginning that makes sense and goes wrong.
        private func garbage(isHTTP: Bool, _ generator: inout FaultGenerator) -> [[UInt8]] {
            let noise = (0..<Int.random(in: 1...4096, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            if Bool.random(using: &generator) { return [noise] }
            if isHTTP {
                let openings = [
                    "PUT /v1/kv/k%ZZ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                    "POST /v1/txn HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
                    "POST /v1/leases HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n{\"ttl\":[[[[",
                    "GET /v1/watch?prefix=&from=18446744073709551615 HTTP/1.1\r\nHost: x\r\n\r\n",
                    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /v1/kv/k?timeout=999999999999s HTTP/1.1\r\n",
                ]
                return [Array(openings.randomElement(using: &generator)!.utf8), noise]
            }
            // The length of a frame, small, large, or all there is.
            let length = [UInt32(32), 1024, 8 << 20, .max].randomElement(using: &generator)!
            return [withUnsafeBytes(of: length.littleEndian) { Array($0) }, noise]
        }
    }
}
