import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct WrongSettings {
        /// One line that names the trouble, nothing on standard output, and an exit code that says failure.
        private func refuse(
            _ words: [String], _ arguments: [String], environment: [String] = [],
            location: SourceLocation = #_sourceLocation
        ) async throws {
            let outcome = try await Command(arguments, environment: environment).outcome()
            #expect(outcome.code == 1, "\(outcome)", sourceLocation: location)
            #expect(outcome.output == "", sourceLocation: location)
            #expect(outcome.complaints.count == 1, "\(outcome)", sourceLocation: location)
            for word in words {
                #expect(outcome.errors.contains(word), "\(word) in: \(outcome.errors)", sourceLocation: location)
            }
            #expect(outcome.errors.hasPrefix("conclave: "), "\(outcome)", sourceLocation: location)
        }

        private func serve(_ directory: URL, _ ports: Place, _ more: String...) -> [String] {
            [
                "serve", "--data-dir", directory.path, "--listen", "127.0.0.1:\(ports.client)", "--peer-listen",
                "127.0.0.1:\(ports.peer)",
            ] + more
        }

        @Test func aFlagThatDoesNotExist() async throws {
            try await refuse(["--nope", "see 'conclave serve --help'"], ["serve", "--nope"])
        }

        @Test func aDurationThatIsNone() async throws {
            let words = ["--heartbeat", "CONCLAVE_HEARTBEAT", "\"5x\"", "as 50ms or 1s"]
            try await refuse(words, ["serve", "--heartbeat", "5x"])
            try await refuse(words, ["serve"], environment: ["CONCLAVE_HEARTBEAT=5x"])
        }

        @Test func anElectionOrAPriorityThatThereIsNot() async throws {
            try await refuse(
                ["--election", "CONCLAVE_ELECTION", "randomized or ranked"], ["serve", "--election", "raft"])
            for priority in ["-1", "256", "high"] {
                try await refuse(
                    ["CONCLAVE_PRIORITY", "\"\(priority)\"", "0 (never lead) to 255"], ["serve"],
                    environment: ["CONCLAVE_PRIORITY=\(priority)"])
            }
            try await refuse(["--priority", "cluster of one"], ["serve", "--priority", "0"])
            try await refuse(["--priority", "one for each"], ["dev", "--nodes", "3", "--priority", "1,2"])
            try await refuse(["--election", "ranked"], ["dev", "--election", "raft"])
        }

        @Test func aConfigurationFileWithASettingThatDoesNotExist() async throws {
            let file = try Sandbox.directory("settings").appending(path: "settings.json")
            try Data(#"{"name": "n1", "hartbeat": "50ms"}"#.utf8).write(to: file)
            try await refuse(["hartbeat", "heartbeat"], ["serve", "--config", file.path])
            try await refuse(["no such file"], ["serve", "--config", file.path + "x"])
        }

        @Test func aNameThatIsNotInTheCluster() async throws {
            let cluster = "n1=127.0.0.1:1,n2=127.0.0.1:2,n3=127.0.0.1:3"
            try await refuse(["\"n4\"", "--cluster", "--name"], ["serve", "--name", "n4", "--cluster", cluster])
        }

        @Test func onePortForBoth() async throws {
            try await refuse(
                ["--listen", "--peer-listen", "both"],
                ["serve", "--listen", "127.0.0.1:12345", "--peer-listen", "127.0.0.1:12345"])
        }

        @Test func aFileInPlaceOfTheDataDirectory() async throws {
            let file = try Sandbox.directory("place").appending(path: "file")
            try Data("precious".utf8).write(to: file)
            try await refuse([file.path, "Not a directory", "--data-dir"], serve(file, try Place.free(1)[0]))
            try await refuse(
                ["--data-dir"], serve(file.appending(path: "below"), try Place.free(1)[0]))
            #expect(try Data(contentsOf: file) == Data("precious".utf8))
        }

        @Test func theDataOfAnotherMemberOrClusterIsRefusedAndStaysWhole() async throws {
            try await NodeDoor.withDoor { door in
                try await withCluster { cluster, client in
                    try await client.put("k", "v")
                    let (member, other) = (cluster.members[0], cluster.members[1])
                    let revision = try await door.report(of: member).revision
                    try await cluster.kill(member)
                    let list = cluster.members.map { "\($0.name)=\($0.peerAddress)" }.joined(separator: ",")
                    let ports = try Place.free(1)[0]
                    let asOther = serve(member.dataDirectory, ports, "--cluster", list, "--name", other.name)
                    try await refuse(["member \(member.name)", other.name, "--name"], asOther)
                    let alone = serve(member.dataDirectory, ports, "--name", member.name)
                    try await refuse(["belongs to the cluster", "--cluster"], alone)
                    let token = serve(member.dataDirectory, ports, "--cluster", list, "--cluster-token", "x")
                    try await refuse(["belongs to the cluster", "not to x"], token)
                    try cluster.start(member)
                    try await cluster.waitUntilReady(client)
                    #expect(try await cluster.agreement(door).revision == revision)
                }
            }
        }

        @Test func portsInUseAndASecondProcessOnTheSameDirectoryLeaveTheFirstAlone() async throws {
            try await withCluster(size: 1) { cluster, client in
                let member = cluster.members[0]
                try await client.put("k", "v")
                let taken = (
                    client: UInt16(member.clientAddress.split(separator: ":")[1])!,
                    peer: UInt16(member.peerAddress.split(separator: ":")[1])!
                )
                let (free, elsewhere) = (try Place.free(1)[0], try Sandbox.directory("elsewhere"))
                try await refuse(
                    ["\(taken.client)", "choose another"],
                    serve(elsewhere, .init(client: taken.client, peer: free.peer)))
                try await refuse(
                    ["\(taken.peer)", "--peer-listen"], serve(elsewhere, .init(client: free.client, peer: taken.peer)))
                let id = try #require(cluster.processID(of: member))
                try await refuse(["in use by process \(id)", "--data-dir"], serve(member.dataDirectory, free))
                #expect(try await client.get("k")?.value == "v")
                try await cluster.kill(member)
                try cluster.start(member)
                try await cluster.waitUntilReady(client)
                #expect(try await client.get("k")?.value == "v")
            }
        }
    }
}
