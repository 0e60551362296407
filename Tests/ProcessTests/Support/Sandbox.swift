import Foundation
import LocalProcesses

@testable import conclave

/// The folder below which everything of a test run lies, and the executable under test.
///
/// A guard process waits for the end of this one, whatever ends it: then it kills every process that was started with
/// this sandbox in its environment, and removes the folder.
enum Sandbox {
    /// Where tests put their files; also the temporary folder of every process they start.
    static let root: URL = {
        let root = try! Folder.temporary()
        startGuard(root)
        return root
    }()

    /// The executable beside this test bundle, behind a script that marks its processes as this sandbox's.
    static let executable = marked("conclave")

    /// The member whose disk can be tormented, likewise.
    static let torturedMember = marked("tortured-member")

    private static func marked(_ name: String) -> String {
        let real = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: name).path
        let script = "#!/bin/sh\nexport \(mark) SWIFT_BACKTRACE=enable=no\nexec \(real) \"$@\"\n"
        let url = root.appending(path: name)
        try! Data(script.utf8).write(to: url)
        try! FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: url.path)
        return url.path
    }

    private static var mark: String { "TMPDIR=\(root.path)" }

    /// A new, empty folder for one test.
    static func directory(_ name: String) throws -> URL {
        let directory = root.appending(path: "\(name)-\(String(UInt32.random(in: .min ... .max), radix: 36))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory
    }

    /// The ids of the processes that were started in this sandbox and still live.
    static func livingProcesses() -> [Int32] {
        let mark = Array(mark.utf8)
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { Int32($0) }.filter { id in
            let environment = FileManager.default.contents(atPath: "/proc/\(id)/environ") ?? Data()
            return environment.split(separator: 0).contains { $0.elementsEqual(mark) }
        }
    }

    private static func startGuard(_ root: URL) {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        // Nobody else may hold the writing end: its closing is the news of this process's death.
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        let script = """
            trap '' INT TERM HUP; read _; for folder in /proc/[0-9]*; do
            if tr '\\0' '\\n' 2>/dev/null <$folder/environ | grep -qxF "TMPDIR=$1"; then kill -9 ${folder#/proc/}; fi
            done; rm -rf "$1"
            """
        let arguments: [String] = ["sh", "-c", script, "sh", root.path]
        var words = arguments.map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var id: pid_t = 0
        posix_spawn(&id, "/bin/sh", &actions, &attributes, &words, environ)
        close(ends[0])
    }
}
