internal import Foundation
internal import Synchronization

/// The processes this one started and has not seen end.
package final class Children: Sendable {
    /// Those that are killed when this process exits, so that none is left behind however it does.
    package static let ofThisProcess: Children = {
        atexit { Children.ofThisProcess.endAll() }
        return Children()
    }()

    private struct State {
        var running: Set<Int32> = []
        /// From then on nothing may start.
        var closed = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Takes charge of a process; one that starts while all are being ended is killed at once.
    func add(_ id: Int32) throws {
        let closed = state.withLock { state in
            if !state.closed { state.running.insert(id) }
            return state.closed
        }
        guard closed else { return }
        kill(id, SIGKILL)
        waitpid(id, nil, 0)
        throw CancellationError()
    }

    func remove(_ id: Int32) { state.withLock { _ = $0.running.remove(id) } }

    /// Kills what runs, and waits until it is gone. Safe from any thread, also twice.
    package func endAll() {
        state.withLock { state in
            state.closed = true
            for id in state.running { kill(id, SIGKILL) }
            for id in state.running { waitpid(id, nil, 0) }
            state.running = []
        }
    }
}
