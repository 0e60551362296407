internal import KeyValue
internal import Node
internal import Primitives
internal import ReplicaCore

/// `etcdserverpb.Cluster`: the members there are.
enum ClusterService {
    static let methods: [Method] = [
        .unary("etcdserverpb.Cluster/MemberAdd", "/cluster/member/add") {
            (_: Etcdserverpb_MemberAddRequest, _) throws(RPCStatus) in throw fixed
        },
        .unary("etcdserverpb.Cluster/MemberRemove", "/cluster/member/remove") {
            (_: Etcdserverpb_MemberRemoveRequest, _) throws(RPCStatus) in throw fixed
        },
        .unary("etcdserverpb.Cluster/MemberUpdate", "/cluster/member/update") {
            (_: Etcdserverpb_MemberUpdateRequest, _) throws(RPCStatus) in throw fixed
        },
        .unary("etcdserverpb.Cluster/MemberPromote", "/cluster/member/promote") {
            (_: Etcdserverpb_MemberPromoteRequest, _) throws(RPCStatus) in throw fixed
        },
        .unary("etcdserverpb.Cluster/MemberList", "/cluster/member/list", serve: list),
    ]

    private static let fixed = RPCStatus.unsupported("the members of a cluster are fixed when it starts")

    @Sendable
    private static func list(_ request: Etcdserverpb_MemberListRequest, _ rpc: RPC) throws(RPCStatus) {
        guard request.linearizable else { return rpc.status { answer($0, rpc) } }
        // A read that is answered proves that the cluster has a leader.
        rpc.submit(.read(.lease(LeaseID(1)), .linearizable)) { _ in rpc.status { answer($0, rpc) } }
    }

    private static func answer(_ status: NodeStatus, _ rpc: RPC) {
        var response = Etcdserverpb_MemberListResponse()
        response.header = rpc.header(status.position)
        response.members = status.replica.configuration.members.map { known in
            var member = Etcdserverpb_Member()
            let id = NodeID(name: known.name)
            member.id = id.rawValue
            member.name = known.name
            member.peerUrls = ["http://" + known.peerAddress]
            let account = status.members.first { $0.node == id }
            if let address = account?.report.clientAddress { member.clientUrls = ["http://" + address] }
            return member
        }
        rpc.answer(response.reply)
    }
}

extension NodeStatus {
    var position: ReplyPosition { ReplyPosition(revision: replica.revision, term: replica.term) }
}
