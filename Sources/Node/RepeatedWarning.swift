internal import Primitives

/// A warning that may be due many times a second: given at once, and again after a pause at the earliest, for all that came
/// meanwhile. Each of a member's messages that an older release cannot read is such a thing during an update.
struct RepeatedWarning {
    private var held: [NodeID: (until: Instant, count: Int)] = [:]

    static let pause = TimeSpan.seconds(10)

    /// It is due once more because of `node`.
    ///
    /// - Returns: how many times since it was given, this one included; `nil` when it is not to be given now.
    mutating func count(of node: NodeID, at now: Instant) -> Int? {
        guard let (until, count) = held[node], now < until else {
            defer { held[node] = (now + Self.pause, 0) }
            return (held[node]?.count ?? 0) + 1
        }
        held[node] = (until, count + 1)
        return nil
    }
}
