import Foundation
import LocalProcesses
import Testing

@Suite("What the kernel counts")
struct ProcessFiguresTests {
    @Test("CPU time is read past a process name with spaces and parentheses")
    func processStat() {
        let line = "42 (a (b) c) S 1 42 42 0 -1 4194304 99 0 0 0 150 50 7 8 20 0 1 0 184959"
        #expect(ProcessFigures.cpuMicroseconds(stat: line, ticksPerSecond: 100) == 2_000_000)
        #expect(ProcessFigures.cpuMicroseconds(stat: "42 (a) S 1", ticksPerSecond: 100) == nil)
        #expect(ProcessFigures.cpuMicroseconds(stat: "nonsense", ticksPerSecond: 100) == nil)
    }

    @Test("Fields of /proc files are found by their whole name")
    func processFields() {
        let status = "Name:\tetcd\nVmRSS:\t   27368 kB\nRssAnon:\t 5 kB\n"
        #expect(ProcessFigures.field("VmRSS", in: status) == 27_368)
        #expect(ProcessFigures.field("RSS", in: status) == nil)
        let io = "rchar: 10\nwrite_bytes: 4096\ncancelled_write_bytes: 7\n"
        #expect(ProcessFigures.field("write_bytes", in: io) == 4096)
    }

    @Test("This very process has figures, and a missing one has none")
    func liveProcess() throws {
        let own = try #require(ProcessFigures.read(pid: getpid()))
        #expect(own.residentBytes > 1_000_000)
        #expect(ProcessFigures.read(pid: -5) == nil)
        #expect(ProcessFigures.sum(pids: [getpid(), -5]) == nil)
    }
}
