package import CoreMetrics
package import HTTPAPI
package import NIOCore
package import Node
internal import Primitives
import Synchronization

/// etcd's v3 API on the native API's port: gRPC over HTTP/2, and its gateway of JSON over HTTP/1.1.
package final class EtcdAPI: GuestAPI {
    private let node: any NodeService
    private let methods: MethodTable
    private let metrics: CallMetrics
    /// What the calls of each event loop share, by loop.
    private let hosts = Mutex<[ObjectIdentifier: EtcdHost]>([:])

    package init(node: any NodeService, metrics factory: any MetricsFactory) {
        self.node = node
        methods = MethodTable(
            KVService.methods + WatchService.methods + LeaseService.methods + ClusterService.methods
                + MaintenanceService.methods + AuthService.methods + HealthService.methods + ElectionService.methods
                + LockService.methods)
        metrics = CallMetrics(methods, factory: factory)
    }

    private func host(_ server: GuestHost) -> EtcdHost {
        hosts.withLock { hosts in
            if let known = hosts[ObjectIdentifier(server.loop)] { return known }
            let host = EtcdHost(node: node, server: server, metrics: metrics)
            hosts[ObjectIdentifier(server.loop)] = host
            return host
        }
    }

    // MARK: - GuestAPI

    package func owns(path: ArraySlice<UInt8>) -> Bool { GatewayPath.isKnown(path) }

    package func serveHTTP2(_ channel: any Channel, _ server: GuestHost) throws {
        try GRPCConnection.install(on: channel, host: host(server), methods: methods)
    }

    package func answer(_ request: GuestRequest, _ exchange: GuestExchange) {
        let host = host(exchange.host)
        if request.method == "POST", let method = host.latestMethod(at: request.path) {
            return GatewayCall(method, exchange, host: host).begin(request.body)
        }
        guard request.method != "OPTIONS", let path = GatewayPath(request.path) else {
            return exchange.answer(status: 200, body: ByteBuffer())
        }
        let isRead = request.method == "GET" || request.method == "HEAD"
        switch path {
        case .version where isRead: tellVersion(exchange)
        case .health where isRead: tellHealth(request, exchange)
        case .call(let name):
            guard let method = methods.byGatewayPath[name] else {
                return exchange.answer(404, RPCStatus(.notFound, "Not Found"))
            }
            guard request.method == "POST" else { return refuseMethod(exchange) }
            host.noteMethod(method, at: request.path)
            GatewayCall(method, exchange, host: host).begin(request.body)
        case .version, .health: refuseMethod(exchange)
        }
    }

    private func refuseMethod(_ exchange: GuestExchange) {
        exchange.answer(405, RPCStatus(.unimplemented, "Method Not Allowed"))
    }

    private func tellVersion(_ exchange: GuestExchange) {
        var body = ByteBuffer()
        body.writeString(
            "{\"etcdserver\":\"\(EtcdVersion.server)\",\"etcdcluster\":\"\(EtcdVersion.cluster)\","
                + "\"storage\":\"\(EtcdVersion.cluster)\"}")
        exchange.answer(status: 200, body: body)
    }

    /// Whether this node serves; `serializable=true` asks no leader, `exclude=NOSPACE` overlooks a full store.
    private func tellHealth(_ request: GuestRequest, _ exchange: GuestExchange) {
        let query = String(decoding: request.query, as: UTF8.self).split(separator: "&")
        let asksNoLeader = query.contains("serializable=true")
        let overlooksSpace = query.contains("exclude=NOSPACE")
        node.status(on: exchange.loop) { status in
            let reason =
                if status.replica.isFull && !overlooksSpace {
                    "ALARM NOSPACE"
                } else if !status.ready && !asksNoLeader {
                    status.replica.leader == nil ? "RAFT NO LEADER" : "NOT READY"
                } else {
                    status.failure ?? ""
                }
            var body = ByteBuffer()
            body.writeString("{\"health\":\"\(reason.isEmpty)\",\"reason\":")
            body.writeJSONString(reason)
            body.writeString("}")
            exchange.answer(status: reason.isEmpty ? 200 : 503, body: body)
        }
    }

    package func writeMetrics(_ status: NodeStatus, into buffer: inout ByteBuffer) {
        buffer.writeEtcdMetrics(status)
    }
}

/// A path of HTTP/1.1 that is etcd's.
private enum GatewayPath {
    case version, health
    /// Below `/v3/` or its older name; all of the path.
    case call(String)

    init?(_ path: ArraySlice<UInt8>) {
        guard Self.isKnown(path) else { return nil }
        let text = String(decoding: path, as: UTF8.self)
        self =
            switch text {
            case "/version": .version
            case "/health": .health
            default: .call(text)
            }
    }

    static func isKnown(_ path: ArraySlice<UInt8>) -> Bool {
        path.dropping(prefix: "/v3/") != nil || path.dropping(prefix: "/v3beta/") != nil
            || versionPath.equals(path) || healthPath.equals(path)
    }

    private static let versionPath: StaticString = "/version"
    private static let healthPath: StaticString = "/health"
}

extension GuestExchange {
    fileprivate func answer(_ status: Int, _ error: RPCStatus) {
        var body = ByteBuffer()
        body.writeGatewayError(error)
        answer(status: status, body: body)
    }
}
