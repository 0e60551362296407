internal import CoreMetrics

/// Counts calls under the names that etcd's have, as far as people alert on them.
final class CallMetrics: Sendable {
    /// By method, which is one of the table's.
    private let started: [ObjectIdentifier: Counter]
    private let handled: [ObjectIdentifier: [Counter]]

    init(_ methods: MethodTable, factory: any MetricsFactory) {
        var started: [ObjectIdentifier: Counter] = [:]
        var handled: [ObjectIdentifier: [Counter]] = [:]
        for method in methods.byPath.values {
            let labels = [
                ("grpc_method", method.name), ("grpc_service", method.service), ("grpc_type", method.kind.rawValue),
            ]
            started[ObjectIdentifier(method)] = Counter(
                label: "grpc_server_started_total", dimensions: labels, factory: factory)
            handled[ObjectIdentifier(method)] = RPCCode.allCases.map { code in
                Counter(
                    label: "grpc_server_handled_total", dimensions: labels + [("grpc_code", code.metricName)],
                    factory: factory)
            }
        }
        self.started = started
        self.handled = handled
    }

    func started(_ method: Method) { started[ObjectIdentifier(method)]?.increment() }

    func ended(_ method: Method?, _ code: RPCCode) {
        guard let method else { return }
        handled[ObjectIdentifier(method)]?[code.rawValue].increment()
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
