import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// An answer that waits for a change: what it waits for is watched before anything is read, so that no change falls between the
/// two. Confined to the connection's event loop.
protocol HeldAnswer: WatchSink, PendingWatch, Timed {
    var hold: Hold { get set }
    /// Asks the node for the watch.
    func openWatch() -> WatchID
    /// Something changed, or the watch cannot tell whether it did.
    func read(isChange: Bool)
    /// The time is over, and nothing was told.
    func timeIsOver()
}

/// Where an answer that waits stands.
struct Hold {
    let connection: ConnectionHandler
    /// The request that it answers.
    let number: UInt64
    /// How long the node gets for each thing that it is asked.
    let timeout: TimeSpan
    let due: NIODeadline
    var phase = Phase.waiting(nil)

    enum Phase {
        /// Nothing has changed yet; the watch, once its id is known.
        case waiting(WatchID?)
        case reading
        case closed
    }

    var isWaiting: Bool { if case .waiting = phase { true } else { false } }
    var isReading: Bool { if case .reading = phase { true } else { false } }
    var isClosed: Bool { if case .closed = phase { true } else { false } }
}

extension HeldAnswer {
    var shared: LoopContext { hold.connection.shared }

    func begin() {
        shared.wheel.schedule(self, at: hold.due)
        wait()
    }

    func wait() {
        hold.phase = .waiting(nil)
        let id = openWatch()
        if hold.isWaiting { hold.phase = .waiting(id) } else { shared.service.closeWatch(id) }
    }

    func ask(_ query: Query, _ consistency: ReadConsistency, _ answered: @escaping @Sendable (ClientReply) -> Void) {
        closeWatch()
        hold.phase = .reading
        shared.service.submit(.read(query, consistency), timeout: hold.timeout, on: eventLoop) { [self] reply in
            if hold.isReading { answered(reply) }
        }
    }

    // MARK: - WatchSink

    func deliver(_ batch: WatchBatch) {
        if hold.isWaiting { read(isChange: true) }
    }

    func ended(_ end: WatchEnd) {
        guard hold.isWaiting else { return }
        hold.phase = .waiting(nil)
        read(isChange: false)
    }

    func leaderKnown(_ known: Bool) {}

    // MARK: - The end

    func timePassed(_ now: NIODeadline) -> NIODeadline? {
        if hold.isClosed { return nil }
        if now < hold.due { return hold.due }
        timeIsOver()
        return nil
    }

    func abandon() {
        if hold.isClosed { return }
        closeWatch()
        hold.phase = .closed
        shared.doors.releaseAnswer()
    }

    func finish(_ render: (Renderer) -> Reply) {
        if hold.isClosed { return }
        abandon()
        hold.connection.answer(hold.number, render)
    }

    private func closeWatch() {
        if case .waiting(let id?) = hold.phase { shared.service.closeWatch(id) }
    }
}
