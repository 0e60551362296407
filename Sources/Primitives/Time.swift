/// A length of time in whole nanoseconds.
@usableFromInline package struct TimeSpan: Hashable, Comparable, Sendable {
    @usableFromInline package var nanoseconds: Int64
    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    @inlinable package static var zero: TimeSpan { TimeSpan(nanoseconds: 0) }
    @inlinable package static func microseconds(_ n: Int64) -> TimeSpan { TimeSpan(nanoseconds: n * 1_000) }
    @inlinable package static func milliseconds(_ n: Int64) -> TimeSpan { TimeSpan(nanoseconds: n * 1_000_000) }
    @inlinable package static func seconds(_ n: Int64) -> TimeSpan { TimeSpan(nanoseconds: n * 1_000_000_000) }
    /// Whole milliseconds, rounded down.
    @inlinable package var milliseconds: Int64 { nanoseconds / 1_000_000 }
    @inlinable package static func == (a: TimeSpan, b: TimeSpan) -> Bool { a.nanoseconds == b.nanoseconds }
    @inlinable package static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable package static func + (a: TimeSpan, b: TimeSpan) -> TimeSpan {
        TimeSpan(nanoseconds: a.nanoseconds + b.nanoseconds)
    }
    @inlinable package static func - (a: TimeSpan, b: TimeSpan) -> TimeSpan {
        TimeSpan(nanoseconds: a.nanoseconds - b.nanoseconds)
    }
    @inlinable package static func * (a: TimeSpan, n: Int64) -> TimeSpan { TimeSpan(nanoseconds: a.nanoseconds * n) }
    @inlinable package static func / (a: TimeSpan, n: Int64) -> TimeSpan { TimeSpan(nanoseconds: a.nanoseconds / n) }
}

/// A moment on one node's own monotonic clock. Instants of different nodes are not comparable.
@usableFromInline package struct Instant: Hashable, Comparable, Sendable {
    @usableFromInline package var nanoseconds: Int64
    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    @inlinable package static var zero: Instant { Instant(nanoseconds: 0) }
    @inlinable package static var distantFuture: Instant { Instant(nanoseconds: .max) }
    @inlinable package static func == (a: Instant, b: Instant) -> Bool { a.nanoseconds == b.nanoseconds }
    @inlinable package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable package static func + (a: Instant, b: TimeSpan) -> Instant {
        Instant(nanoseconds: a.nanoseconds + b.nanoseconds)
    }
    @inlinable package static func - (a: Instant, b: Instant) -> TimeSpan {
        TimeSpan(nanoseconds: a.nanoseconds - b.nanoseconds)
    }
}

/// The cluster's own monotonic time, stamped by leaders into log entries; lease deadlines are counted in it.
/// It stands still while there is no leader and has no relation to the wall clock.
@usableFromInline package struct ClusterTime: Hashable, Comparable, Sendable {
    @usableFromInline package var nanoseconds: Int64
    @inlinable package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    @inlinable package static var zero: ClusterTime { ClusterTime(nanoseconds: 0) }
    @inlinable package static func == (a: ClusterTime, b: ClusterTime) -> Bool { a.nanoseconds == b.nanoseconds }
    @inlinable package static func < (a: ClusterTime, b: ClusterTime) -> Bool { a.nanoseconds < b.nanoseconds }
    @inlinable package static func + (a: ClusterTime, b: TimeSpan) -> ClusterTime {
        ClusterTime(nanoseconds: a.nanoseconds + b.nanoseconds)
    }
    @inlinable package static func - (a: ClusterTime, b: ClusterTime) -> TimeSpan {
        TimeSpan(nanoseconds: a.nanoseconds - b.nanoseconds)
    }
}
