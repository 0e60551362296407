internal import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
internal import ReplicaCore

/// What this node says it is, where etcd's clients ask for a version.
enum EtcdVersion {
    static let server = "3.6.0"
    static let cluster = "3.6.0"
}

/// `etcdserverpb.Maintenance`.
enum MaintenanceService {
    static let methods: [Method] = [
        .unary("etcdserverpb.Maintenance/Alarm", "/maintenance/alarm", serve: alarm),
        .unary("etcdserverpb.Maintenance/Status", "/maintenance/status", serve: status),
        .unary("etcdserverpb.Maintenance/Defragment", "/maintenance/defragment") {
            (_: Etcdserverpb_DefragmentRequest, rpc) in
            // Pages that become free are used again by themselves.
            rpc.status { status in
                rpc.answer(Etcdserverpb_DefragmentResponse.with { $0.header = rpc.header(status.position) }.reply)
            }
        },
        .unary("etcdserverpb.Maintenance/Hash", "/maintenance/hash") { (_: Etcdserverpb_HashRequest, rpc) in
            rpc.status { status in
                var response = Etcdserverpb_HashResponse()
                response.header = rpc.header(status.position)
                response.hash = UInt32(truncatingIfNeeded: status.replica.digest)
                rpc.answer(response.reply)
            }
        },
        .unary("etcdserverpb.Maintenance/HashKV", "/maintenance/hashkv", serve: hashKV),
        .waiting("etcdserverpb.Maintenance/Snapshot", .serverStream, "/maintenance/snapshot") {
            (_: Etcdserverpb_SnapshotRequest, rpc) in SnapshotCall(rpc)
        },
        .waiting("etcdserverpb.Maintenance/MoveLeader", .unary, "/maintenance/transfer-leadership", serve: moveLeader),
        .unary("etcdserverpb.Maintenance/Downgrade", "/maintenance/downgrade") {
            (_: Etcdserverpb_DowngradeRequest, _) throws(RPCStatus) in
            throw .unsupported("there is no earlier release to go back to")
        },
    ]

    @Sendable
    private static func status(_ request: Etcdserverpb_StatusRequest, _ rpc: RPC) throws(RPCStatus) {
        rpc.status { status in
            let replica = status.replica
            var response = Etcdserverpb_StatusResponse()
            response.header = rpc.header(status.position)
            response.version = EtcdVersion.server
            response.dbSize = Int64(replica.storeBytes)
            response.dbSizeInUse = Int64(replica.storeBytes)
            response.dbSizeQuota = Int64(Limits.storeBytes)
            response.leader = replica.leader?.rawValue ?? 0
            response.raftIndex = replica.commitIndex.rawValue
            response.raftTerm = replica.term.rawValue
            response.raftAppliedIndex = replica.appliedIndex.rawValue
            response.storageVersion = EtcdVersion.cluster
            if replica.leader == nil { response.errors.append(RPCStatus.noLeader.message) }
            if replica.isFull { response.errors.append("alarm:NOSPACE") }
            if let failure = status.failure { response.errors.append(failure) }
            rpc.answer(response.reply)
        }
    }

    /// Alarms come and go by themselves: nothing is to be acknowledged, and none can be set.
    @Sendable
    private static func alarm(_ request: Etcdserverpb_AlarmRequest, _ rpc: RPC) throws(RPCStatus) {
        guard request.action != .activate else { throw .unsupported("alarms are this node's to raise") }
        rpc.status { status in
            var response = Etcdserverpb_AlarmResponse()
            response.header = rpc.header(status.position)
            if status.replica.isFull, request.alarm != .corrupt {
                response.alarms = [
                    .with {
                        $0.memberID = status.replica.node.rawValue
                        $0.alarm = .nospace
                    }
                ]
            }
            rpc.answer(response.reply)
        }
    }

    @Sendable
    private static func hashKV(_ request: Etcdserverpb_HashKVRequest, _ rpc: RPC) throws(RPCStatus) {
        rpc.node.state(on: rpc.loop) { state in
            guard rpc.isOpen else { return }
            let revision = request.revision > 0 ? Revision(UInt64(request.revision)) : state.revision
            guard revision <= state.revision else { return rpc.end(.futureRevision) }
            guard revision >= state.oldestRevision || revision == state.revision else { return rpc.end(.compacted) }
            var response = Etcdserverpb_HashKVResponse()
            response.header = rpc.header(ReplyPosition(revision: state.revision, term: state.appliedTerm))
            response.hash = state.hash(at: revision)
            response.compactRevision =
                state.oldestRevision > .empty ? Int64(clamping: state.oldestRevision.rawValue) : -1
            response.hashRevision = Int64(clamping: revision.rawValue)
            rpc.answer(response.reply)
        }
    }

    @Sendable
    private static func moveLeader(
        _ request: Etcdserverpb_MoveLeaderRequest, _ rpc: RPC
    ) throws(RPCStatus) -> (any WaitingCall)? {
        let target = NodeID(request.targetID)
        rpc.status { status in
            guard status.replica.leader == status.replica.node else { return rpc.end(.notLeader) }
            guard status.replica.configuration.members.contains(where: { NodeID(name: $0.name) == target }) else {
                return rpc.end(.badTransferee)
            }
            if target != status.replica.node { rpc.node.handOver(to: target) }
            awaitLeader(target, since: .now(), rpc)
        }
        return nil
    }

    /// Answers when the hand-over is done, or has taken too long.
    private static func awaitLeader(_ target: NodeID, since start: NIODeadline, _ rpc: RPC) {
        rpc.status { status in
            if status.replica.leader == target {
                return rpc.answer(
                    Etcdserverpb_MoveLeaderResponse.with { $0.header = rpc.header(status.position) }.reply)
            }
            guard .now() - start < .nanoseconds(Limits.requestTimeout.nanoseconds) else { return rpc.end(.timeout) }
            rpc.loop.scheduleTask(in: .milliseconds(10)) { awaitLeader(target, since: start, rpc) }
        }
    }
}

extension ReplicaStatus {
    var isFull: Bool { storeBytes >= Limits.storeBytes }
}

extension Store {
    /// Over every key and its record at a revision: equal on all members.
    fileprivate func hash(at revision: Revision) -> UInt32 {
        var digest = Digest()
        var from: Bytes = []
        while true {
            let query = RangeQuery(selection: .range(from: from, to: nil), at: revision)
            guard case .range(let page) = self.query(.range(query)) else { break }
            for record in page.records {
                digest.combine(record.key)
                digest.combine(record.value)
                digest.combine(record.createRevision.rawValue)
                digest.combine(record.modRevision.rawValue)
                digest.combine(record.version)
                digest.combine(record.lease?.rawValue ?? 0)
            }
            guard page.more, let last = page.records.last else { break }
            from = last.key + [0]
        }
        return UInt32(truncatingIfNeeded: digest.value ^ digest.value >> 32)
    }
}
