internal import HTTPAPI
internal import NIOCore
internal import Node
internal import ReplicaCore

/// What all calls of one event loop share. Confined to that loop.
final class EtcdHost: @unchecked Sendable {
    let node: any NodeService
    let loop: any EventLoop
    let server: GuestHost
    let metrics: CallMetrics
    /// Encodes the events of a batch once for all watchers of this loop.
    let events = EventEncoder()
    private let cluster: UInt64
    private let member: UInt64

    init(node: any NodeService, server: GuestHost, metrics: CallMetrics) {
        self.node = node
        self.server = server
        self.metrics = metrics
        loop = server.loop
        cluster = node.identity.cluster.rawValue
        member = node.identity.id.rawValue
    }

    func header(_ position: ReplyPosition) -> ReplyHeader {
        ReplyHeader(cluster: cluster, member: member, revision: position.revision, term: position.term)
    }
}
