internal import NIOCore
import Synchronization

/// Requests left to send, shared by all loops; without a limit it never runs out.
final class RequestBudget: Sendable {
    private let left: Atomic<Int>
    init(_ count: Int?) { left = Atomic(count ?? .max) }
    func take() -> Bool { left.wrappingSubtract(1, ordering: .relaxed).oldValue > 0 }
}

/// Keeps one event loop's share of the lanes busy. Confined to `loop`: every method runs there.
final class LoopDriver: @unchecked Sendable {
    /// Connections opened at once while a run starts.
    private static let openingBatch = 64
    private static let reconnectPause = TimeAmount.milliseconds(100)
    private static let sweep = TimeAmount.milliseconds(50)

    let loop: any EventLoop
    private let plan: LoadPlan
    private let budget: RequestBudget
    private let opener: LaneOpener
    private var slots: [Slot]
    private var window: Window?
    private var pace: Pace?
    /// Slots of an open loop that wait for the next intended moment.
    private var parked: [Int] = []
    private var wakeUp: Scheduled<Void>?
    private var sweeper: RepeatedTask?
    private var active = 0
    private var budgetSpent = false
    /// Made when the run begins.
    private var done: EventLoopPromise<Void>?
    private(set) var recorder = Recorder()

    /// One lane's place: it outlives the lane, which may be replaced.
    private struct Slot {
        var source: any RequestSource
        var endpoint: Int
        var lane: (any Lane)?
        /// What was sent last.
        var request: LoadRequest?
        var intended = NIODeadline.uptimeNanoseconds(0)
        var sent = NIODeadline.uptimeNanoseconds(0)
        var retired = false
    }

    /// `sources` are the requests of this loop's connections, each with the number of its first endpoint.
    init(
        loop: any EventLoop, plan: LoadPlan, budget: RequestBudget,
        sources: [(source: any RequestSource, endpoint: Int)]
    ) {
        self.loop = loop
        self.plan = plan
        self.budget = budget
        opener = LaneOpener(plan, on: loop)
        slots = sources.map { Slot(source: $0.source, endpoint: $0.endpoint) }
    }

    /// Opens all connections, a batch at a time; fails if one cannot be opened.
    func open() -> EventLoopFuture<Void> {
        loop.flatSubmit { self.open(from: 0) }
            .flatMapErrorWithEventLoop { error, loop in
                self.closeAll()
                return loop.makeFailedFuture(error)
            }
    }

    private func closeAll() {
        for slot in slots { slot.lane?.abandon() }
    }

    private func open(from first: Int) -> EventLoopFuture<Void> {
        guard first < slots.count else { return loop.makeSucceededVoidFuture() }
        let end = min(slots.count, first + Self.openingBatch)
        return EventLoopFuture.andAllSucceed((first..<end).map { connect($0) }, on: loop)
            .flatMap { self.open(from: end) }
    }

    private func connect(_ index: Int) -> EventLoopFuture<Void> {
        let endpoint = plan.endpoints[slots[index].endpoint % plan.endpoints.count]
        return opener.open(to: endpoint).map { bound in
            let lane = bound.value
            lane.onFinish = { [weak self] outcome in self?.finished(index, outcome) }
            lane.onClose = { [weak self] in self?.lost(index) }
            self.slots[index].lane = lane
        }
    }

    /// Sends until the window or the budget ends; the future succeeds when the last answer is in.
    func run(_ window: Window, pace: Pace) -> EventLoopFuture<Void> {
        loop.flatSubmit {
            self.window = window
            self.pace = pace
            self.active = self.slots.count
            let done = self.loop.makePromise(of: Void.self)
            self.done = done
            self.sweeper = self.loop.scheduleRepeatedTask(initialDelay: Self.sweep, delay: Self.sweep) { _ in
                self.failOverdue()
            }
            for index in self.slots.indices { self.proceed(index) }
            return done.futureResult
        }
    }

    func takeInterval() -> EventLoopFuture<Recorder.Interval> {
        loop.submit { self.recorder.takeInterval() }
    }

    /// Lets slot `index` send its next request, wait for its moment, or stop. Returns whether it waits.
    @discardableResult
    private func proceed(_ index: Int) -> Bool {
        guard let lane = slots[index].lane, !slots[index].retired else { return false }
        let now = NIODeadline.now()
        switch pace?.next(now: now) {
        case .send(let intended): dispatch(index, on: lane, intended: intended, now: now)
        case .wait(let moment):
            parked.append(index)
            if wakeUp == nil { wakeUp = loop.scheduleTask(deadline: moment) { self.unpark() } }
            return true
        case .over, nil: retire(index)
        }
        return false
    }

    private func dispatch(_ index: Int, on lane: any Lane, intended: NIODeadline, now: NIODeadline) {
        guard isMeasured(intended) == false || budget.take() else {
            budgetSpent = true
            return retire(index)
        }
        let request = slots[index].source.next()
        slots[index].request = request
        slots[index].intended = intended
        slots[index].sent = now
        lane.send(request)
    }

    private func unpark() {
        wakeUp = nil
        while let index = parked.popLast() {
            if proceed(index) { return }
        }
    }

    private func isMeasured(_ moment: NIODeadline) -> Bool { window.map { moment >= $0.measureFrom } ?? false }

    private func finished(_ index: Int, _ outcome: Outcome) {
        let now = NIODeadline.now()
        let measured = isMeasured(slots[index].intended)
        switch outcome {
        case .answered(let answer):
            if let complaint = slots[index].request?.expected.complaint(about: answer) {
                recorder.failed(complaint, at: now, measured: measured)
            } else {
                recorder.answered(after: now - slots[index].intended, at: now, measured: measured)
            }
        case .failed(let failure):
            recorder.failed("\(failure)", at: now, measured: measured)
        }
        proceed(index)
    }

    /// The connection is gone: the next endpoint gets the next one.
    private func lost(_ index: Int) {
        slots[index].lane = nil
        guard window != nil, !slots[index].retired else { return }
        // It waits again, and once, when it has another connection.
        parked.removeAll { $0 == index }
        slots[index].endpoint += 1
        // Not at once: a lane over a connection that is there already would be busy before the lost request is accounted for.
        loop.assumeIsolated().execute { self.reconnect(index) }
    }

    private func reconnect(_ index: Int) {
        connect(index).whenComplete { result in
            let now = NIODeadline.now()
            guard case .failure(let error) = result else { return self.resume(index) }
            self.recorder.failed("\(error)", at: now, measured: self.isMeasured(now))
            guard let window = self.window, now < window.end else { return self.retire(index) }
            self.slots[index].endpoint += 1
            self.loop.scheduleTask(in: Self.reconnectPause) { self.reconnect(index) }
        }
    }

    /// A connection that comes back after its slot was retired is closed again.
    private func resume(_ index: Int) {
        if slots[index].retired { slots[index].lane?.abandon() } else { proceed(index) }
    }

    private func failOverdue() {
        let limit = NIODeadline.now() - plan.timeout
        for slot in slots {
            if let lane = slot.lane, lane.busy, slot.sent < limit { lane.abandon(.timedOut) }
        }
    }

    private func retire(_ index: Int) {
        guard !slots[index].retired else { return }
        slots[index].retired = true
        slots[index].lane?.abandon()
        active -= 1
        if active == 0 { complete() }
    }

    private func complete() {
        sweeper?.cancel()
        wakeUp?.cancel()
        if let pace, pace.unsent > 0, !budgetSpent {
            recorder.failed("never sent", count: UInt64(pace.unsent), at: .now(), measured: true)
        }
        done?.succeed()
    }
}
