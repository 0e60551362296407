#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The process's limit on open files, which servers started from here inherit.
package enum FileDescriptors {
    /// Files a process needs beside its connections.
    private static let reserve = 256

    /// Raises the soft limit as far as needed for `connections`, and no further than the hard limit allows.
    package static func allow(_ connections: Int) {
        var limits = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limits) == 0 else { return }
        let wanted = rlim_t(connections + reserve)
        guard limits.rlim_cur < wanted else { return }
        limits.rlim_cur = min(limits.rlim_max, wanted)
        _ = setrlimit(resource, &limits)
    }
}
