internal import NIOCore

/// Lets one message a second through, and counts those between.
struct LogThrottle {
    private var next = NIODeadline.uptimeNanoseconds(0)
    private var suppressed = 0

    /// How many were held back since the last one, when this one may be written; otherwise `nil`.
    mutating func admit(at now: NIODeadline) -> Int? {
        guard now >= next else {
            suppressed += 1
            return nil
        }
        defer { suppressed = 0 }
        next = now + .seconds(1)
        return suppressed
    }
}
