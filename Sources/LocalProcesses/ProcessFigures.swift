#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the kernel counts of a process, from `/proc`.
package struct ProcessFigures: Sendable, Equatable {
    /// User and system time.
    package var cpuMicroseconds: Double
    package var residentBytes: Double
    /// Bytes caused to be written to disk; `nil` where the kernel does not tell.
    package var writtenBytes: Double?

    package init(cpuMicroseconds: Double, residentBytes: Double, writtenBytes: Double?) {
        self.cpuMicroseconds = cpuMicroseconds
        self.residentBytes = residentBytes
        self.writtenBytes = writtenBytes
    }

    /// The figures of process `pid`; `nil` if there is none.
    package static func read(pid: Int32) -> ProcessFigures? {
        guard let stat = SmallFile.text("/proc/\(pid)/stat"), let status = SmallFile.text("/proc/\(pid)/status"),
            let cpu = cpuMicroseconds(stat: stat, ticksPerSecond: Double(sysconf(CInt(_SC_CLK_TCK))))
        else { return nil }
        let written = SmallFile.text("/proc/\(pid)/io").flatMap { field("write_bytes", in: $0) }
        return ProcessFigures(
            cpuMicroseconds: cpu, residentBytes: 1024 * (field("VmRSS", in: status) ?? 0), writtenBytes: written)
    }

    /// The sums over `pids`; `nil` if one of them is gone.
    package static func sum(pids: [Int32]) -> ProcessFigures? {
        var sum = ProcessFigures(cpuMicroseconds: 0, residentBytes: 0, writtenBytes: 0)
        for pid in pids {
            guard let one = read(pid: pid) else { return nil }
            sum.cpuMicroseconds += one.cpuMicroseconds
            sum.residentBytes += one.residentBytes
            sum.writtenBytes = sum.writtenBytes.flatMap { total in one.writtenBytes.map { total + $0 } }
        }
        return sum
    }

    /// `utime + stime` of a line of `/proc/PID/stat`. The name in parentheses may itself hold spaces and parentheses.
    package static func cpuMicroseconds(stat: String, ticksPerSecond: Double) -> Double? {
        guard let close = stat.lastIndex(of: ")"), ticksPerSecond > 0 else { return nil }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / ticksPerSecond * 1e6
    }

    /// The first number after `name:` in a file of such lines.
    package static func field(_ name: String, in text: String) -> Double? {
        for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
            return line.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace).first.flatMap { Double($0) }
        }
        return nil
    }
}

/// Files of the kernel and logs, small enough to be read whole.
package enum SmallFile {
    private static let limit = 1 << 20

    package static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < limit {
            let count = read(file, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
