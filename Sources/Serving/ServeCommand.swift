package import ArgumentParser
import EtcdAPI
import Foundation
import HTTPAPI
import Logging
import Metrics
import NIOPosix
import Node
import Primitives
package import SQLiteStorage
import ServiceLifecycle

/// `conclave serve`: one member of a cluster, until it is asked to go.
package struct ServeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run one member of a cluster.",
        discussion: """
            Without --cluster it is a cluster of one. On SIGTERM it hands its leadership over, finishes what is in \
            flight and ends.

            Every flag may also be given in the environment (--data-dir is CONCLAVE_DATA_DIR) and in a JSON file named by \
            --config or CONCLAVE_CONFIG ({"dataDir": "/var/lib/conclave"}). Flags win over the environment, the \
            environment over the file.

            EXAMPLE
              conclave serve --name n1 --data-dir /var/lib/conclave --listen 10.0.0.1:2379 \\
                --peer-listen 10.0.0.1:2380 --cluster n1=10.0.0.1:2380,n2=10.0.0.2:2380,n3=10.0.0.3:2380
            """)

    @Option(help: "This member's name, one of --cluster. (default: n1)")
    var name: String?
    @Option(help: "Where the member keeps its files; made if missing. (default: NAME.conclave)")
    var dataDir: String?
    @Option(help: "The address for clients, host:port. (default: 127.0.0.1:2379)")
    var listen: String?
    @Option(help: "The address for the other members, host:port. (default: 127.0.0.1:2380)")
    var peerListen: String?
    @Option(help: "All members with their peer addresses: n1=host:port,n2=host:port,n3=host:port.")
    var cluster: String?
    @Option(help: "Tells clusters with the same member names apart; the same on all members. (default: conclave)")
    var clusterToken: String?
    @Option(help: "How often a leader says that it is there. (default: 50ms)")
    var heartbeat: String?
    @Option(
        help: "How long a leader may be silent before the others look for a new one, up to twice this. (default: 400ms)"
    )
    var electionTimeout: String?
    @Option(
        help: """
            How members settle who campaigns when there is no leader: randomized (who asks first) or ranked (all back the \
            best placed). (default: randomized)
            """)
    var election: String?
    @Option(help: "A leader hands over to a member with a higher priority, 0 to 255; 0 = never lead. (default: 100)")
    var priority: String?
    @Option(help: "Threads that serve clients; the first also runs the core. (default: 1)")
    var ioThreads: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical. (default: notice)")
    var logLevel: String?
    @Option(help: "A JSON file with settings.")
    var config: String?

    package init() {}

    private var flags: [ServeSetting: String] {
        let given: [ServeSetting: String?] = [
            .name: name, .dataDir: dataDir, .listen: listen, .peerListen: peerListen, .cluster: cluster,
            .clusterToken: clusterToken, .heartbeat: heartbeat, .electionTimeout: electionTimeout,
            .election: election, .priority: priority, .ioThreads: ioThreads, .logLevel: logLevel,
        ]
        return given.compactMapValues { $0 }
    }

    package func run() async throws {
        Allocator.adjustOrBeginAgain()
        try await run { path throws(StorageError) in try .system(path) }
    }

    /// The same with the node's files where `directories` says for a data directory.
    package func run(
        keepingFilesIn directories: @escaping @Sendable (_ path: String) throws(StorageError) -> StoreDirectories
    ) async throws {
        let file = config ?? ProcessInfo.processInfo.environment["CONCLAVE_CONFIG"]
        let options = try await resolve(file)
        var logger = Logger(label: "conclave") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = options.logLevel
        logger[metadataKey: "node"] = "\(options.node.name)"
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        raiseFileLimit()
        let service = ServeService(
            options: options, directories: directories, registry: registry, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }))
        try await group.run()
    }

    /// A setting may have come from the environment or a file: no words about the command line's usage.
    private func resolve(_ file: String?) async throws -> ServeOptions {
        do {
            return try await ServeOptions.resolve(flags: flags, file: file)
        } catch let error as ValidationError {
            throw ServeFailure(description: error.message)
        }
    }
}

/// Why `conclave serve` ended on its own; reads as one sentence.
struct ServeFailure: Error, CustomStringConvertible {
    let description: String
}

/// The member itself: its core, and the door for clients.
private struct ServeService: Service {
    let options: ServeOptions
    let directories: @Sendable (_ path: String) throws(StorageError) -> StoreDirectories
    let registry: PrometheusRegistry
    let logger: Logger

    /// How long a leader that leaves waits for its successor.
    private static let handOverPatience = TimeSpan.seconds(1)

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: options.ioThreads)
        let node = try described {
            try NodeRuntime(
                options: options.node, directories: directories(options.node.dataDirectory), loop: group.next(),
                logger: logger)
        }
        let server = HTTPServer(
            service: node,
            options: HTTPServerOptions(host: options.listenHost, port: options.listenPort, eventLoops: .shared(group)),
            logger: logger, extras: HTTPServerExtras(metrics: registry, guest: EtcdAPI(node: node, metrics: registry)))
        do {
            try await server.start()
            try await node.start()
        } catch {
            await server.stop()
            await node.stop()
            throw ServeFailure(description: "\(error)")
        }
        logger.notice(
            "serving",
            metadata: [
                "clients": "\(options.listenHost):\(options.listenPort)", "data": "\(options.node.dataDirectory)",
            ])
        let failure = await untilAskedOrFailed(node)
        if failure == nil { await node.handOver(patience: Self.handOverPatience) }
        await server.stop()
        await node.stop()
        try? await group.shutdownGracefully()
        logger.notice("stopped")
        if let failure { throw ServeFailure(description: "\(failure)") }
    }

    private func described<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch { throw ServeFailure(description: "\(error)") }
    }

    /// Waits for a signal, or for the node to fail; returns the failure.
    private func untilAskedOrFailed(_ node: NodeRuntime) async -> (any Error)? {
        let (events, continuation) = AsyncStream.makeStream(of: (any Error)?.self)
        node.failed.whenFailure { continuation.yield($0) }
        return await withGracefulShutdownHandler {
            for await event in events { return event }
            return nil
        } onGracefulShutdown: {
            continuation.yield(nil)
        }
    }
}

/// Many watchers mean many connections: as many files as the system lets this process have.
private func raiseFileLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
