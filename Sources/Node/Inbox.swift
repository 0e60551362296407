internal import NIOCore
internal import Primitives
internal import ReplicaCore
internal import Synchronization

/// Something for the core loop to do.
enum InboxItem: Sendable {
    case input(Input)
    case submit(ClientRequest, timeout: TimeSpan, answer: PendingAnswer)
    /// A request that opens the watch.
    case openWatch(WatchID, ClientRequest, timeout: TimeSpan, sink: any WatchSink, answer: PendingAnswer)
    case closeWatch(WatchID)
    /// A log write became durable; its messages may leave.
    case logDurable(LogWriter.Completion)
    case stateDone(StateWriter.Completion)
    /// Asked after the batch is carried out, so that answers come after its deliveries.
    case ask(@Sendable (NodeCore) -> Void)
}

/// The one way into the core loop: whatever queued up while it was busy is its next batch, with one wake for all of it.
final class Inbox: Sendable {
    private struct State {
        var items: [InboxItem] = []
        var isScheduled = false
    }

    private let state = Mutex(State())
    private let loop: any EventLoop
    private let drain: @Sendable () -> Void

    init(loop: any EventLoop, drain: @escaping @Sendable () -> Void) {
        self.loop = loop
        self.drain = drain
    }

    func post(_ item: InboxItem) {
        let mustWake = state.withLock { state in
            state.items.append(item)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if mustWake { loop.execute(drain) }
    }

    /// Takes everything there is; the next post wakes the loop again.
    ///
    /// - Parameter batch: an empty list, whose room is for what is posted meanwhile.
    func takeAll(into batch: inout [InboxItem]) {
        precondition(batch.isEmpty, "what was taken before is carried out")
        state.withLock { state in
            state.isScheduled = false
            swap(&state.items, &batch)
        }
    }
}
