import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

extension LoopContext {
    /// Everything `GET /metrics` shows: the registry, and the node's own account of itself as gauges.
    func metricsText(_ report: NodeReport) -> ByteBuffer {
        var buffer = ByteBuffer()
        registry.render(into: &buffer)
        for (name, value) in report.gauges {
            buffer.writeString("# TYPE conclave_\(name) gauge\n")
            buffer.writeSample("conclave_\(name)", "", "\(value)")
        }
        buffer.writeString("# TYPE conclave_role gauge\n")
        for role in ["leader", "follower", "looking"] {
            let value = report.status.replica.role.rawValue == role ? 1 : 0
            buffer.writeSample("conclave_role", "role=\"\(role)\"", "\(value)")
        }
        report.writeElections(into: &buffer)
        guest?.writeMetrics(report.status, into: &buffer)
        return buffer
    }
}

extension NodeReport {
    fileprivate var gauges: [(name: String, value: UInt64)] {
        let replica = status.replica
        return [
            ("term", replica.term.rawValue), ("has_leader", replica.leader == nil ? 0 : 1),
            ("ready", status.ready ? 1 : 0), ("revision", replica.revision.rawValue),
            ("compacted_revision", replica.compactedRevision.rawValue),
            ("commit_index", replica.commitIndex.rawValue), ("applied_index", replica.appliedIndex.rawValue),
            ("log_first_index", replica.firstIndex.rawValue), ("log_last_index", replica.lastIndex.rawValue),
            ("keys", UInt64(clamping: replica.keys)), ("leases", UInt64(clamping: replica.leases)),
            ("watches", UInt64(clamping: replica.watches)), ("store_bytes", UInt64(clamping: replica.storeBytes)),
            ("pending_requests", UInt64(clamping: replica.pendingRequests)),
            ("http_connections", UInt64(clamping: connections)), ("http_streams", UInt64(clamping: streams)),
            ("http_held_answers", UInt64(clamping: heldAnswers)),
            ("log_sync_microseconds", UInt64(clamping: (status.diskSync?.nanoseconds ?? 0) / 1_000)),
            ("uptime_seconds", UInt64(clamping: status.uptime.nanoseconds / 1_000_000_000)),
        ]
    }
}

extension NodeReport {
    /// Elections and locks together: a few series, however many there are.
    fileprivate func writeElections(into buffer: inout ByteBuffer) {
        let census = status.replica.elections
        for (name, count) in [
            ("elections", \ElectionCensus.Counts.remembered), ("elections_led", \.led), ("candidates", \.candidates),
        ] {
            buffer.writeString("# TYPE conclave_\(name) gauge\n")
            for kind in ElectionID.Kind.allCases {
                buffer.writeSample("conclave_\(name)", "kind=\"\(kind.word)\"", "\(census[kind][keyPath: count])")
            }
        }
    }
}
