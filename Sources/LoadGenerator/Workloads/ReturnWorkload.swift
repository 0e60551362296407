internal import NIOCore
internal import NIOPosix
import Synchronization

/// Many clients, each with a watch and a lease, lose their connections at once. Within a second all come back: each
/// opens its watch again and renews its lease. How long until all are back, and what writes feel of it.
package struct ReturnWorkload: Sendable {
    private static let limit = TimeAmount.seconds(60)
    private static let openingBatch = 64
    private static let seconds = 10
    private static let within = TimeAmount.seconds(1)
    private static let writers = 8
    private static let writesPerSecond = 200.0
    private static let key = "bench/returned-to"

    package var system: TargetSystem
    package var endpoints: [Endpoint]
    package var clients: Int

    package init(on system: TargetSystem, endpoints: [Endpoint], clients: Int) {
        self.system = system
        self.endpoints = endpoints
        self.clients = clients
    }

    package struct Result: Sendable {
        /// Milliseconds from the moment all connections were closed until the last client was back.
        package var back: Double
        /// Milliseconds that 99 % of the writes took meanwhile.
        package var writes: Double
        /// Elections of the servers' own leader meanwhile.
        package var elections: UInt64
        package var errors: ErrorTally
    }

    package func run() async throws -> Result {
        FileDescriptors.allow(2 * clients)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let result = try await leaveAndReturn(on: group)
            try await group.shutdownGracefully()
            return result
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
    }

    private func leaveAndReturn(on group: MultiThreadedEventLoopGroup) async throws -> Result {
        let dialect = system.dialect
        let first = Attendance()
        let watches = try await openWatches(first, on: group)
        let leases = try await Granting.leases(clients, seconds: Self.seconds, in: system.dialect, at: endpoints)
        try await Granting.sendAll(dialect.renew(leases: leases, seconds: Self.seconds), to: endpoints)
        let termBefore = try await term()
        let writing = LoadPlan(
            endpoints: endpoints, connections: Self.writers, bound: .duration(.seconds(4)), rate: Self.writesPerSecond)
        let puts = try await ThroughputWorkload(.put, on: system).prepare(writing)
        async let written = LoadRunner.run(writing, source: puts)
        let left = MonotonicTime.now()
        for watch in watches { watch.eventLoop.execute { watch.value.stop() } }
        let second = Attendance()
        try await comeBack(leases, second, on: group)
        try? await Deadline.wait(Self.limit) { second.present.count + second.failures.count >= clients }
        let load = try await written
        var errors = load.errors
        for failure in second.failures { errors.record(failure) }
        errors.record(
            "a client did not come back", count: UInt64(clients - second.present.count - second.failures.count))
        return Result(
            back: MonotonicTime.milliseconds((second.present.max() ?? left) - left),
            writes: load.latency.milliseconds(at: 99), elections: try await term() - termBefore, errors: errors)
    }

    private func openWatches(
        _ attendance: Attendance, on group: any EventLoopGroup
    ) async throws -> [NIOLoopBound<WatchStream>] {
        var watches: [NIOLoopBound<WatchStream>] = []
        for number in 0..<clients {
            let loop = group.next()
            watches.append(
                try await connect(number, on: loop) {
                    attendance.arrived()
                } failed: {
                    attendance.failed($0)
                }.get())
            if number % Self.openingBatch == 0 || number == clients - 1 {
                try await Deadline.wait(Self.limit) { attendance.present.count > number }
            }
        }
        return watches
    }

    /// Opens the watch of client `number`; `opened` is called with its first piece.
    private func connect(
        _ number: Int, on loop: any EventLoop, opened: @escaping @Sendable () -> Void,
        failed: @escaping @Sendable (String) -> Void
    ) -> EventLoopFuture<NIOLoopBound<WatchStream>> {
        let endpoint = endpoints[number % endpoints.count]
        let request = system.dialect.watch(key: Self.key)
        return LoadConnection.connect(to: endpoint, on: loop, within: .seconds(20)) {
            var isOpen = false
            return WatchStream(
                request, host: endpoint.description,
                onPiece: { _ in
                    if !isOpen { opened() }
                    isOpen = true
                }, onEnd: { failed("a watch ended: \($0)") })
        }
    }

    /// Lets the clients come back evenly over ``within``. A client is back when its watch stands and its lease is renewed.
    private func comeBack(_ leases: [String], _ attendance: Attendance, on group: any EventLoopGroup) async throws {
        let start = NIODeadline.now()
        for number in 0..<clients {
            let loop = group.next()
            let renewal = system.dialect.renew(lease: leases[number], seconds: Self.seconds)
            let moment = start + .nanoseconds(Self.within.nanoseconds * Int64(number) / Int64(clients))
            loop.scheduleTask(deadline: moment) {
                let watch = connect(number, on: loop) {
                    renew(renewal, number, on: loop, attendance)
                } failed: {
                    attendance.failed($0)
                }
                watch.whenFailure { attendance.failed("\($0)") }
            }
        }
    }

    private func renew(_ renewal: LoadRequest, _ number: Int, on loop: any EventLoop, _ attendance: Attendance) {
        let endpoint = endpoints[number % endpoints.count]
        let opened = LoadConnection.open(to: endpoint, on: loop, within: .seconds(20))
        opened.whenFailure { attendance.failed("\($0)") }
        opened.whenSuccess { bound in
            let connection = bound.value
            connection.onFinish = { outcome in
                switch outcome {
                case .failed(let failure): attendance.failed("\(failure)")
                case .answered(let answer):
                    if let complaint = renewal.expected.complaint(about: answer) {
                        attendance.failed("a lease was lost: \(complaint)")
                    } else {
                        attendance.arrived()
                    }
                }
                bound.value.abandon()
            }
            connection.send(renewal)
        }
    }

    private func term() async throws -> UInt64 {
        let client = Client(endpoints[0])
        let answer = try await client.sendExpecting(system.dialect.status, within: .seconds(10))
        await client.close()
        guard let report = system.dialect.nodeReport(in: answer) else { throw WorkloadFailure("a node has no status") }
        return report.term
    }
}

/// Who has come, and who could not.
private final class Attendance: Sendable {
    private let state = Mutex((present: [Int64](), failures: [String]()))
    var present: [Int64] { state.withLock { $0.present } }
    var failures: [String] { state.withLock { $0.failures } }
    func arrived() { state.withLock { $0.present.append(MonotonicTime.now()) } }
    func failed(_ reason: String) { state.withLock { $0.failures.append(reason) } }
}
