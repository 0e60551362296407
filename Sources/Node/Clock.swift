internal import Glibc
internal import NIOCore
internal import Primitives

/// The process's monotonic clock, as the core counts it.
func monotonicNow() -> Instant { Instant(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds)) }

extension Instant {
    var deadline: NIODeadline { .uptimeNanoseconds(UInt64(max(0, nanoseconds))) }
}

/// Bytes that an ordinary user may still write on the file system of `path`.
func freeBytes(at path: String) -> UInt64? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
}

/// Blocks a writer's own thread; never called on an event loop.
func pause(_ span: TimeSpan) { usleep(UInt32(span.nanoseconds / 1_000)) }
