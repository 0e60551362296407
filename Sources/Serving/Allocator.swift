import Glibc

/// How glibc's allocator is set for a server (`Docs/Decisions/0013-freed-pieces-stay-with-their-thread.md`).
enum Allocator {
    private static let variable = "GLIBC_TUNABLES"
    private static let tunable = "glibc.malloc.tcache_count"
    /// Freed pieces of each size that a thread keeps for itself. A batch makes and frees more of a kind than the usual 7.
    private static let pieces = 1_000

    /// Begins this program once more with the setting in its environment, because glibc reads it only then: same process, same
    /// arguments. Returns when it was begun with one, be it another, or cannot be begun again, which only costs speed.
    static func adjustOrBeginAgain() {
        let given = getenv(variable).map { String(cString: $0) } ?? ""
        guard !given.contains(tunable) else { return }
        let setting = "\(tunable)=\(pieces)"
        guard setenv(variable, given.isEmpty ? setting : "\(given):\(setting)", 1) == 0 else { return }
        // This may be a thread that no signal interrupts, and what it blocks stays so.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        execv("/proc/self/exe", CommandLine.unsafeArgv)
    }
}
