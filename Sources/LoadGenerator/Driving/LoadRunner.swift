internal import NIOCore
internal import NIOPosix

/// Drives a workload from start to end.
package enum LoadRunner {
    /// Opens the connections, warms up, measures, closes. `source` makes the requests of the connection of that
    /// number; `progress` is told once a second. Throws ``LoadFailure`` if a connection cannot be opened.
    package static func run(
        _ plan: LoadPlan, source: @escaping @Sendable (Int) -> any RequestSource,
        progress: (@Sendable (Progress) -> Void)? = nil
    ) async throws -> LoadResult {
        FileDescriptors.allow(plan.connections)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: plan.loops)
        let drivers = makeDrivers(plan, group: group, source: source)
        do {
            let result = try await drive(drivers, plan: plan, progress: progress)
            try await group.shutdownGracefully()
            return result
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    private static func makeDrivers(
        _ plan: LoadPlan, group: MultiThreadedEventLoopGroup, source: @escaping @Sendable (Int) -> any RequestSource
    ) -> [LoopDriver] {
        var budget: Int?
        if case .requests(let count) = plan.bound { budget = count }
        let shared = RequestBudget(budget)
        let loops = min(plan.loops, plan.connections)
        return (0..<loops).map { number in
            let connections = stride(from: number, to: plan.connections, by: loops)
            return LoopDriver(
                loop: group.next(), plan: plan, budget: shared,
                sources: connections.map { (source: source($0), endpoint: $0) })
        }
    }

    private static func drive(
        _ drivers: [LoopDriver], plan: LoadPlan, progress: (@Sendable (Progress) -> Void)?
    ) async throws -> LoadResult {
        for driver in drivers { try await driver.open().get() }
        let begin = NIODeadline.now()
        let window = window(of: plan, from: begin)
        let reporter = progress.map { tell in Task { await report(drivers, from: begin, to: tell) } }
        defer { reporter?.cancel() }
        let runs = drivers.enumerated().map { number, driver in
            driver.run(window, pace: pace(of: plan, in: window, from: begin, loop: number, of: drivers.count))
        }
        for run in runs { try await run.get() }
        return try await collect(drivers, from: window.measureFrom)
    }

    private static func window(of plan: LoadPlan, from begin: NIODeadline) -> Window {
        let measureFrom = begin + plan.warmUp
        switch plan.bound {
        case .duration(let duration):
            let end = measureFrom + duration
            return Window(measureFrom: measureFrom, end: end, giveUp: end + plan.timeout)
        case .requests:
            return Window(measureFrom: measureFrom, end: .distantFuture, giveUp: .distantFuture)
        }
    }

    /// The loops of an open loop take turns, so that together they keep the rate evenly.
    private static func pace(
        of plan: LoadPlan, in window: Window, from begin: NIODeadline, loop number: Int, of loops: Int
    ) -> Pace {
        guard let rate = plan.rate else { return .closed(window) }
        let interval = 1e9 / rate
        return .open(
            window, start: begin + .nanoseconds(Int64(interval * Double(number))),
            interval: .nanoseconds(max(1, Int64(interval * Double(loops)))))
    }

    private static func report(
        _ drivers: [LoopDriver], from begin: NIODeadline, to tell: @Sendable (Progress) -> Void
    ) async {
        var last = begin
        for second in 1... {
            do { try await Task.sleep(for: .seconds(1)) } catch { return }
            var merged = Recorder.Interval()
            for driver in drivers {
                guard let interval = try? await driver.takeInterval().get() else { return }
                merged.latency.add(interval.latency)
                merged.errors += interval.errors
            }
            let now = NIODeadline.now()
            let seconds = Double((now - last).nanoseconds) / 1e9
            last = now
            tell(
                Progress(
                    second: second, rate: Double(merged.latency.count) / seconds,
                    p50: merged.latency.milliseconds(at: 50), p99: merged.latency.milliseconds(at: 99),
                    errors: merged.errors))
        }
    }

    private static func collect(_ drivers: [LoopDriver], from start: NIODeadline) async throws -> LoadResult {
        var result = LoadResult(latency: LatencyHistogram(), errors: ErrorTally(), elapsed: .zero)
        for driver in drivers {
            let recorder = try await driver.loop.submit { NIOLoopBound(driver.recorder, eventLoop: driver.loop) }
                .map { Recorded($0.value) }.get()
            result.latency.add(recorder.latency)
            result.errors.add(recorder.errors)
            if let last = recorder.lastAnswer { result.elapsed = max(result.elapsed, last - start) }
        }
        return result
    }

    /// A recorder's sums, free to leave its loop.
    private struct Recorded: Sendable {
        let latency: LatencyHistogram
        let errors: ErrorTally
        let lastAnswer: NIODeadline?
        init(_ recorder: Recorder) {
            latency = recorder.total
            errors = recorder.errors
            lastAnswer = recorder.lastAnswer
        }
    }
}
