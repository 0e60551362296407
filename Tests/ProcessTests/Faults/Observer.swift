import ConclaveClient

/// What one watch told, complete once the observer has ended.
struct WatchAccount: Sendable {
    var name: String
    /// The revision after which it tells; `nil` before it was opened.
    var start: UInt64?
    var changes: [StoreCourse.Change] = []
    /// When each change arrived.
    var arrivals: [ContinuousClock.Instant] = []
    var interruptions = 0
    var failure: String?
}

/// Watches all keys through the death of nodes, as the client library resumes.
actor Observer {
    private let client: ClusterClient
    private var account: WatchAccount
    private var life: Task<Void, Never>?

    init(_ name: String, endpoints: [Endpoint], after start: UInt64? = nil) {
        var options = ClientOptions()
        options.heartbeat = .milliseconds(300)
        options.watchSilence = .seconds(1)
        client = ClusterClient(endpoints: endpoints, options: options)
        account = WatchAccount(name: name, start: start)
    }

    var told: WatchAccount { account }
    var reached: UInt64 { account.changes.last?.revision ?? account.start ?? 0 }

    /// When the change of `key` at `revision` or later arrived.
    func arrival(of key: ByteString, after revision: UInt64) -> (StoreCourse.Change, ContinuousClock.Instant)? {
        zip(account.changes, account.arrivals).first { $0.0.key == key && $0.0.revision > revision }
    }

    func begin() { life = Task { await watch() } }

    func end() async {
        life?.cancel()
        await life?.value
        await client.shutdown()
    }

    private func watch() async {
        do {
            for try await event in client.watch(.prefix(""), after: account.start) { note(event) }
        } catch is CancellationError {
            // Ended.
        } catch {
            if !Task.isCancelled { account.failure = "\(account.name) ended: \(error)" }
        }
    }

    private func note(_ event: WatchEvent) {
        switch event {
        case .state(_, let revision): account.start = revision
        case .put(let record, _):
            tell(
                .init(revision: record.modRevision, key: record.key, value: record.value, version: record.version))
        case .delete(let deletion):
            tell(.init(revision: deletion.modRevision, key: deletion.key, reason: deletion.reason))
        case .progress(let revision):
            // Nothing may follow that lies at or before what a progress mark has announced.
            announced = max(announced, revision)
        case .interrupted: account.interruptions += 1
        }
    }

    private var announced: UInt64 = 0

    private func tell(_ change: StoreCourse.Change) {
        if change.revision <= announced {
            account.failure = "\(account.name): \(announced) was announced before \(change.revision) was told"
        }
        account.changes.append(change)
        account.arrivals.append(.now)
    }
}
