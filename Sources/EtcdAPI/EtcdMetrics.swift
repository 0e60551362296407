internal import NIOCore
internal import Node
internal import Primitives
internal import ReplicaCore

extension ByteBuffer {
    /// The series that people alert on, under etcd's names.
    mutating func writeEtcdMetrics(_ status: NodeStatus) {
        let replica = status.replica
        let gauges: [(String, UInt64)] = [
            ("etcd_server_has_leader", replica.leader == nil ? 0 : 1),
            ("etcd_server_is_leader", replica.leader == replica.node ? 1 : 0),
            ("etcd_server_is_learner", 0),
            ("etcd_server_proposals_pending", UInt64(clamping: replica.pendingRequests)),
            ("etcd_server_quota_backend_bytes", UInt64(Limits.storeBytes)),
            ("etcd_server_proposals_applied_total", replica.appliedIndex.rawValue),
            ("etcd_server_proposals_committed_total", replica.commitIndex.rawValue),
            ("etcd_mvcc_db_total_size_in_bytes", UInt64(clamping: replica.storeBytes)),
            ("etcd_mvcc_db_total_size_in_use_in_bytes", UInt64(clamping: replica.storeBytes)),
            ("etcd_debugging_mvcc_keys_total", UInt64(clamping: replica.keys)),
            ("etcd_debugging_mvcc_watcher_total", UInt64(clamping: replica.watches)),
            ("etcd_debugging_mvcc_current_revision", replica.revision.rawValue),
            ("etcd_debugging_mvcc_compact_revision", replica.compactedRevision.rawValue),
        ]
        for (name, value) in gauges { writeString("# TYPE \(name) gauge\n\(name) \(value)\n") }
        // Every term is an election; the first needs none.
        let changes = replica.term.rawValue - min(replica.term.rawValue, 1)
        writeString("# TYPE etcd_server_leader_changes_seen_total counter\n")
        writeString("etcd_server_leader_changes_seen_total \(changes)\n")
        writeString(
            "# TYPE etcd_server_version gauge\netcd_server_version{server_version=\"\(EtcdVersion.server)\"} 1\n")
    }
}
