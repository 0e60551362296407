#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
internal import LocalProcesses

/// The machine a report was measured on.
package struct Machine: Sendable, Equatable {
    package var cores: Int
    package var processor: String
    package var kernel: String
    package var memoryBytes: Double
    /// Median time of a 4 KiB append with `fdatasync` in the directory the servers write to; `nil` if it failed.
    package var syncMicroseconds: Double?

    package init(
        cores: Int, processor: String, kernel: String, memoryBytes: Double, syncMicroseconds: Double?
    ) {
        self.cores = cores
        self.processor = processor
        self.kernel = kernel
        self.memoryBytes = memoryBytes
        self.syncMicroseconds = syncMicroseconds
    }

    package static func probe(directory: String) -> Machine {
        let processor = SmallFile.text("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }
        let memory = SmallFile.text("/proc/meminfo").flatMap { ProcessFigures.field("MemTotal", in: $0) }
        let kernel = SmallFile.text("/proc/sys/kernel/osrelease")?.split(separator: "\n").first
        return Machine(
            cores: sysconf(CInt(_SC_NPROCESSORS_ONLN)),
            processor: processor?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown",
            kernel: kernel.map { String($0) } ?? "unknown", memoryBytes: 1024 * (memory ?? 0),
            syncMicroseconds: SyncProbe.medianMicroseconds(directory: directory))
    }
}

/// Measures what a durable append costs on a directory's disk.
package enum SyncProbe {
    private static let appends = 200
    private static let block = 4096

    package static func medianMicroseconds(directory: String) -> Double? {
        let path = directory + "/sync-probe"
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { return nil }
        defer {
            close(file)
            unlink(path)
        }
        let bytes = [UInt8](repeating: 0x5A, count: block)
        var times: [Double] = []
        for _ in 0..<appends {
            let start = MonotonicTime.now()
            guard write(file, bytes, block) == block, fdatasync(file) == 0 else { return nil }
            times.append(Double(MonotonicTime.now() - start) / 1e3)
        }
        return Sample.median(of: times)
    }
}
