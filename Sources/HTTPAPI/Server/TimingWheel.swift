internal import NIOCore
internal import Primitives

/// Something that wants to be called at a time, roughly.
protocol Timed: AnyObject {
    /// Called when its time has come; answers when it wants to be called next, `nil` for never.
    func timePassed(_ now: NIODeadline) -> NIODeadline?
}

/// Calls many objects of one event loop at coarse times. One timer of the loop serves all of them, and none while there
/// is nobody to call: thousands of connections need no timer each, and a request moves its deadline by setting a number.
final class TimingWheel {
    /// The distance of two slots.
    static let tick = TimeAmount.milliseconds(100)
    /// Who wants to be called later than the wheel reaches is called once around and asked again.
    private static let slotCount = 64

    private var slots: [[any Timed]] = Array(repeating: [], count: slotCount)
    private var cursor = 0
    private var population = 0
    private var timer: RepeatedTask?
    private let loop: any EventLoop

    init(loop: any EventLoop) { self.loop = loop }

    func schedule(_ timed: any Timed, at time: NIODeadline) {
        insert(timed, at: time, now: .now())
        if timer == nil { startTimer() }
    }

    private func insert(_ timed: any Timed, at time: NIODeadline, now: NIODeadline) {
        let distance = max(0, (time - now).nanoseconds) / Self.tick.nanoseconds + 1
        slots[(cursor + Int(min(distance, Int64(Self.slotCount - 1)))) % Self.slotCount].append(timed)
        population += 1
    }

    private func startTimer() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        timer = loop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in bound.value.turn() }
    }

    private func turn() {
        cursor = (cursor + 1) % Self.slotCount
        let due = slots[cursor]
        slots[cursor] = []
        population -= due.count
        let now = NIODeadline.now()
        for timed in due {
            if let next = timed.timePassed(now) { insert(timed, at: next, now: now) }
        }
        if population == 0 { stop() }
    }

    func stop() {
        timer?.cancel()
        timer = nil
    }
}

extension TimeAmount {
    init(_ span: TimeSpan) { self = .nanoseconds(span.nanoseconds) }
}
