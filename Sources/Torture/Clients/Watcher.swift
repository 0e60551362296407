import ConclaveClient
internal import HistoryChecker
import Synchronization

/// Watches some keys through the death of nodes, and records everything told.
final class Watcher: Watching {
    let name: String
    private let selections: [Watched.Selection]
    private let start: UInt64?
    /// Whether it keeps the changes, which are to be the run's history.
    private let isHistorian: Bool
    private let client: ClusterClient
    private let file: HistoryFile
    private let state = Mutex(State())

    private struct State {
        /// Everything before this revision was told, and at least a part of it.
        var reached: UInt64 = 0
        var failure: String?
        /// The changes told, for a watch that is the run's own history.
        var changes: [Change] = []
    }

    /// - Parameters:
    ///   - start: the revision after which it watches; `nil` begins with the state.
    ///   - endpoints: the node asked first, then the others.
    init(
        _ name: String, _ selections: [Watched.Selection], after start: UInt64?, isHistorian: Bool = false,
        endpoints: [ConclaveClient.Endpoint], file: HistoryFile
    ) {
        self.isHistorian = isHistorian
        self.name = name
        self.selections = selections
        self.start = start
        self.file = file
        client = ClusterClient(endpoints: endpoints, options: .ofWatchers)
        for selection in selections { file.add(selection, of: name) }
    }

    var reached: UInt64 { state.withLock { $0.reached } }
    var failure: String? { state.withLock { $0.failure } }
    var changes: [Change] { state.withLock { $0.changes } }

    /// Watches until its task is cancelled.
    func run() async {
        let wishes: [WatchSelection] = selections.compactMap { selection in
            switch selection {
            case .key(let key): .key(ByteString(key))
            case .prefix(let prefix): .prefix(ByteString(prefix))
            case .office: nil
            }
        }
        if let start { file.add(.opened(after: start), of: name) }
        do {
            for try await event in client.watch(wishes, after: start, previousValues: !isHistorian) {
                take(event)
            }
        } catch {
            if !Task.isCancelled { state.withLock { $0.failure = "watch \(name) ended: \(error)" } }
        }
        await client.shutdown()
    }

    /// Notes that everything up to `revision`, which has one change, was awaited.
    func close(at revision: UInt64) { file.add(.closed(revision), of: name) }

    private func take(_ event: WatchEvent) {
        guard let told = event.told else { return }
        file.add(told, of: name)
        state.withLock { state in
            switch told {
            case .change(let change, _):
                state.reached = max(state.reached, change.revision)
                if isHistorian { state.changes.append(change) }
            case .state(_, let revision), .progress(let revision): state.reached = max(state.reached, revision)
            case .opened, .broken, .closed, .office: break
            }
        }
    }
}

extension ClientOptions {
    /// Quick to notice that a node is silent.
    static var ofWatchers: ClientOptions {
        var options = ClientOptions()
        options.heartbeat = .milliseconds(500)
        options.watchSilence = .milliseconds(1500)
        return options
    }
}

extension WatchEvent {
    /// As a history has it; `nil` for what says nothing of the keys.
    fileprivate var told: Watched.Event? {
        switch self {
        case .state(let records, let revision): .state(records.map(\.word), revision: revision)
        case .put(let record, let previous): .change(Change(put: record.word), previous: previous?.word)
        case .delete(let deletion): Self.deletion(deletion)
        case .progress(let revision): .progress(revision)
        case .interrupted(.disconnected): .broken
        case .interrupted(.noLeader): nil
        }
    }

    private static func deletion(_ deletion: Deletion) -> Watched.Event {
        let reason: Change.Reason =
            switch deletion.reason {
            case .deleted: .deleted
            case .expired: .expired
            case .revoked: .revoked
            }
        return .change(
            Change(delete: escaped(deletion.key.bytes), at: deletion.modRevision, reason),
            previous: deletion.previous?.word)
    }
}

extension KeyRecord {
    fileprivate var word: Record {
        Record(
            key: escaped(key.bytes), value: value.description, revision: modRevision, created: createRevision,
            version: version, lease: lease?.rawValue ?? 0)
    }
}
