import ConclaveClient
import Foundation
import LocalProcesses
import Synchronization
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct SlowReaders {
        @Test(.timeLimit(.minutes(1)))
        func watchersThatDoNotReadCostLittleMemoryAndMissNothingWhenTheyDo() async throws {
            try await withCluster(size: 1) { cluster, client in
                let id = try #require(cluster.processID(of: cluster.members[0]))
                let gate = Gate()
                let endpoints = cluster.endpoints
                let readers = (0..<6).map { _ in Task { try await read(through: gate, endpoints) } }
                try await eventually("all watches are open") { gate.waiting == readers.count }
                // More than the sockets between them can hold.
                let value = ByteString([UInt8](repeating: UInt8(ascii: "v"), count: 256 * 1024))
                var revisions: [UInt64] = []
                for number in 0..<60 {
                    revisions.append(try await client.put(ByteString("k\(number % 4)"), value).revision)
                }
                let stored = try residentKilobytes(id)
                gate.open(until: revisions[59])
                let (peak, slowest, told) = try await watchOver(id, cluster.members[0], readers)
                #expect(told.allSatisfy { $0 == revisions })
                print(
                    "slow readers: \(stored) KB before they read, \(peak) KB at most, slowest write \(slowest.spoken)")
                #expect(peak - stored < 24 * 1024, "\(stored) KB grew to \(peak) KB")
                #expect(slowest < .seconds(2))
            }
        }

        /// The most memory the node takes while all of `readers` end, and its slowest write in that time.
        ///
        /// The writer is a process of its own: this one is busy reading.
        private func watchOver(
            _ id: Int32, _ member: LocalCluster.Member, _ readers: [Task<[UInt64], any Error>]
        ) async throws -> (peak: Int, slowest: Duration, told: [[UInt64]]) {
            let output = try Sandbox.directory("writer").appending(path: "output")
            let put = "curl -s -o /dev/null -w '%{time_total}\\n' -X PUT -d v \(member.endpoint.url)/v1/kv/other"
            let writer = try ChildProcess("/bin/sh", ["-c", "while \(put); do sleep 0.01; done"], log: output)
            let memory = Task {
                var peak = 0
                while !Task.isCancelled {
                    peak = max(peak, try residentKilobytes(id))
                    try? await Task.sleep(for: .milliseconds(5))
                }
                return peak
            }
            var told: [[UInt64]] = []
            for reader in readers { told.append(try await reader.value) }
            memory.cancel()
            let peak = try await memory.value
            writer.send(SIGKILL)
            try await eventually("the writer is gone") { writer.exit() != nil }
            let times = try String(contentsOf: output, encoding: .utf8).split(separator: "\n").compactMap { Double($0) }
            #expect(times.count > 10)
            return (peak, .seconds(times.max() ?? .infinity), told)
        }
    }
}

/// Where readers wait until they may read.
private final class Gate: Sendable {
    private let state = Mutex<(waiting: Int, last: UInt64?)>((0, nil))

    var waiting: Int { state.withLock { $0.waiting } }
    func open(until last: UInt64) { state.withLock { $0.last = last } }

    /// Returns the revision to read up to.
    func pass() async throws -> UInt64 {
        state.withLock { $0.waiting += 1 }
        try await eventually("the gate opens", within: .seconds(40)) { state.withLock { $0.last != nil } }
        return state.withLock { $0.last } ?? 0
    }
}

/// Opens a watch and reads nothing but its beginning, until the gate opens; returns the revisions it tells then.
private func read(through gate: Gate, _ endpoints: [Endpoint]) async throws -> [UInt64] {
    let client = ClusterClient(endpoints: endpoints)
    var events = client.watch(.prefix("k")).makeAsyncIterator()
    guard case .state = try await events.next() else { throw ClusterFailure("a watch begins with the state") }
    let last = try await gate.pass()
    var told: [UInt64] = []
    while told.last ?? 0 < last, let event = try await events.next() {
        if case .put(let record, _) = event { told.append(record.modRevision) }
    }
    await client.shutdown()
    return told
}
