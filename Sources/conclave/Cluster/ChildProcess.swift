import Foundation
import Synchronization

/// A process of this one, killed with it when it exits.
struct ChildProcess: Sendable {
    let id: Int32

    /// How a process ended.
    enum Exit: Hashable, Sendable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .code(let code): "ended with exit code \(code)"
            case .signal(let signal): "was ended by signal \(signal)"
            }
        }
    }

    /// Runs `executable` with its output appended to `log`, in a process group of its own, so that a Ctrl-C at the
    /// terminal reaches only this process, which then ends its children in order.
    init(_ executable: String, _ arguments: [String], log: URL) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // What this process ignores or blocks would be inherited, and a member could not be asked to go.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var words = (["conclave"] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var id: pid_t = 0
        let failure = posix_spawn(&id, executable, &actions, &attributes, &words, environ)
        guard failure == 0 else {
            throw ClusterFailure("cannot run \(executable): \(String(cString: strerror(failure)))")
        }
        self.id = id
        ChildRegistry.add(id)
    }

    func send(_ signal: Int32) { kill(id, signal) }

    /// How the process ended, told once; `nil` while it runs.
    func exit() -> Exit? {
        var status: Int32 = 0
        guard waitpid(id, &status, WNOHANG) == id else { return nil }
        ChildRegistry.remove(id)
        let signal = status & 0x7F
        return signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal)
    }
}

/// The children that run, so that none is left behind however this process exits.
private enum ChildRegistry {
    private static let running = Mutex<Set<Int32>>([])
    private static let registered: Void = { _ = atexit { ChildRegistry.killAll() } }()

    static func add(_ id: Int32) {
        _ = registered
        running.withLock { _ = $0.insert(id) }
    }

    static func remove(_ id: Int32) { running.withLock { _ = $0.remove(id) } }

    static func killAll() { running.withLock { $0.forEach { kill($0, SIGKILL) } } }
}
