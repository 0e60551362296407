internal import CoreMetrics
internal import NIOCore
import Synchronization

/// One line, or one histogram, of the text format.
protocol PrometheusSeries: AnyObject, Sendable {
    func render(_ name: String, _ labels: String, into buffer: inout ByteBuffer)
}

extension ByteBuffer {
    mutating func writeSample(_ name: String, _ labels: String, _ value: String) {
        writeString(labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n")
    }
}

final class IntegerCounter: CounterHandler, PrometheusSeries {
    private let value = Atomic<Int64>(0)
    func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { value.store(0, ordering: .relaxed) }
    func render(_ name: String, _ labels: String, into buffer: inout ByteBuffer) {
        buffer.writeSample(name, labels, "\(value.load(ordering: .relaxed))")
    }
}

final class FloatingCounter: FloatingPointCounterHandler, PrometheusSeries {
    private let value = Mutex(0.0)
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func reset() { value.withLock { $0 = 0 } }
    func render(_ name: String, _ labels: String, into buffer: inout ByteBuffer) {
        buffer.writeSample(name, labels, "\(value.withLock { $0 })")
    }
}

/// A value that goes up and down; also a recorder that keeps only the last of what it recorded.
final class Gauge: MeterHandler, RecorderHandler, PrometheusSeries {
    private let value = Mutex(0.0)
    func set(_ newValue: Int64) { set(Double(newValue)) }
    func set(_ newValue: Double) { value.withLock { $0 = newValue } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ newValue: Int64) { set(newValue) }
    func record(_ newValue: Double) { set(newValue) }
    func render(_ name: String, _ labels: String, into buffer: inout ByteBuffer) {
        buffer.writeSample(name, labels, "\(value.withLock { $0 })")
    }
}

/// Counts per bucket, with fixed bounds.
final class Histogram: RecorderHandler, PrometheusSeries {
    private struct Counts {
        /// One per bound, and one for what lies above all of them; not cumulative.
        var buckets: [UInt64]
        var sum = 0.0
    }

    /// Upper ends of the buckets, growing.
    private let bounds: [Double]
    private let counts: Mutex<Counts>

    /// For amounts of anything: powers of two up to 65 536.
    static let amounts = (0...16).map { Double(1 << $0) }
    /// For times in seconds, from a fast read to a lost request.
    static let seconds = [
        0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30,
    ]

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Mutex(Counts(buckets: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        var bucket = 0
        while bucket < bounds.count, value > bounds[bucket] { bucket += 1 }
        counts.withLock {
            $0.buckets[bucket] += 1
            $0.sum += value
        }
    }

    func render(_ name: String, _ labels: String, into buffer: inout ByteBuffer) {
        let (buckets, sum) = counts.withLock { ($0.buckets, $0.sum) }
        let before = labels.isEmpty ? "" : labels + ","
        var total: UInt64 = 0
        for (place, count) in buckets.enumerated() {
            total += count
            let bound = place < bounds.count ? "\(bounds[place])" : "+Inf"
            buffer.writeSample(name + "_bucket", "\(before)le=\"\(bound)\"", "\(total)")
        }
        buffer.writeSample(name + "_sum", labels, "\(sum)")
        buffer.writeSample(name + "_count", labels, "\(total)")
    }
}

/// Times, shown in seconds.
final class TimerHistogram: TimerHandler, PrometheusSeries {
    private let histogram = Histogram(bounds: Histogram.seconds)
    func recordNanoseconds(_ duration: Int64) { histogram.record(Double(duration) / 1e9) }
    func render(_ name: String, _ labels: String, into buffer: inout ByteBuffer) {
        histogram.render(name, labels, into: &buffer)
    }
}
