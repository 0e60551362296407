internal import CoreMetrics

/// What the doors of a node count: requests by route and class of status, their times, connections, streams, bytes.
final class RequestMetrics: Sendable {
    /// Five per route, 1xx to 5xx, then five for requests without a route.
    private let requests: [Counter]
    private let latency: Timer
    let received: Counter
    let sent: Counter
    let accepted: Counter
    /// Connections turned away because there were too many.
    let rejected: Counter
    let streamEvents: Counter
    let pauses: Counter

    init(factory: any MetricsFactory) {
        let routes = Route.allCases.map(\.label) + ["none"]
        requests = routes.flatMap { route in
            (1...5).map { statusClass in
                Counter(
                    label: "conclave_http_requests",
                    dimensions: [("route", route), ("status", "\(statusClass)xx")], factory: factory)
            }
        }
        latency = Timer(label: "conclave_http_request_duration_seconds", dimensions: [], factory: factory)
        received = Counter(label: "conclave_http_body_bytes_received", factory: factory)
        sent = Counter(label: "conclave_http_bytes_sent", factory: factory)
        accepted = Counter(label: "conclave_http_connections_accepted", factory: factory)
        rejected = Counter(label: "conclave_http_connections_rejected", factory: factory)
        streamEvents = Counter(label: "conclave_http_stream_batches_sent", factory: factory)
        pauses = Counter(label: "conclave_http_stream_pauses", factory: factory)
    }

    func answered(_ route: Route?, _ status: Status, nanoseconds: Int64?) {
        let row = route.map(\.rawValue) ?? Route.allCases.count
        requests[row * 5 + Int(status.rawValue / 100) - 1].increment()
        if let nanoseconds { latency.recordNanoseconds(nanoseconds) }
    }
}
