import ConclaveClient

/// Somebody who wants to know who leads, at one member.
actor Observer {
    /// One change of the election, with the moment it was told.
    struct Seen: Sendable {
        var fence: UInt64
        /// `nil` when nobody leads.
        var leader: String?
        /// Whose leadership ended with it.
        var previous: OfficeEvent.Predecessor?
        var at: ContinuousClock.Instant
    }

    let name: String
    private let client: ClusterClient
    private(set) var seen: [Seen] = []
    private(set) var failures: [String] = []
    private var life: Task<Void, Never>?

    init(name: String, endpoints: [Endpoint]) {
        self.name = name
        client = ClusterClient(endpoints: endpoints)
    }

    func begin() {
        life = Task { await observe() }
    }

    func end() async {
        life?.cancel()
        await life?.value
        life = nil
        await client.shutdown()
    }

    private func observe() async {
        do {
            for try await event in client.observe(.election(Campaigner.election)) {
                switch event {
                case .leader(let leader, let previous):
                    seen.append(Seen(fence: leader.fence, leader: leader.id, previous: previous, at: .now))
                case .vacant(let fence, let previous):
                    seen.append(Seen(fence: fence, leader: nil, previous: previous, at: .now))
                case .interrupted: break
                }
            }
        } catch is CancellationError {
            // The story is over.
        } catch {
            failures.append("the stream of \(name) ended: \(error)")
        }
    }
}
