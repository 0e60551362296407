import Logging
import Primitives
import Testing

@testable import HTTPAPI

/// A server over a ``ScriptedNode`` on a free port of the loopback interface, for the time of one test.
struct TestServer {
    let node: ScriptedNode
    let server: HTTPServer
    let registry: PrometheusRegistry
    let port: Int

    static func run(
        connectionLimit: Int = Limits.connections, lastCall: TimeSpan = .zero, node: ScriptedNode = ScriptedNode(),
        _ body: (TestServer) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let registry = PrometheusRegistry()
        let server = HTTPServer(
            service: node,
            options: HTTPServerOptions(
                host: "127.0.0.1", port: 0, connectionLimit: connectionLimit, lastCall: lastCall),
            logger: logger, extras: HTTPServerExtras(metrics: registry))
        try await server.start()
        let port = try #require(server.address?.port)
        do {
            try await body(TestServer(node: node, server: server, registry: registry, port: port))
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    func client(receiveBuffer: Int32? = nil) throws -> RawClient {
        try RawClient(port: port, receiveBuffer: receiveBuffer)
    }

    /// One request on a connection of its own.
    func request(
        _ method: String, _ target: String, _ fields: [String] = [], body: Bytes? = nil
    ) async throws -> Response {
        try await client().request(method, target, fields, body: body)
    }

    func request(
        _ method: String, _ target: String, _ fields: [String] = [], text: String
    ) async throws -> Response {
        try await request(method, target, fields, body: Array(text.utf8))
    }
}

/// Waits for a condition, with a deadline.
func eventually(_ what: String, _ condition: () async -> Bool) async throws {
    let deadline = milliseconds() + 10_000
    while await !condition() {
        guard milliseconds() < deadline else { throw Late(waitingFor: what, received: "") }
        try await Task.sleep(for: .milliseconds(2))
    }
}
