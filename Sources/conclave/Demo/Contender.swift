import ConclaveClient

/// One contender for the office, by the recipe: create the key if it is absent, under a short lease; renew in time;
/// watch; contend again when it goes.
actor Contender {
    static let office: ByteString = "controller"

    let name: String
    private let client: ClusterClient
    private let ttl: Duration
    private let timeline: Timeline
    private var record: ContenderRecord
    /// Whether it runs for the office on the next vacancy.
    private var isWilling = true
    private var lease: LeaseID?
    private var life: Task<Void, Never>?

    /// `endpoints` in the order in which this contender prefers them.
    init(name: String, endpoints: [Endpoint], ttl: Duration, timeline: Timeline) {
        self.name = name
        self.ttl = ttl
        self.timeline = timeline
        client = ClusterClient(endpoints: endpoints)
        record = ContenderRecord(name: name)
    }

    var history: ContenderRecord { record }

    /// Its tenure, if it is in office and may believe so at this moment.
    var presentTenure: Tenure? {
        guard lease != nil, let tenure = record.tenures.last, tenure.promisedUntil > .now else { return nil }
        return tenure
    }

    func begin() {
        life = Task { await watch() }
    }

    /// Dies on the spot: nothing is renewed, answered or said any more.
    func kill() async {
        record.killed = .now
        await end()
    }

    /// Ends when the story is over.
    func end() async {
        isWilling = false
        life?.cancel()
        await life?.value
        life = nil
        await client.shutdown()
    }

    /// No longer runs for the office.
    func withdraw() { isWilling = false }

    /// Gives the office up: the key goes with the lease.
    func resign() async throws {
        isWilling = false
        guard let held = lease, let last = record.tenures.indices.last else { return }
        lease = nil
        record.tenures[last].resigned = .now
        try await client.revokeLease(held)
    }

    private func watch() async {
        await withDiscardingTaskGroup { group in
            do {
                for try await event in client.watch(.key(Self.office)) {
                    guard note(event, at: .now), isWilling else { continue }
                    group.addTask { await self.contend() }
                }
            } catch is CancellationError {
                // Killed, or the story is over.
            } catch {
                record.failures.append("the watch of \(name) ended: \(error)")
            }
            group.cancelAll()
        }
    }

    /// Takes an event into the record; returns whether the office is vacant.
    private func note(_ event: WatchEvent, at moment: ContinuousClock.Instant) -> Bool {
        switch event {
        case .state(let records, let revision):
            record.start = (revision, moment)
            return records.isEmpty
        case .put(let seat, _):
            let change = Told.Change.seated(seat.value.description)
            record.notices.append(Notice(told: Told(revision: seat.modRevision, change: change), at: moment))
            return false
        case .delete(let deletion):
            let told = Told(revision: deletion.modRevision, change: .vacant(deletion.reason))
            record.notices.append(Notice(told: told, at: moment))
            return true
        case .progress, .interrupted: return false
        }
    }

    /// Runs for the office until it is taken, by this contender or another.
    private func contend() async {
        while isWilling, !Task.isCancelled {
            do {
                let result = try await client.put(Self.office, ByteString(name), when: .absent, lease: .new(ttl: ttl))
                return await enter(result)
            } catch let error as ConclaveError where error.code == .preconditionFailed {
                // Somebody else was first; the watch tells when to try again.
                return
            } catch {
                // No leader, perhaps; the office is still vacant, so this contender asks again.
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func enter(_ result: PutResult) async {
        guard let granted = result.lease else {
            return record.failures.append("\(name) was seated without a lease")
        }
        lease = granted.id
        record.tenures.append(
            Tenure(
                holder: name, revision: result.revision, began: .now, promisedUntil: granted.validUntil,
                lastRenewalSent: granted.validUntil - granted.validFor))
        if granted.validUntil > .now {
            timeline.tell(.green, name, "is elected controller, promised \(granted.validFor.spoken)")
        } else {
            timeline.tell(.yellow, name, "was elected, but learned of it after the promise had run out")
        }
        await hold(granted)
    }

    /// Renews three times per promise, until the office is lost, given up, or the promise has run out unrenewed.
    private func hold(_ granted: Lease) async {
        var latest = granted
        while !Task.isCancelled, lease == granted.id {
            do {
                try await Task.sleep(until: latest.validUntil - latest.validFor * 2 / 3, clock: .continuous)
                guard lease == granted.id else { return }
                if let last = record.tenures.indices.last { record.tenures[last].isRenewing = true }
                latest = try await client.renewLease(granted.id)
                renewed(latest, of: granted.id)
            } catch let error as ConclaveError {
                guard error.code != .leaseNotFound, ContinuousClock.now < latest.validUntil else {
                    // Steps down: past the promise somebody else may be in charge.
                    if lease == granted.id { lease = nil }
                    return
                }
            } catch {
                return
            }
        }
    }

    private func renewed(_ renewal: Lease, of id: LeaseID) {
        guard lease == id, let last = record.tenures.indices.last else { return }
        record.tenures[last].promisedUntil = renewal.validUntil
        record.tenures[last].lastRenewalSent = renewal.validUntil - renewal.validFor
        record.tenures[last].renewals.append(.now)
        record.tenures[last].isRenewing = false
        timeline.tell(.faint, name, "renewed, promised another \(renewal.validFor.spoken)")
    }
}
