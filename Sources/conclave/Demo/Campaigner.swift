import ConclaveClient

/// One candidate in an election: waits in line with a request that its node holds, and leads until it is told to resign.
actor Campaigner {
    static let election = "demo/controller"

    let name: String
    private let client: ClusterClient
    private let ttl: Duration
    private let timeline: Timeline
    /// Its leaderships; their revisions are their fences.
    private(set) var tenures: [Tenure] = []
    /// What it could not cope with.
    private(set) var failures: [String] = []
    private var isToResign = false
    private var life: Task<Void, Never>?

    init(name: String, endpoints: [Endpoint], ttl: Duration, timeline: Timeline) {
        self.name = name
        self.ttl = ttl
        self.timeline = timeline
        client = ClusterClient(endpoints: endpoints)
    }

    func begin() {
        life = Task { await campaign() }
    }

    func resign() { isToResign = true }

    func end() async {
        isToResign = true
        life?.cancel()
        await life?.value
        life = nil
        await client.shutdown()
    }

    private func campaign() async {
        do {
            for try await leadership in client.campaign(Self.election, as: name, ttl: ttl) {
                await lead(leadership)
                // Leaving the loop resigns.
                if isToResign { return }
            }
        } catch is CancellationError {
            // The story is over.
        } catch {
            failures.append("\(name) could not campaign: \(error)")
        }
    }

    private func lead(_ leadership: Leadership) async {
        let place = tenures.count
        tenures.append(
            Tenure(
                holder: name, revision: leadership.fence.number, began: .now, promisedUntil: leadership.actUntil,
                lastRenewalSent: .now))
        timeline.tell(.green, name, "leads, with fence \(leadership.fence.number)")
        while !isToResign, leadership.isCurrent {
            try? await Task.sleep(for: .milliseconds(3))
            tenures[place].promisedUntil = leadership.actUntil
        }
        tenures[place].resigned = .now
    }
}
