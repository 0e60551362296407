/// Finds how long nobody could write.
package enum GapFinder {
    /// The longest time between two successes of which the later came after `action`. A silence that lasts until
    /// `end` counts up to there. Times are nanoseconds on one clock, in any order.
    package static func longestGap(in successes: [Int64], after action: Int64, until end: Int64) -> Int64 {
        let times = successes.filter { $0 <= end }.sorted()
        var previous = times.last { $0 <= action } ?? action
        var longest: Int64 = 0
        for time in times where time > action {
            longest = max(longest, time - previous)
            previous = time
        }
        return max(longest, end - previous)
    }

    /// Whether writing went on without a pause longer than `pause` during the last `span` before `now`.
    package static func isSteady(_ successes: [Int64], at now: Int64, span: Int64, pause: Int64) -> Bool {
        let start = now - span
        return successes.contains { $0 <= start } && longestGap(in: successes, after: start, until: now) <= pause
    }
}
