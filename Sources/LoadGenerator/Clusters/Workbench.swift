import Foundation
import Synchronization

/// Everything a comparison would leave behind if it were not cleaned up: a directory and processes.
package final class Workbench: Sendable {
    private static let removals = 100

    package let directory: String
    private let state = Mutex(State())

    private struct State {
        var running: Set<Int32> = []
        var closed = false
    }

    /// Makes a fresh directory below `parent`.
    package init(below parent: String) throws {
        var template = Array((parent + "/conclave-bench-XXXXXX").utf8CString)
        guard let made = mkdtemp(&template) else {
            throw WorkloadFailure("cannot make a directory below \(parent): \(String(cString: strerror(errno)))")
        }
        directory = String(cString: made)
    }

    /// Takes charge of a process; one that starts while all is being cleaned up is killed at once.
    func started(_ pid: Int32) throws {
        let closed = state.withLock { state in
            if !state.closed { state.running.insert(pid) }
            return state.closed
        }
        guard closed else { return }
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
        throw CancellationError()
    }

    func ended(_ pid: Int32) { state.withLock { _ = $0.running.remove(pid) } }

    /// Kills what still runs, by its id, and removes the directory. Safe from any thread, also twice.
    package func cleanUp() {
        state.withLock { state in
            state.closed = true
            for pid in state.running { kill(pid, SIGKILL) }
            for pid in state.running { waitpid(pid, nil, 0) }
            state.running = []
        }
        // Somebody else may be removing a part of it at the same moment, which makes a removal fail half-way.
        for _ in 0..<Self.removals {
            Directory.remove(directory)
            if access(directory, F_OK) != 0 { return }
            usleep(10_000)
        }
    }
}

/// Directories of a benchmark's own making.
enum Directory {
    static func make(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw WorkloadFailure("cannot make \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Removes `path` and everything in it.
    static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}
