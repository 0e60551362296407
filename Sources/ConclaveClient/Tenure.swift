/// How long a leadership may be acted upon: a value, with the time as an argument.
struct Tenure: Hashable, Sendable {
    /// How long before the lease could end acting ends.
    let margin: Duration
    let ttl: Duration
    /// When the newest request that was answered had been sent: what it promised counts from there.
    private(set) var confirmed: ContinuousClock.Instant
    /// Until when its holder may act; never goes back.
    private(set) var actUntil: ContinuousClock.Instant
    /// Why it is over; final.
    private(set) var end: LeadershipEnd?

    init(ttl: Duration, margin: Duration, sent: ContinuousClock.Instant, validFor: Duration) {
        self.ttl = ttl
        self.margin = margin
        confirmed = sent
        actUntil = sent + validFor - margin
    }

    func isCurrent(at now: ContinuousClock.Instant) -> Bool { end == nil && now < actUntil }

    /// When the next renewal is due: early enough for others when it fails.
    var renewal: ContinuousClock.Instant { confirmed + ttl / 3 }

    /// A renewal that was sent at `sent` is answered at `now`. Returns whether its holder may act for longer: what ended
    /// meanwhile stays ended, for what was bound to it has been told to stop.
    mutating func renewed(sent: ContinuousClock.Instant, validFor: Duration, at now: ContinuousClock.Instant) -> Bool {
        guard isCurrent(at: now) else { return false }
        confirmed = max(confirmed, sent)
        let until = sent + validFor - margin
        guard until > actUntil else { return false }
        actUntil = until
        return true
    }

    /// It is over, for this reason unless it has run out before. Returns whether that is news.
    mutating func finish(_ reason: LeadershipEnd, at now: ContinuousClock.Instant) -> Bool {
        guard end == nil else { return false }
        end = isCurrent(at: now) ? reason : .expired
        return true
    }
}
