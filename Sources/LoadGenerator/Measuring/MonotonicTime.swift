internal import NIOCore

/// Nanoseconds on this machine's monotonic clock.
package enum MonotonicTime {
    package static func now() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }
    package static func milliseconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1e6 }
}
