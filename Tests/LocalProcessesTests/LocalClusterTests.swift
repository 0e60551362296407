import Foundation
import Testing

@testable import LocalProcesses

@Suite("A local cluster", .timeLimit(.minutes(1)))
struct LocalClusterTests {
    private func laidOut(_ program: ServerProgram, launcher: [String] = []) throws -> LocalCluster {
        let places = [
            Place(client: 1001, peer: 2001, launcher: launcher), Place(host: "10.0.0.2", client: 1002, peer: 2002),
        ]
        return try LocalCluster(program, at: places)
    }

    @Test("A Conclave member is started with its name, addresses and cluster")
    func conclaveArguments() throws {
        let program = try ServerProgram.conclave("/conclave", flags: ["--io-threads", "2"])
        let cluster = try laidOut(program)
        defer { Folder.remove(cluster.directory) }
        let member = cluster.members[1]
        #expect(
            program.arguments(member, cluster.members) == [
                "serve", "--name", "n2", "--data-dir", member.dataDirectory.path, "--listen", "10.0.0.2:1002",
                "--peer-listen", "10.0.0.2:2002", "--cluster", "n1=127.0.0.1:2001,n2=10.0.0.2:2002",
                "--io-threads", "2",
            ])
    }

    @Test("A member lives, is killed, is started again through its launcher, and leaves nothing behind")
    func life() async throws {
        let program = ServerProgram("sh") { member, _ in ["-c", "echo $WORD \(member.name); exec sleep 60"] }
        let cluster = try laidOut(program, launcher: ["env", "WORD=hello"])
        let member = cluster.members[0]
        for _ in 0..<2 {
            try cluster.start(member)
            try await cluster.waitUntilReady { cluster.logTail(of: $0).contains("hello n1") }
            let id = try #require(cluster.processID(of: member))
            #expect(cluster.exitStatus(of: member) == nil)
            try await cluster.kill(member)
            #expect(kill(id, 0) != 0)
            #expect(cluster.processID(of: member) == nil)
        }
        #expect(cluster.logTail(of: member) == "hello n1\nhello n1")
        #expect(cluster.figures == nil)
        try cluster.startAll()
        #expect((cluster.figures?.residentBytes ?? 0) > 0)
        cluster.signal(member, SIGSTOP)
        await cluster.shutdown()
        #expect(cluster.members.allSatisfy { cluster.processID(of: $0) == nil })
        #expect(!FileManager.default.fileExists(atPath: cluster.directory.path))
    }

    @Test("A member that ends instead of serving is reported with its last words")
    func lastWords() async throws {
        let cluster = try laidOut(ServerProgram("sh") { _, _ in ["-c", "echo out of ink; exit 3"] })
        try cluster.startAll()
        await #expect {
            try await cluster.waitUntilReady { _ in false }
        } throws: {
            "\($0)".contains("exit code 3") && "\($0)".contains("out of ink")
        }
        await cluster.destroy()
    }

    @Test("Places that are found have different ports, below those for outgoing connections")
    func ports() throws {
        let places = try Place.free(10)
        let ports = places.flatMap { [$0.client, $0.peer] }
        #expect(Set(ports).count == 20)
        #expect(ports.allSatisfy { (12_000..<32_000).contains($0) })
    }

    @Test("Programs are looked for in PATH")
    func path() {
        #expect(ServerProgram.find("sh")?.hasSuffix("/sh") == true)
        #expect(ServerProgram.find("no-such-program-anywhere") == nil)
        #expect(ServerProgram.find("/nonexistent/etcd") == nil)
    }
}
