import Foundation
import HTTPAPI
import Logging
import NIOPosix
import Node
import Primitives
import Testing

@testable import EtcdAPI

/// A node of one with both APIs, on free ports of the loopback interface and in a folder of its own, for one test.
struct TestNode {
    let port: Int
    let node: NodeRuntime
    let registry: PrometheusRegistry

    static func run(_ body: (TestNode) async throws -> Void) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let folder = NSTemporaryDirectory() + "conclave-etcd-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let options = NodeOptions(
            name: "n1", dataDirectory: folder, members: [.init(name: "n1", host: "127.0.0.1", port: 1)],
            peerListenHost: "127.0.0.1", peerListenPort: 0, version: "test")
        let node = try NodeRuntime(options: options, loop: group.next(), logger: logger)
        let registry = PrometheusRegistry()
        let server = HTTPServer(
            service: node, options: HTTPServerOptions(host: "127.0.0.1", port: 0, eventLoops: .shared(group)),
            logger: logger,
            extras: HTTPServerExtras(metrics: registry, guest: EtcdAPI(node: node, metrics: registry)))
        try await server.start()
        try await node.start()
        let port = try #require(server.address?.port)
        let result: Result<Void, any Error>
        do {
            try await body(TestNode(port: port, node: node, registry: registry))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await server.stop()
        await node.stop()
        try await group.shutdownGracefully()
        try result.get()
    }

    /// A connection of gRPC, for the time of `body`.
    func connected(_ body: (GRPCClient) async throws -> Void) async throws {
        let client = try await GRPCClient.connect(port: port)
        do {
            try await body(client)
        } catch {
            try? await client.close()
            throw error
        }
        try? await client.close()
    }
}

/// A loop for what a test does beside its clients.
enum MultiThreadedLoop {
    static let shared = MultiThreadedEventLoopGroup.singleton.next()
}
