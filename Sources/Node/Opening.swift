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
        var (log, recovered, incarnation) = try LogStore.open(in: directories.log, identity: identity)
        let (state, restored) = try openState(
            in: directories.state, identity, log: log, recovered: &recovered, logger: logger)
        let replica = Replica(
            id: options.identity.id, settings: options.settings, recovered: recovered, state: restored,
            bootstrap: options.configuration, bounds: options.history, seed: seed, now: now)
        return OpenedNode(log: log, state: state, incarnation: incarnation, replica: replica)
    }

    /// A state that cannot be used is built anew, from the log if that is whole, else by a leader.
    private static func openState(
        in directory: any StoreDirectory, _ identity: StoreIdentity, log: LogStore, recovered: inout RecoveredLog,
        logger: Logger
    ) throws -> (StateStore, (position: SnapshotPosition, store: Store)?) {
        do {
            let base = recovered.base?.index ?? .zero
            let (state, kept) = try StateStore.open(in: directory, identity: identity, logBase: base)
            guard let kept else { return (state, nil) }
            do {
                return (state, (kept.position, try Store(restoring: kept.header, records: kept.records)))
            } catch {
                throw StorageError.stateLost(
                    path: directory.path(of: "state.db"), detail: "its rows do not fit together: \(error)")
            }
        } catch StorageError.stateLost(let path, let detail) {
            logger.error(
                "the state is lost and will be rebuilt", metadata: ["path": "\(path)", "detail": "\(detail)"])
            let state = try StateStore.startAnew(in: directory, identity: identity)
            if recovered.base != nil { recovered = try log.discard() }
            return (state, nil)
        }
    }
}
