import ConclaveClient

/// Holds a key under a lease and renews it, until it is told to fall silent; notes what the cluster promised.
actor LeaseHolder {
    /// One lease, from its grant to its last acknowledged renewal.
    struct Tenure: Sendable {
        var key: ByteString
        var revision: UInt64
        var ttl: Duration
        /// The end of the latest promise, as the holder may count on it.
        var promisedUntil: ContinuousClock.Instant
        /// When the latest acknowledged renewal was sent.
        var renewed: ContinuousClock.Instant
        /// When a renewal was last sent at all: an unacknowledged one may have counted.
        var lastAttempt: ContinuousClock.Instant
        var renewals = 0
        /// The first time a node said that the lease is gone.
        var gone: ContinuousClock.Instant?
    }

    let name: String
    let ttl: Duration
    private let client: ClusterClient
    private let ledger: Ledger
    private(set) var tenures: [Tenure] = []
    private var isSilent = false
    private var life: Task<Void, Never>?
    private var number = 0

    init(_ name: String, ttl: Duration, endpoints: [Endpoint], ledger: Ledger) {
        self.name = name
        self.ttl = ttl
        self.ledger = ledger
        var options = ClientOptions()
        options.attemptTimeout = .milliseconds(400)
        options.requestTimeout = .seconds(3)
        client = ClusterClient(endpoints: endpoints, options: options)
    }

    var key: ByteString { ByteString("lease/\(name)") }

    func begin() {
        isSilent = false
        life = Task {
            while !Task.isCancelled, !isSilent { await hold() }
        }
    }

    /// Renews nothing from now on.
    func fallSilent() async {
        isSilent = true
        life?.cancel()
        await life?.value
    }

    func end() async {
        await fallSilent()
        await client.shutdown()
    }

    /// Takes the key, and keeps it for as long as the cluster lets it.
    private func hold() async {
        number += 1
        let value = ByteString("\(name)#\(number)")
        var write = Ledger.Write(key: key, value: value, condition: .absent, floor: ledger.newest, outcome: .unknown)
        let sent = ContinuousClock.now
        do {
            let result = try await client.put(key, value, when: .absent, lease: .new(ttl: ttl))
            write.outcome = .acknowledged(result.revision)
            ledger.add(write)
            guard let lease = result.lease else { return ledger.complain("\(name) got a key without its lease") }
            tenures.append(
                Tenure(
                    key: key, revision: result.revision, ttl: ttl, promisedUntil: lease.validUntil, renewed: sent,
                    lastAttempt: .now))
            await renew(lease)
        } catch {
            write.outcome = (error as? ConclaveError)?.outcome == .notApplied ? .refused : .unknown
            ledger.add(write)
            try? await Task.sleep(for: .milliseconds(30))
        }
    }

    private func renew(_ granted: Lease) async {
        let place = tenures.count - 1
        while !isSilent, !Task.isCancelled {
            guard (try? await Task.sleep(for: ttl / 4)) != nil else { return }
            do {
                let lease = try await client.renewLease(granted.id)
                tenures[place].renewed = lease.validUntil - lease.validFor
                tenures[place].promisedUntil = max(tenures[place].promisedUntil, lease.validUntil)
                tenures[place].lastAttempt = .now
                tenures[place].renewals += 1
            } catch let error as ConclaveError where error.code == .leaseNotFound {
                tenures[place].gone = .now
                return
            } catch {
                tenures[place].lastAttempt = .now
            }
        }
    }
}

/// Whether leases ended when they had to, by what one observer was told.
struct LeaseVerdict {
    let account: WatchAccount
    let ledger: Ledger

    /// What a busy machine may add to an expiry and to the news of it.
    private static let slack = Duration.seconds(1)

    func problems(of tenure: LeaseHolder.Tenure) -> [String] {
        let found = zip(account.changes, account.arrivals).first {
            $0.0.key == tenure.key && $0.0.revision > tenure.revision
        }
        guard let (change, arrival) = found else { return ["the key \(tenure.key) never went"] }
        guard change.value == nil, change.reason == .expired else {
            return ["\(tenure.key) did not expire, but was changed at \(change.revision)"]
        }
        return [early(tenure, at: arrival), late(tenure, at: arrival)].compactMap { $0 }
    }

    /// Never before the last acknowledged renewal plus the time to live.
    private func early(_ tenure: LeaseHolder.Tenure, at arrival: ContinuousClock.Instant) -> String? {
        let earliest = max(tenure.renewed + tenure.ttl, tenure.promisedUntil)
        let told = min(arrival, tenure.gone ?? arrival)
        return told < earliest ? "\(tenure.key) ended \(earliest - told) early" : nil
    }

    /// Within the time to live and the outages since.
    private func late(_ tenure: LeaseHolder.Tenure, at arrival: ContinuousClock.Instant) -> String? {
        let outage = ledger.outage(in: tenure.renewed...max(arrival, tenure.renewed))
        let latest = tenure.lastAttempt + tenure.ttl + outage + Self.slack
        return arrival > latest ? "\(tenure.key) ended \(arrival - latest) late, outages of \(outage) counted" : nil
    }
}
