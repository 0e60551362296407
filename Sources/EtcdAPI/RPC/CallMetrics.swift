internal import CoreMetrics

/// Counts calls under the names that etcd's have, as far as people alert on them.
final class CallMetrics: Sendable {
    /// By method, which is one of the table's.
    private let series: [ObjectIdentifier: MethodSeries]

    init(_ methods: MethodTable, factory: any MetricsFactory) {
        series = Dictionary(
            uniqueKeysWithValues: methods.byPath.values.map {
                (ObjectIdentifier($0), MethodSeries($0, factory: factory))
            })
    }

    /// The series of a method of the table.
    func series(_ method: Method) -> MethodSeries { series[ObjectIdentifier(method)]! }
}

/// How often a method was called, and what became of it.
final class MethodSeries: Sendable {
    private let calls: Counter
    /// By code.
    private let handled: [Counter]

    init(_ method: Method, factory: any MetricsFactory) {
        let labels = [
            ("grpc_method", method.name), ("grpc_service", method.service), ("grpc_type", method.kind.rawValue),
        ]
        calls = Counter(label: "grpc_server_started_total", dimensions: labels, factory: factory)
        handled = RPCCode.allCases.map { code in
            Counter(
                label: "grpc_server_handled_total", dimensions: labels + [("grpc_code", code.metricName)],
                factory: factory)
        }
    }

    func started() { calls.increment() }
    func ended(_ code: RPCCode) { handled[code.rawValue].increment() }
}

/// A method and what counts its calls.
struct CalledMethod {
    let method: Method
    let series: MethodSeries
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
