import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct CommandLine {
        /// Runs a command against a cluster and expects its exit code.
        private func run(
            _ arguments: String..., at cluster: LocalCluster, code: Int32 = 0,
            location: SourceLocation = #_sourceLocation
        ) async throws -> Command.Outcome {
            let outcome = try await Command(arguments + ["--endpoints", cluster.endpointList]).outcome()
            #expect(outcome.code == code, "\(arguments): \(outcome)", sourceLocation: location)
            return outcome
        }

        private func object(_ outcome: Command.Outcome) throws -> [String: Any] {
            try #require(
                try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any], "\(outcome)")
        }

        @Test func keysAreWrittenReadListedAndDeletedWithExitCodesForScripts() async throws {
            try await withCluster { cluster, _ in
                let put = try await run("kv", "put", "a/b", "one", "--if-absent", "--json", at: cluster)
                #expect(try object(put)["created"] as? Bool == true)
                let revision = try #require(try object(put)["revision"] as? Int)
                let late = try await run("kv", "put", "a/b", "two", "--if-absent", at: cluster, code: 3)
                #expect(late.errors.contains("one"))
                #expect(late.complaints.count == 1)
                _ = try await run("kv", "put", "a/b", "two", "--if-revision", "\(revision)", at: cluster)
                #expect(try await run("kv", "get", "a/b", at: cluster).output == "two")
                #expect(try await run("kv", "get", "a/b", "--at", "\(revision)", at: cluster).output == "one")
                #expect(try await run("kv", "get", "none", at: cluster, code: 4).output == "")
                _ = try await run("kv", "put", "a/c", "three words here", at: cluster)
                #expect(try await run("kv", "list", "a/", at: cluster).output == "a/b\ttwo\na/c\tthree words here\n")
                #expect(try await run("kv", "delete", "a/", "--prefix", at: cluster).output == "2 keys deleted\n")
                _ = try await run("kv", "delete", "a/b", at: cluster, code: 4)
            }
        }

        @Test func transactionsTakeOneBranch() async throws {
            try await withCluster(size: 1) { cluster, _ in
                _ = try await run(
                    "txn", "--if", "absent k", "--then", "put k 1", "--then", "put l 2", at: cluster)
                let other = try await run(
                    "txn", "--if", "absent k", "--then", "put k 2", "--else", "get k", "--json", at: cluster, code: 3)
                #expect(try object(other)["succeeded"] as? Bool == false)
                #expect(other.output.contains(#""value":"1""#))
            }
        }

        @Test func leasesAreGrantedRenewedKeptAliveListedAndRevoked() async throws {
            try await withCluster { cluster, client in
                let granted = try await run("lease", "grant", "900ms", "--json", at: cluster)
                let id = try #require(try object(granted)["id"] as? String)
                let keeper = try Command(["lease", "keep-alive", id, "--endpoints", cluster.endpointList])
                _ = try await run("kv", "put", "kept", "alive", "--lease", id, at: cluster)
                try await Task.sleep(for: .seconds(2))
                #expect(try await run("kv", "get", "kept", at: cluster).output == "alive")
                #expect(try await run("lease", "list", at: cluster).output.contains(id))
                #expect(try await run("lease", "show", id, at: cluster).output.contains("kept"))
                keeper.send(SIGINT)
                let end = try await keeper.outcome()
                #expect(end.exit == .signal(SIGINT) || end.code == 130 || end.code == 0, "\(end)")
                #expect(end.output.split(separator: "\n").count >= 3, "\(end)")
                #expect(try await run("lease", "renew", id, at: cluster).output.contains("valid for"))
                _ = try await run("lease", "revoke", id, at: cluster)
                _ = try await run("kv", "get", "kept", at: cluster, code: 4)
                #expect(try await run("lease", "renew", id, at: cluster, code: 4).complaints.count == 1)
                _ = try await run("lease", "revoke", id, at: cluster, code: 4)
            }
        }

        @Test func aWatchTellsWhatThereIsAndWhatHappensThroughADeath() async throws {
            try await withCluster { cluster, client in
                try await client.put("w", "1")
                let watch = try Command(["watch", "w", "--json", "--endpoints", cluster.endpointList])
                try await eventually("the watch tells the state") { watch.outputSoFar.contains("state") }
                // The first endpoint is the watched one.
                try await cluster.kill(cluster.members[0])
                try await client.put("w", "2")
                try await client.delete("w")
                try await eventually("the watch tells the deletion") { watch.outputSoFar.contains("delete") }
                watch.send(SIGINT)
                let lines = try await watch.outcome().output.split(separator: "\n").map {
                    try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
                }
                #expect(lines.map { $0["event"] as? String } == ["state", "put", "delete"])
                #expect(lines.last?["reason"] as? String == "deleted")
            }
        }

        @Test func statusNamesTheLeaderAndEveryMemberAndSaysWhenNobodyIsThere() async throws {
            try await withCluster { cluster, client in
                let leader = try await cluster.waitForLeader(client).member
                let outcome = try await run("status", "--json", at: cluster)
                let nodes = try #require(
                    try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [[String: Any]])
                #expect(nodes.compactMap { $0["node"] as? String } == ["n1", "n2", "n3"])
                #expect(Set(nodes.compactMap { $0["leader"] as? String }) == [leader.name])
                #expect(try await run("status", at: cluster).output.contains("leader"))
                for member in cluster.members where member != leader { try await cluster.kill(member) }
                // Whether the leader had noticed already decides between "unknown" and "no leader".
                let lonely = try await Command(
                    ["kv", "put", "k", "v", "--timeout", "1s", "--endpoints", cluster.endpointList]).outcome()
                #expect(lonely.code == 5 || lonely.code == 2, "\(lonely)")
                try await cluster.kill(leader)
                let down = try await run("kv", "get", "k", "--timeout", "1s", at: cluster, code: 2)
                #expect(down.complaints.count == 1)
                _ = try await run("status", at: cluster, code: 2)
            }
        }
    }
}
