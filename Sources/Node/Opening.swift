internal import Consensus
internal import KeyValue
internal import Logging
internal import Primitives
internal import ReplicaCore
internal import SQLiteStorage

/// A node's disk, opened, and what it makes of the node.
struct OpenedNode {
    var log: LogStore
    var state: StateStore
    var incarnation: Incarnation
    var replica: Replica

    /// Opens both files and begins the replica where they end. Throws ``SQLiteStorage/StorageError``.
    static func open(
        _ options: NodeOptions, in directories: StoreDirectories, seed: UInt64, now: Instant, logger: Logger
    ) throws -> OpenedNode {
        let identity = StoreIdentity(
            cluster: options.identity.cluster, node: options.identity.id, nodeName: options.name,
            clusterDescription: options.clusterDescription)
        let opened = try OpenedStores.open(
            log: directories.log, state: directories.state, identity: identity, new: .begunNow()
        ) { note($0, in: logger) }
        let replica = Replica(
            id: options.identity.id, settings: options.settings, recovered: opened.recovered,
            state: opened.kept.map { ($0.state.position, $0.store) }, bootstrap: options.configuration,
            bounds: options.history, seed: seed, now: now)
        return OpenedNode(log: opened.log, state: opened.state, incarnation: opened.incarnation, replica: replica)
    }

    private static func note(_ loss: StorageError, in logger: Logger) {
        switch loss {
        case .logLost(let path, let detail):
            logger.error(
                "the log is lost and a leader will repair it", metadata: ["path": "\(path)", "detail": "\(detail)"])
        case .stateLost(let path, let detail):
            logger.error(
                "the state is lost and will be rebuilt", metadata: ["path": "\(path)", "detail": "\(detail)"])
        default: break
        }
    }
}
