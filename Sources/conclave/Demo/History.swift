import ConclaveClient

/// What one contender was told about the office, in the order told.
struct Told: Hashable, Sendable {
    /// One change of the office's key.
    enum Change: Hashable, Sendable {
        case seated(String)
        case vacant(WatchEvent.Reason)
    }

    var revision: UInt64
    var change: Change
}

/// A change with the moment it arrived, on this machine's one clock.
struct Notice: Hashable, Sendable {
    var told: Told
    var at: ContinuousClock.Instant
}

/// One contender's time in office, as far as the cluster promised it.
struct Tenure: Hashable, Sendable {
    var holder: String
    /// The revision that seated the holder, or the fence of its leadership.
    var revision: UInt64
    /// When the holder knew, and could begin to act.
    var began: ContinuousClock.Instant
    /// Up to when the cluster has promised that nobody else holds the office.
    var promisedUntil: ContinuousClock.Instant
    /// When the last renewal that was acknowledged was sent: the lease may not end before this plus its time to live.
    var lastRenewalSent: ContinuousClock.Instant
    /// The moments at which renewals were acknowledged.
    var renewals: [ContinuousClock.Instant] = []
    /// Whether a renewal was sent and not answered yet; it may count all the same.
    var isRenewing = false
    /// When the holder gave the office up by itself.
    var resigned: ContinuousClock.Instant?
}

/// What a contender has seen and done; complete once the contender has ended.
struct ContenderRecord: Sendable {
    var name: String
    /// The state the watch began with, and when it came; events follow it.
    var start: (revision: UInt64, at: ContinuousClock.Instant)?
    var notices: [Notice] = []
    var tenures: [Tenure] = []
    /// When it was killed; it may have missed everything after.
    var killed: ContinuousClock.Instant?
    /// What it could not cope with.
    var failures: [String] = []

    /// When it first knew what happened at `revision`; `nil` when it does not know yet.
    func learned(of revision: UInt64) -> ContinuousClock.Instant? {
        if let start, start.revision >= revision { return start.at }
        return notices.first { $0.told.revision == revision }?.at
    }
}

/// The writes of one background writer.
struct WriterRecord: Sendable {
    var name: String
    /// Acknowledged keys with their unique values.
    var acknowledged: [ByteString: ByteString] = [:]
    /// The moments of acknowledgement, in order.
    var moments: [ContinuousClock.Instant] = []
    /// Writes whose outcome is not known; they may be there or not.
    var unknown = 0

    /// The longest time between two acknowledgements of which the second came in `window`.
    func longestPause(in window: ClosedRange<ContinuousClock.Instant>) -> Duration {
        zip(moments, moments.dropFirst()).filter { window.contains($1) }.map { $1 - $0 }.max() ?? .zero
    }
}
