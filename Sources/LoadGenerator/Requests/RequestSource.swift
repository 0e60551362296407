import Synchronization

/// Where one connection's requests come from; each connection owns its own.
package protocol RequestSource: Sendable {
    mutating func next() -> LoadRequest
}

/// Fresh keys, never the same twice in one run.
struct CreateSource: RequestSource {
    let dialect: any RequestDialect
    let prefix: String
    let value: Value
    private var count = 0

    init(dialect: any RequestDialect, run: String, connection: Int, value: Value) {
        self.dialect = dialect
        self.value = value
        prefix = "bench/\(run)/\(connection)-"
    }

    mutating func next() -> LoadRequest {
        count += 1
        return dialect.create(key: prefix + String(count), value: value)
    }
}

/// Picks evenly among requests made beforehand.
struct RandomSource: RequestSource {
    let requests: [LoadRequest]
    private var generator: SplitMix

    init(requests: [LoadRequest], seed: UInt64) {
        precondition(!requests.isEmpty, "a workload needs at least one request")
        self.requests = requests
        generator = SplitMix(seed: seed)
    }

    mutating func next() -> LoadRequest { requests[Int(generator.next() % UInt64(requests.count))] }
}

/// Gives out a list of requests once, shared between all connections, then repeats it from the start.
struct ListSource: RequestSource {
    let requests: [LoadRequest]
    let position: Position

    /// The next place in the list.
    final class Position: Sendable {
        let next = Atomic(0)
    }

    mutating func next() -> LoadRequest {
        requests[position.next.wrappingAdd(1, ordering: .relaxed).oldValue % requests.count]
    }
}
