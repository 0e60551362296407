internal import NIOCore

/// Errors by what was wrong, in the words of ``Expectation/complaint(about:)`` and ``LoadFailure``.
package struct ErrorTally: Sendable, Equatable {
    /// Kinds kept apart; further kinds count as one.
    private static let kinds = 32
    package private(set) var counts: [String: UInt64] = [:]
    package private(set) var total: UInt64 = 0

    package init() {}

    package mutating func record(_ reason: String, count: UInt64 = 1) {
        guard count > 0 else { return }
        total += count
        let kind = counts[reason] != nil || counts.count < Self.kinds ? reason : "other"
        counts[kind, default: 0] += count
    }

    package mutating func add(_ other: ErrorTally) {
        for (reason, count) in other.counts { record(reason, count: count) }
    }

    /// Most frequent first, ties in alphabetical order.
    package var ranked: [(reason: String, count: UInt64)] {
        counts.map { (reason: $0.key, count: $0.value) }
            .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
    }
}

/// What one loop measures, over the whole run and since the last line of progress.
struct Recorder {
    private(set) var total = LatencyHistogram()
    private(set) var errors = ErrorTally()
    private(set) var lastAnswer: NIODeadline?
    private var interval = Interval()

    /// What happened since the last look.
    struct Interval: Sendable {
        var latency = LatencyHistogram()
        var errors: UInt64 = 0
    }

    mutating func answered(after latency: TimeAmount, at now: NIODeadline, measured: Bool) {
        interval.latency.record(latency)
        guard measured else { return }
        total.record(latency)
        lastAnswer = now
    }

    mutating func failed(_ reason: String, count: UInt64 = 1, at now: NIODeadline, measured: Bool) {
        interval.errors += count
        guard measured else { return }
        errors.record(reason, count: count)
        lastAnswer = now
    }

    mutating func takeInterval() -> Interval {
        defer {
            interval.latency.reset()
            interval.errors = 0
        }
        return interval
    }
}
