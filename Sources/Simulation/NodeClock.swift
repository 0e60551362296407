internal import Primitives

/// A node's own monotonic clock: an epoch of its own and a rate that is slightly off.
struct NodeClock {
    var epoch: Int64
    /// How much it runs too fast, in millionths.
    var drift: Int64

    /// What it shows at a moment of true time.
    func reading(at time: Int64) -> Instant {
        Instant(nanoseconds: epoch + time + time / 1_000_000 * drift + time % 1_000_000 * drift / 1_000_000)
    }

    /// The first moment of true time, roughly, at which it shows `instant`.
    func time(of instant: Instant) -> Int64 {
        guard instant.nanoseconds > epoch else { return 0 }
        let shown = instant.nanoseconds - epoch
        if shown > 1 << 52 { return .max }
        var time = shown - shown / (1_000_000 + drift) * drift
        while reading(at: time) < instant { time += 1_000 }
        return time
    }
}
