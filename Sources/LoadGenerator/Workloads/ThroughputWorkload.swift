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

    package var kind: ThroughputKind
    package var wire: Wire
    package var keys: Int
    package var valueSize: Int

    /// Over the system's own interface.
    package init(_ kind: ThroughputKind, on system: TargetSystem, keys: Int = 1_000, valueSize: Int = 128) {
        self.init(kind, over: system.ownWire, keys: keys, valueSize: valueSize)
    }

    package init(_ kind: ThroughputKind, over wire: Wire, keys: Int = 1_000, valueSize: Int = 128) {
        self.kind = kind
        self.wire = wire
        self.keys = keys
        self.valueSize = valueSize
    }

    /// Writes the keys or grants the leases that the workload needs, and returns the maker of request sources for
    /// ``LoadRunner``. Each call makes a run of its own, whose fresh keys no other run uses.
    package func prepare(_ plan: LoadPlan) async throws -> @Sendable (Int) -> any RequestSource {
        let dialect = wire.dialect
        let preparing = wire.preparingDialect
        let value = Value(size: valueSize, seed: 1)
        let run = String(UInt64.random(in: .min ... .max), radix: 36)
        switch kind {
        case .create:
            return { CreateSource(dialect: dialect, run: run, connection: $0, value: value) }
        case .put, .serial:
            let puts = names.map { dialect.put(key: $0, value: value) }
            return { RandomSource(requests: puts, seed: UInt64($0)) }
        case .get:
            try await Granting.sendAll(names.map { preparing.put(key: $0, value: value) }, to: plan.endpoints)
            let gets = names.map { dialect.get(key: $0, expecting: value) }
            return { RandomSource(requests: gets, seed: UInt64($0)) }
        case .renew:
            let renewals = try await Granting.leases(
                plan.connections, seconds: Self.leaseSeconds, in: preparing, at: plan.endpoints
            ).map { dialect.renew(lease: $0, seconds: Self.leaseSeconds) }
            return { RandomSource(requests: [renewals[$0]], seed: 0) }
        }
    }

    private var names: [String] { (0..<max(1, keys)).map { "bench/key-\($0)" } }
}

/// A workload that could not be carried out, in one sentence.
package struct WorkloadFailure: Error, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}
