package import NIOCore

/// How a workload is driven.
package struct LoadPlan: Sendable {
    package var endpoints: [Endpoint]
    /// Requests in flight at most. Over HTTP/1.1 each has a connection of its own.
    package var connections: Int
    package var transport: Transport
    /// Whether also over gRPC each has a connection of its own, as clients on many machines do.
    package var ownConnections: Bool
    /// Event loops, each with its own thread.
    package var loops: Int
    package var warmUp: TimeAmount
    package var bound: Bound
    /// Requests per second of an open loop; `nil` for a closed loop.
    package var rate: Double?
    /// How long one request may take.
    package var timeout: TimeAmount

    /// Every run ends.
    package enum Bound: Sendable {
        case duration(TimeAmount)
        case requests(Int)
    }

    package init(
        endpoints: [Endpoint], connections: Int, transport: Transport = .connections, ownConnections: Bool = false,
        loops: Int = 1, warmUp: TimeAmount = .zero, bound: Bound,
        rate: Double? = nil, timeout: TimeAmount = .seconds(10)
    ) {
        precondition(!endpoints.isEmpty && connections > 0 && loops > 0, "a run needs endpoints, connections and loops")
        self.endpoints = endpoints
        self.connections = connections
        self.transport = transport
        self.ownConnections = ownConnections
        self.loops = loops
        self.warmUp = warmUp
        self.bound = bound
        self.rate = rate
        self.timeout = timeout
    }
}

/// What a run measured, warm-up left out.
package struct LoadResult: Sendable {
    /// Latencies of right answers only.
    package var latency: LatencyHistogram
    package var errors: ErrorTally
    /// From the end of the warm-up to the last answer.
    package var elapsed: TimeAmount

    package var completed: UInt64 { latency.count }
    /// Right answers per second.
    package var rate: Double {
        elapsed > .zero ? Double(completed) * 1e9 / Double(elapsed.nanoseconds) : 0
    }
}

/// One second of a run.
package struct Progress: Sendable {
    package var second: Int
    package var rate: Double
    package var p50: Double
    package var p99: Double
    package var errors: UInt64
}
