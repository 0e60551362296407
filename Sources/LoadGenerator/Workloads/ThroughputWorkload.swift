internal import NIOCore

/// Workloads that send many independent requests.
package enum ThroughputKind: String, CaseIterable, Sendable {
    /// Create-if-absent of fresh keys.
    case create
    /// Writes over a fixed set of keys.
    case put
    /// Linearizable reads over a fixed set of keys.
    case get
    /// One writer, one request at a time.
    case serial
    /// Lease renewals, one lease per connection.
    case renew

    package var writes: Bool { self != .get }
}

/// A throughput workload against one system: prepares what it needs, then makes each connection's requests.
package struct ThroughputWorkload: Sendable {
    private static let leaseSeconds = 600
    private static let preparers = 32

    package var kind: ThroughputKind
    package var system: TargetSystem
    package var keys: Int
    package var valueSize: Int

    package init(_ kind: ThroughputKind, on system: TargetSystem, keys: Int = 1_000, valueSize: Int = 128) {
        self.kind = kind
        self.system = system
        self.keys = keys
        self.valueSize = valueSize
    }

    /// Writes the keys or grants the leases that the workload needs, and returns the maker of request sources for
    /// ``LoadRunner``. Each call makes a run of its own, whose fresh keys no other run uses.
    package func prepare(_ plan: LoadPlan) async throws -> @Sendable (Int) -> any RequestSource {
        let dialect = system.dialect
        let value = Value(size: valueSize, seed: 1)
        let run = String(UInt64.random(in: .min ... .max), radix: 36)
        switch kind {
        case .create:
            return { CreateSource(dialect: dialect, run: run, connection: $0, value: value) }
        case .put, .serial:
            let puts = names.map { dialect.put(key: $0, value: value) }
            return { RandomSource(requests: puts, seed: UInt64($0)) }
        case .get:
            try await sendAll(names.map { dialect.put(key: $0, value: value) }, plan: plan)
            let gets = names.map { dialect.get(key: $0, expecting: value) }
            return { RandomSource(requests: gets, seed: UInt64($0)) }
        case .renew:
            let renewals = try await grant(plan.connections, dialect: dialect, plan: plan)
            return { RandomSource(requests: [renewals[$0]], seed: 0) }
        }
    }

    private var names: [String] { (0..<max(1, keys)).map { "bench/key-\($0)" } }

    private func sendAll(_ requests: [LoadRequest], plan: LoadPlan) async throws {
        let position = ListSource.Position()
        let setUp = LoadPlan(
            endpoints: plan.endpoints, connections: min(Self.preparers, requests.count),
            bound: .requests(requests.count))
        let result = try await LoadRunner.run(setUp) { _ in ListSource(requests: requests, position: position) }
        if let worst = result.errors.ranked.first {
            throw WorkloadFailure("preparing \(kind.rawValue) failed \(worst.count) times: \(worst.reason)")
        }
    }

    private func grant(_ count: Int, dialect: any Dialect, plan: LoadPlan) async throws -> [LoadRequest] {
        let client = Client(plan.endpoints[0])
        var renewals: [LoadRequest] = []
        for _ in 0..<count {
            let answer = try await client.sendExpecting(dialect.grant(seconds: Self.leaseSeconds))
            guard let lease = dialect.lease(in: answer) else { throw WorkloadFailure("a granted lease has no id") }
            renewals.append(dialect.renew(lease: lease, seconds: Self.leaseSeconds))
        }
        await client.close()
        return renewals
    }
}

/// A workload that could not be carried out, in one sentence.
package struct WorkloadFailure: Error, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
