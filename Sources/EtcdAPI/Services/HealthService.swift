internal import NIOCore

/// `grpc.health.v1.Health`.
enum HealthService {
    static let methods: [Method] = [
        .unary("grpc.health.v1.Health/Check") { (_: Grpc_Health_V1_HealthCheckRequest, rpc) in
            rpc.status { status in
                rpc.answer(
                    Grpc_Health_V1_HealthCheckResponse.with { $0.status = status.ready ? .serving : .notServing }.reply)
            }
        },
        .waiting("grpc.health.v1.Health/Watch", .serverStream) { (_: Grpc_Health_V1_HealthCheckRequest, rpc) in
            HealthWatch(rpc)
        },
    ]
}

/// Tells whether the node serves, again whenever that changes.
private final class HealthWatch: WaitingCall, @unchecked Sendable {
    private let rpc: RPC
    private var told: Bool?
    private var timer: RepeatedTask?

    init(_ rpc: RPC) {
        self.rpc = rpc
        timer = rpc.loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(500)) { [self] _ in look() }
    }

    private func look() {
        rpc.status { [self] status in
            guard status.ready != told, rpc.isWritable else { return }
            told = status.ready
            rpc.send(
                Grpc_Health_V1_HealthCheckResponse.with { $0.status = status.ready ? .serving : .notServing }.reply)
        }
    }

    func cancelled() { timer?.cancel() }
    func writabilityChanged(_ writable: Bool) {}
}
