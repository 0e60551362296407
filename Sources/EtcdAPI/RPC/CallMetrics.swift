internal import CoreMetrics

/// Counts calls under the names that etcd's have, as far as people alert on them.
final class CallMetrics: Sendable {
    private let started: [String: Counter]
    private let handled: [String: [Counter]]

    init(_ methods: MethodTable, factory: any MetricsFactory) {
        var started: [String: Counter] = [:]
        var handled: [String: [Counter]] = [:]
        for method in methods.byPath.values {
            let labels = [
                ("grpc_method", method.name), ("grpc_service", method.service), ("grpc_type", method.kind.rawValue),
            ]
            started[method.path] = Counter(label: "grpc_server_started_total", dimensions: labels, factory: factory)
            handled[method.path] = RPCCode.allCases.map { code in
                Counter(
                    label: "grpc_server_handled_total", dimensions: labels + [("grpc_code", code.metricName)],
                    factory: factory)
            }
        }
        self.started = started
        self.handled = handled
    }

    func started(_ method: Method) { started[method.path]?.increment() }

    func ended(_ method: Method?, _ code: RPCCode) {
        guard let method else { return }
        handled[method.path]?[code.rawValue].increment()
    }
}

extension RPCCode {
    fileprivate var metricName: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "Canceled"
        case .internalError: "Internal"
        default: rawName.prefix(1).uppercased() + rawName.dropFirst()
        }
    }

    private var rawName: String { "\(self)" }
}
