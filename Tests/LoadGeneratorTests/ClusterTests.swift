import Foundation
import NIOCore
import Testing

@testable import LoadGenerator

@Suite("Servers of our own", .timeLimit(.minutes(1)))
struct ClusterTests {
    private func member(_ number: Int) -> ServerProgram.Member {
        ServerProgram.Member(
            name: "n\(number)", client: Endpoint(host: "127.0.0.1", port: 1000 + number),
            peer: Endpoint(host: "127.0.0.1", port: 2000 + number))
    }

    @Test("A Conclave node is started with its name, addresses and cluster")
    func conclaveArguments() {
        let program = ServerProgram(system: .conclave, path: "/conclave")
        let members = [member(1), member(2)]
        #expect(
            program.arguments(for: members[1], of: members, dataDirectory: "/d") == [
                "serve", "--name", "n2", "--data-dir", "/d", "--listen", "127.0.0.1:1002", "--peer-listen",
                "127.0.0.1:2002", "--cluster", "n1=127.0.0.1:2001,n2=127.0.0.1:2002",
            ])
    }

    @Test("An etcd node keeps etcd's default heartbeat and election time-out")
    func etcdArguments() {
        let program = ServerProgram(system: .etcd, path: "/etcd")
        let members = [member(1), member(2)]
        let arguments = program.arguments(for: members[0], of: members, dataDirectory: "/d")
        #expect(arguments.contains("n1=http://127.0.0.1:2001,n2=http://127.0.0.1:2002"))
        #expect(!arguments.contains { $0.contains("heartbeat") || $0.contains("election") })
    }

    @Test("Ports that are found differ and can be bound")
    func ports() throws {
        let ports = try FreePorts.find(20)
        #expect(Set(ports).count == 20)
        #expect(ports.allSatisfy { (1_024...65_535).contains($0) })
    }

    @Test("Cleaning up ends the processes and removes the directory, also while a process is stopped")
    func cleanUp() async throws {
        let workbench = try Workbench(below: NSTemporaryDirectory())
        let directory = workbench.directory
        let process = try ChildProcess("sleep", ["60"], log: directory + "/log", workbench: workbench)
        #expect(process.isRunning)
        process.signal(SIGSTOP)
        workbench.cleanUp()
        #expect(!process.isRunning)
        #expect(kill(process.pid, 0) != 0)
        #expect(!FileManager.default.fileExists(atPath: directory))
        workbench.cleanUp()
        #expect(throws: (any Error).self) {
            try ChildProcess("sleep", ["60"], log: "/dev/null", workbench: workbench)
        }
    }

    @Test("A process that ends by itself is noticed")
    func ending() async throws {
        let workbench = try Workbench(below: NSTemporaryDirectory())
        let process = try ChildProcess("true", [], log: workbench.directory + "/log", workbench: workbench)
        try await process.waitForEnd(within: .seconds(10))
        #expect(!process.isRunning)
        workbench.cleanUp()
    }

    @Test("A server that cannot start is reported with its last words")
    func lastWords() async throws {
        let workbench = try Workbench(below: NSTemporaryDirectory())
        let script = workbench.directory + "/broken"
        try SmallFile.write("#!/bin/sh\necho out of ink\nexit 3\n", to: script)
        chmod(script, 0o700)
        let program = ServerProgram(system: .conclave, path: script)
        do {
            _ = try await ServerCluster.start(program, size: 1, label: "c", workbench: workbench)
            Issue.record("a broken server counted as started")
        } catch let failure as WorkloadFailure {
            #expect(failure.description.contains("out of ink"))
        }
        workbench.cleanUp()
    }

    @Test("Programs are looked for in PATH")
    func path() {
        #expect(ServerProgram.find("sh")?.hasSuffix("/sh") == true)
        #expect(ServerProgram.find("no-such-program-anywhere") == nil)
        #expect(ServerProgram.find("/nonexistent/etcd") == nil)
    }

    @Test("A durable append takes some time, and none where nothing can be written")
    func syncProbe() throws {
        let time = try #require(SyncProbe.medianMicroseconds(directory: NSTemporaryDirectory()))
        #expect(time > 0)
        #expect(SyncProbe.medianMicroseconds(directory: "/nonexistent") == nil)
    }
}
