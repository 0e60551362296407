import ConclaveClient
internal import HistoryChecker
import Synchronization

/// Listens to who leads an office through the death of nodes, and records everything told.
final class OfficeWatcher: Watching {
    let name: String
    let office: HistoryChecker.Office
    private let isHistorian: Bool
    private let client: ClusterClient
    private let file: HistoryFile
    private let state = Mutex(State())

    private struct State {
        var reached: UInt64 = 0
        var failure: String?
        /// The changes told, for a watch that is the run's own history.
        var changes: [HistoryChecker.Office.Change] = []
    }

    /// - Parameters:
    ///   - isHistorian: whether it listens from the beginning, and keeps what it is told as the run's history.
    ///   - endpoints: the node asked first, then the others.
    init(
        _ name: String, _ office: HistoryChecker.Office, isHistorian: Bool, endpoints: [ConclaveClient.Endpoint],
        file: HistoryFile
    ) {
        self.name = name
        self.office = office
        self.isHistorian = isHistorian
        self.file = file
        client = ClusterClient(endpoints: endpoints, options: .ofWatchers)
        file.add(.office(office), of: name)
    }

    var reached: UInt64 { state.withLock { $0.reached } }
    var failure: String? { state.withLock { $0.failure } }
    var changes: [HistoryChecker.Office.Change] { state.withLock { $0.changes } }

    func run() async {
        let start: UInt64? = isHistorian ? 0 : nil
        if let start { file.add(.opened(after: start), of: name) }
        do {
            for try await event in client.observe(office.asClients, after: start) { take(event) }
        } catch {
            if !Task.isCancelled { state.withLock { $0.failure = "watch \(name) ended: \(error)" } }
        }
        await client.shutdown()
    }

    func close(at fence: UInt64) { file.add(.closed(fence), of: name) }

    private func take(_ event: OfficeEvent) {
        let change: HistoryChecker.Office.Change
        switch event {
        case .leader(let leader, let previous):
            change = .init(office, fence: leader.fence, leader: leader.word, ended: previous?.word)
        case .vacant(let fence, let previous):
            change = .init(office, fence: fence, leader: nil, ended: previous?.word)
        case .interrupted(.disconnected): return file.add(.broken, of: name)
        case .interrupted(.noLeader): return
        }
        file.add(.office(change), of: name)
        state.withLock { state in
            state.reached = max(state.reached, change.fence)
            if isHistorian { state.changes.append(change) }
        }
    }
}

extension HistoryChecker.Office {
    fileprivate var asClients: ConclaveClient.Office {
        switch kind {
        case .elections: .election(name)
        case .locks: .lock(name)
        }
    }
}

extension Leader {
    fileprivate var word: HistoryChecker.Office.Leader {
        .init(id, escapedValue(value.bytes), fence: fence, lease: lease?.rawValue ?? 0)
    }
}

extension OfficeEvent.Predecessor {
    fileprivate var word: HistoryChecker.Office.Ended {
        let reason: HistoryChecker.Office.EndReason =
            switch reason {
            case .expired: .expired
            case .resigned: .resigned
            case .removed: .removed
            }
        return .init(id, fence: fence, reason)
    }
}
