#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
package import NIOCore
import Synchronization

/// A server started by us. It runs in a process group of its own, so that Ctrl-C reaches only us.
package final class ChildProcess: Sendable {
    package let pid: Int32
    private let workbench: Workbench
    private let reaped = Mutex(false)

    /// Starts `path`; its output is appended to the file `log`.
    package init(_ path: String, _ arguments: [String], log: String, workbench: Workbench) throws {
        self.workbench = workbench
        pid = try Self.spawn(path, arguments, log: log)
        try workbench.started(pid)
    }

    private static func spawn(_ path: String, _ arguments: [String], log: String) throws -> Int32 {
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&files, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var pid: pid_t = 0
        let failure = posix_spawnp(&pid, path, &files, &attributes, &argv, environ)
        guard failure == 0 else { throw WorkloadFailure("cannot start \(path): \(String(cString: strerror(failure)))") }
        return pid
    }

    package func signal(_ number: CInt) {
        reaped.withLock { gone in
            if !gone { _ = kill(pid, number) }
        }
    }

    /// Whether the process still exists.
    package var isRunning: Bool {
        reaped.withLock { gone in
            if !gone, waitpid(pid, nil, WNOHANG) != 0 {
                gone = true
                workbench.ended(pid)
            }
            return !gone
        }
    }

    /// Waits for its end; kills it if that takes longer than `limit`.
    package func waitForEnd(within limit: TimeAmount) async throws {
        do {
            try await Deadline.wait(limit, pause: .milliseconds(2)) { !isRunning }
        } catch is DeadlineExceeded {
            signal(SIGKILL)
            try await Deadline.wait(.seconds(10)) { !isRunning }
        }
    }
}
