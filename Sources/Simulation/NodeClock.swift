internal import Primitives

/// A node's own monotonic clock: an epoch of its own and a rate that is off.
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
        let rate = 1_000_000 + drift
        var time = shown / rate * 1_000_000 + shown % rate * 1_000_000 / rate
        while reading(at: time) < instant { time += 1 }
        return time
    }
}
