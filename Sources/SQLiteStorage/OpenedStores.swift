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

    /// A state that cannot be used is built anew, from the log if that is whole, else by a leader; `lost` is told why.
    package static func open(
        log logDirectory: any StoreDirectory, state stateDirectory: any StoreDirectory, identity: StoreIdentity,
        new: NewDirectory,
        lost: (_ path: String, _ detail: String) -> Void
    ) throws(StorageError) -> OpenedStores {
        var (log, recovered, incarnation) = try LogStore.open(in: logDirectory, identity: identity, new: new)
        do throws(StorageError) {
            let (state, kept) = try openState(in: stateDirectory, identity, logBase: recovered.base?.index ?? .zero)
            return OpenedStores(log: log, state: state, incarnation: incarnation, recovered: recovered, kept: kept)
        } catch .stateLost(let path, let detail) {
            lost(path, detail)
            let state = try StateStore.startAnew(in: stateDirectory, identity: identity)
            if recovered.base != nil { recovered = try log.discard() }
            return OpenedStores(log: log, state: state, incarnation: incarnation, recovered: recovered)
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
