package import Foundation
internal import Synchronization

/// A process of this one, killed with it when it exits.
///
/// It runs in a process group of its own, so that a Ctrl-C at the terminal reaches only this process, which then ends
/// its children in order.
package final class ChildProcess: Sendable {
    package let id: Int32
    private let siblings: Children
    /// How it ended, once that was noticed; its id may belong to another process from then on.
    private let end = Mutex<Exit?>(nil)

    /// How a process ended.
    package enum Exit: Hashable, Sendable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        package var description: String {
            switch self {
            case .code(let code): "ended with exit code \(code)"
            case .signal(let signal): "was ended by signal \(signal)"
            }
        }
    }

    /// Runs `executable`, which is looked for in `PATH` if it has no slash, with its output appended to `log`.
    package init(
        _ executable: String, _ arguments: [String], log: URL, among siblings: Children = .ofThisProcess
    ) throws {
        self.siblings = siblings
        id = try spawn([executable] + arguments, log: log)
        try siblings.add(id)
    }

    /// Sends a signal; nothing happens once the process has ended.
    package func send(_ signal: Int32) {
        end.withLock { end in
            if end == nil { kill(id, signal) }
        }
    }

    /// How the process ended; `nil` while it runs.
    package func exit() -> Exit? {
        end.withLock { end in
            if end == nil, let noticed = Self.ending(of: id) {
                end = noticed
                siblings.remove(id)
            }
            return end
        }
    }

    package var isRunning: Bool { exit() == nil }

    /// Waits for its end; kills it if that takes longer than `limit`.
    @discardableResult
    package func waitForEnd(within limit: Duration) async throws -> Exit {
        let deadline = ContinuousClock.now + limit
        while true {
            if let exit = exit() { return exit }
            if ContinuousClock.now >= deadline { send(SIGKILL) }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    private static func ending(of id: Int32) -> Exit? {
        var status: Int32 = 0
        switch waitpid(id, &status, WNOHANG) {
        case 0: return nil
        case id:
            let signal = status & 0x7F
            return signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal)
        default: return .signal(SIGKILL)  // All children were ended at once, and this one's status was taken there.
        }
    }
}

/// Starts the first of `words` with all of them as its arguments.
private func spawn(_ words: [String], log: URL) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // What this process ignores or blocks would be inherited, and a child could not be asked to go.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
        &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

    var arguments = words.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    var id: pid_t = 0
    let failure = posix_spawnp(&id, words[0], &actions, &attributes, &arguments, environ)
    guard failure == 0 else { throw ClusterFailure("cannot run \(words[0]): \(String(cString: strerror(failure)))") }
    return id
}
