internal import HTTPAPI
internal import NIOCore
internal import Node
internal import Primitives
internal import ReplicaCore

/// What all calls of one event loop share. Confined to that loop.
final class EtcdHost: @unchecked Sendable {
    let node: any NodeService
    let loop: any EventLoop
    let server: GuestHost
    let metrics: CallMetrics
    /// Encodes the events of a batch once for all watchers of this loop.
    let events = EventEncoder()
    /// The method that the gateway was asked for last, and its path: most often it is the next, too.
    private var latest: (path: Bytes, method: Method)?
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

    func latestMethod(at path: ArraySlice<UInt8>) -> Method? {
        guard let latest, latest.path.count == path.count else { return nil }
        let isSame = latest.path.withUnsafeBytes { known in
            path.withUnsafeBytes { path in known.indices.allSatisfy { known[$0] == path[$0] } }
        }
        return isSame ? latest.method : nil
    }

    func noteMethod(_ method: Method, at path: ArraySlice<UInt8>) { latest = (Bytes(path), method) }

    func header(_ position: ReplyPosition) -> ReplyHeader {
        ReplyHeader(cluster: cluster, member: member, revision: position.revision, term: position.term)
    }
}
