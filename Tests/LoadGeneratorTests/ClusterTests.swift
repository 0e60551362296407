import Foundation
import LocalProcesses
import Testing

@testable import LoadGenerator

@Suite("Clusters of a comparison", .timeLimit(.minutes(1)))
struct ClusterTests {
    @Test("An etcd node keeps etcd's default heartbeat and election time-out")
    func etcdArguments() throws {
        let program = ServerProgram.etcd("/etcd")
        let cluster = try LocalCluster(program, at: [Place(client: 1, peer: 2001), Place(client: 2, peer: 2002)])
        defer { Folder.remove(cluster.directory) }
        let arguments = program.arguments(cluster.members[0], cluster.members)
        #expect(arguments.contains("n1=http://127.0.0.1:2001,n2=http://127.0.0.1:2002"))
        #expect(!arguments.contains { $0.contains("heartbeat") || $0.contains("election") })
    }

    @Test("A server that cannot start is reported with its last words, and its files are removed")
    func lastWords() async throws {
        let folder = try Folder.temporary()
        defer { Folder.remove(folder) }
        let broken = ServerProgram("sh") { _, _ in ["-c", "echo out of ink; exit 3"] }
        await #expect {
            _ = try await ServerCluster.start(
                Contestant(.conclave, broken), size: 1, directory: folder.appending(path: "c"))
        } throws: {
            "\($0)".contains("out of ink")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("A durable append takes some time, and none where nothing can be written")
    func syncProbe() throws {
        let time = try #require(SyncProbe.medianMicroseconds(directory: NSTemporaryDirectory()))
        #expect(time > 0)
        #expect(SyncProbe.medianMicroseconds(directory: "/nonexistent") == nil)
    }
}
