import KeyValue
internal import Primitives

/// How long a holder may rely on a lease, counted from the moment it **sent** the request that this grant answers.
///
/// The lease's deadline is counted from the time of the log entry that granted or renewed it. That entry was stamped by a
/// leader after the request was sent, so a holder that counts from its sending stops before the deadline, however long
/// request and answer took. What is left is drift: the holder's clock may run slower than the leader's. One percent of
/// the TTL, at least 1 ms, covers clocks many times worse than any in use. A repetition under an idempotency key is
/// answered as its first sending was, so there the first sending counts.
func validFor(_ grant: LeaseGrant) -> TimeSpan {
    let drift = max(TimeSpan.milliseconds(1), grant.ttl / 100)
    return max(.zero, grant.remaining - drift)
}

/// The milliseconds of ``validFor(_:)``, rounded down.
func validForMilliseconds(_ grant: LeaseGrant) -> UInt64 {
    UInt64(clamping: validFor(grant).milliseconds)
}
