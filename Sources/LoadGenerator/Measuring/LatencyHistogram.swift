import Histogram
package import NIOCore

/// Latencies with three significant digits, from a microsecond to ten minutes; longer ones count as ten minutes.
package struct LatencyHistogram: Sendable {
    private static let lowest: UInt64 = 1_000
    private static let highest: UInt64 = 600_000_000_000
    private var counts: Histogram<UInt64>

    package init() {
        counts = Histogram(
            lowestDiscernibleValue: Self.lowest, highestTrackableValue: Self.highest,
            numberOfSignificantValueDigits: .three)
    }

    package var count: UInt64 { counts.totalCount }

    package mutating func record(_ latency: TimeAmount) {
        let nanoseconds = UInt64(max(0, latency.nanoseconds))
        _ = counts.record(min(nanoseconds, Self.highest))
    }

    package mutating func add(_ other: LatencyHistogram) { counts.add(other.counts) }
    package mutating func reset() { counts.reset() }

    /// Milliseconds that `percent` of the latencies do not exceed; 0 when there are none.
    package func milliseconds(at percent: Double) -> Double {
        count == 0 ? 0 : Double(counts.valueAtPercentile(percent)) / 1e6
    }

    package var meanMilliseconds: Double { count == 0 ? 0 : counts.mean / 1e6 }
    package var maximumMilliseconds: Double { count == 0 ? 0 : Double(counts.max) / 1e6 }
}

/// Exact order statistics of a few measured values.
package enum Sample {
    /// The value that `percent` of `values` do not exceed (nearest rank); `nil` when there are none.
    package static func percentile(_ percent: Double, of values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let rank = (percent / 100 * Double(values.count)).rounded(.up)
        return values.sorted()[min(values.count, max(1, Int(rank))) - 1]
    }

    /// The middle value, or the mean of the two middle ones; `nil` when there are none.
    package static func median(of values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
