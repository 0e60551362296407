package import NIOCore

/// When a run begins, counts and ends.
package struct Window: Sendable {
    /// Requests meant for an earlier moment are warm-up and not counted.
    package var measureFrom: NIODeadline
    /// No request is meant for this moment or later.
    package var end: NIODeadline
    /// Requests of an open loop that are still unsent now are given up and counted as errors.
    package var giveUp: NIODeadline

    package init(measureFrom: NIODeadline, end: NIODeadline, giveUp: NIODeadline) {
        self.measureFrom = measureFrom
        self.end = end
        self.giveUp = giveUp
    }
}

/// Decides when one loop's next request is meant to leave.
///
/// In an open loop request *n* is meant for `start + n × interval`, whether or not the server keeps up. A request that
/// finds no free connection keeps its intended moment, and latency counts from there: a server that stalls pays for
/// every request it held up, not only for the one in flight (no coordinated omission).
package struct Pace: Sendable {
    private let window: Window
    private let start: NIODeadline
    /// `nil` in a closed loop: a request leaves as soon as its connection is free.
    private let interval: TimeAmount?
    private var issued: Int64 = 0

    package enum Step: Equatable, Sendable {
        case send(intended: NIODeadline)
        case wait(until: NIODeadline)
        case over
    }

    package static func closed(_ window: Window) -> Pace {
        Pace(window: window, start: window.measureFrom, interval: nil)
    }

    package static func open(_ window: Window, start: NIODeadline, interval: TimeAmount) -> Pace {
        precondition(interval > .zero, "an open loop needs time between its requests")
        return Pace(window: window, start: start, interval: interval)
    }

    private var nextIntended: NIODeadline? {
        interval.map { start + .nanoseconds($0.nanoseconds * issued) }
    }

    package mutating func next(now: NIODeadline) -> Step {
        guard let intended = nextIntended else { return now < window.end ? .send(intended: now) : .over }
        if intended >= window.end || now >= window.giveUp { return .over }
        if intended > now { return .wait(until: intended) }
        issued += 1
        return .send(intended: intended)
    }

    /// Requests meant for the window that were never sent.
    package var unsent: Int64 {
        guard let interval, let intended = nextIntended, intended < window.end else { return 0 }
        let left = (window.end - intended).nanoseconds
        return (left + interval.nanoseconds - 1) / interval.nanoseconds
    }
}
