import ConclaveClient
import Foundation
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct SlowReaders {
        @Test(.timeLimit(.minutes(1)))
        func watchersThatDoNotReadCostLittleMemoryAndMissNothingWhenTheyDo() async throws {
            try await withCluster(size: 1) { cluster, client in
                let id = try #require(cluster.processID(of: cluster.members[0]))
                let readers = (0..<6).map { _ in LateReader(cluster.endpoints) }
                for reader in readers { try await reader.open() }
                // More than the sockets between them can hold.
                let value = ByteString([UInt8](repeating: UInt8(ascii: "v"), count: 256 * 1024))
                var revisions: [UInt64] = []
                for number in 0..<80 {
                    revisions.append(try await client.put(ByteString("k\(number % 4)"), value).revision)
                }
                let stored = try residentKilobytes(id)
                let (peak, slowest) = try await withThrowingTaskGroup(of: [UInt64].self) { group in
                    for reader in readers {
                        group.addTask { try await reader.read(through: revisions.last ?? 0) }
                    }
                    let figures = try await watchOver(id, client)
                    for try await told in group { #expect(told == revisions) }
                    return figures
                }
                print(
                    "slow readers: \(stored) KB before they read, \(peak) KB at most, slowest write \(slowest.spoken)")
                #expect(peak - stored < 24 * 1024, "\(stored) KB grew to \(peak) KB")
                #expect(slowest < .seconds(2))
                for reader in readers { await reader.end() }
            }
        }

        /// The most memory the node takes, and its slowest write, for some time.
        private func watchOver(_ id: Int32, _ client: ClusterClient) async throws -> (peak: Int, slowest: Duration) {
            var (peak, slowest) = (0, Duration.zero)
            let deadline = ContinuousClock.now + .seconds(2)
            while ContinuousClock.now < deadline {
                let begin = ContinuousClock.now
                try await client.put("other", "v")
                slowest = max(slowest, .now - begin)
                peak = max(peak, try residentKilobytes(id))
                try await Task.sleep(for: .milliseconds(5))
            }
            return (peak, slowest)
        }
    }
}

/// Opens a watch and reads nothing but its beginning, until it is told to.
private actor LateReader {
    private let client: ClusterClient
    private var events: Watch.AsyncIterator?

    init(_ endpoints: [Endpoint]) { client = ClusterClient(endpoints: endpoints) }

    func open() async throws {
        var events = client.watch(.prefix("k")).makeAsyncIterator()
        guard case .state = try await events.next() else { throw ClusterFailure("a watch begins with the state") }
        self.events = events
    }

    /// The revisions that the watch tells, up to the last one expected.
    func read(through last: UInt64) async throws -> [UInt64] {
        guard var events else { return [] }
        self.events = nil
        var told: [UInt64] = []
        while told.last ?? 0 < last, let event = try await events.next() {
            if case .put(let record, _) = event { told.append(record.modRevision) }
        }
        return told
    }

    func end() async { await client.shutdown() }
}
