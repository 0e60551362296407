/// A system's interfaces that the throughput workloads can drive.
package enum Wire: String, CaseIterable, Hashable, Sendable {
    /// Conclave's HTTP API.
    case native
    /// etcd's JSON gateway.
    case gateway
    /// etcd's gRPC.
    case grpc

    /// What a value may have over gRPC, where the load's messages fit into one frame each.
    package static let grpcValueBytes = 16_000

    package var dialect: any RequestDialect {
        switch self {
        case .native: ConclaveDialect()
        case .gateway: EtcdDialect()
        case .grpc: GRPCDialect()
        }
    }

    /// What writes the keys and grants the leases that a workload needs, to the same port and with the same ids.
    package var preparingDialect: any Dialect { self == .native ? ConclaveDialect() : EtcdDialect() }

    /// How requests of a kind travel.
    package func transport(of kind: ThroughputKind) -> Transport {
        switch self {
        case .native, .gateway: .connections
        case .grpc: kind == .renew ? .sharedStream : .streams
        }
    }
}

extension TargetSystem {
    /// The interface that is meant when none is named.
    package var ownWire: Wire { self == .conclave ? .native : .gateway }

    package var wires: [Wire] { self == .conclave ? Wire.allCases : [.gateway, .grpc] }
}
