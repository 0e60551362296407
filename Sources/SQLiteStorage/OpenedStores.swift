package import Consensus
package import KeyValue
package import Primitives

/// Both files of a node, opened as a node does it when it starts.
package struct OpenedStores {
    package var log: LogStore
    package var state: StateStore
    package var incarnation: Incarnation
    package var recovered: RecoveredLog
    /// What `state.db` holds and the state machine made of it; `nil` when there is none, or none that can be used.
    package var kept: (state: RecoveredState, store: Store)?

    /// A log that cannot be used is begun anew, for a leader to repair. A state that cannot be used is built anew, from the
    /// log if that is whole, else by a leader. `lost` is told of either.
    package static func open(
        log logDirectory: any StoreDirectory, state stateDirectory: any StoreDirectory, identity: StoreIdentity,
        new: NewDirectory,
        lost: (StorageError) -> Void
    ) throws(StorageError) -> OpenedStores {
        var (log, recovered, incarnation) = try openLog(in: logDirectory, identity, new, lost)
        do throws(StorageError) {
            let (state, kept) = try openState(in: stateDirectory, identity, logBase: recovered.base?.index ?? .zero)
            return OpenedStores(log: log, state: state, incarnation: incarnation, recovered: recovered, kept: kept)
        } catch .stateLost(let path, let detail) {
            lost(.stateLost(path: path, detail: detail))
            let state = try StateStore.startAnew(in: stateDirectory, identity: identity)
            if recovered.base != nil { recovered = try log.discard() }
            return OpenedStores(log: log, state: state, incarnation: incarnation, recovered: recovered)
        }
    }

    private static func openLog(
        in directory: any StoreDirectory, _ identity: StoreIdentity, _ new: NewDirectory,
        _ lost: (StorageError) -> Void
    ) throws(StorageError) -> (LogStore, RecoveredLog, Incarnation) {
        do throws(StorageError) {
            return try LogStore.open(in: directory, identity: identity, new: new)
        } catch .logLost(let path, let detail) {
            lost(.logLost(path: path, detail: detail))
            return try LogStore.startAnew(in: directory, identity: identity, new: new)
        }
    }

    private static func openState(
        in directory: any StoreDirectory, _ identity: StoreIdentity, logBase: LogIndex
    ) throws(StorageError) -> (StateStore, (state: RecoveredState, store: Store)?) {
        let (state, kept) = try StateStore.open(in: directory, identity: identity, logBase: logBase)
        guard let kept else { return (state, nil) }
        do {
            return (state, (kept, try Store(restoring: kept.header, records: kept.records)))
        } catch {
            throw .stateLost(
                path: directory.path(of: "state.db"), detail: "its rows do not fit together: \(error)")
        }
    }
}
