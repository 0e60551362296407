import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct Members {
        @Test(.timeLimit(.minutes(2)))
        func everyNodeKnowsEveryMemberAlsoAfterADeathAndAnElection() async throws {
            try await withCluster { cluster, client in
                for number in 0..<20 { try await client.put(ByteString("k\(number)"), "v") }
                try await allKnowAll(cluster, client)
                let (leader, term) = try await cluster.waitForLeader(client)
                let follower = try #require(cluster.members.first { $0 != leader })
                try await cluster.kill(follower)
                try await allShowGone(follower, cluster, client)
                let shown = try await Command(["status", "--endpoints", cluster.endpointList]).outcome()
                #expect(shown.output.contains("unreachable"), "\(shown)")
                try cluster.start(follower)
                try await cluster.waitUntilReady(client)
                try await client.put("after", "the restart")
                try await allKnowAll(cluster, client)
                try await cluster.kill(leader)
                _ = try await cluster.waitForLeader(client, above: term)
                try await allShowGone(leader, cluster, client)
                try cluster.start(leader)
                try await cluster.waitUntilReady(client)
                try await client.put("after", "another")
                try await allKnowAll(cluster, client)
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aStoppedMemberIsShownAsUnreachableAndComesBack() async throws {
            try await withCluster { cluster, client in
                let leader = try await cluster.waitForLeader(client).member
                let follower = try #require(cluster.members.first { $0 != leader })
                try await allKnowAll(cluster, client)
                cluster.signal(follower, SIGSTOP)
                try await allShowGone(follower, cluster, client)
                cluster.signal(follower, SIGCONT)
                try await allKnowAll(cluster, client)
            }
        }

        /// glibc reads it only when a process begins: the member has begun once more, as the process that was started.
        @Test(.timeLimit(.minutes(1)))
        func aMemberKeepsItsFreedPiecesOfMemory() async throws {
            try await withCluster { cluster, _ in
                let id = try #require(cluster.processID(of: cluster.members[0]))
                let environment = try Data(contentsOf: URL(filePath: "/proc/\(id)/environ")).split(separator: 0)
                #expect(environment.contains(Data("GLIBC_TUNABLES=glibc.malloc.tcache_count=1000".utf8)))
            }
        }

        @Test(.timeLimit(.minutes(1)))
        func aMemberThatListensEverywhereNamesAnAddressThatReachesIt() async throws {
            let place = try Place.free(1)[0]
            let command = try Command([
                "serve", "--name", "n1", "--data-dir", try Sandbox.directory("everywhere").path, "--listen",
                "0.0.0.0:\(place.client)", "--peer-listen", "0.0.0.0:\(place.peer)", "--cluster",
                "n1=localhost:\(place.peer)",
            ])
            let endpoint = try #require(Endpoint("127.0.0.1:\(place.client)"))
            try await ClusterClient.withClient(endpoints: [endpoint.url]) { client in
                try await eventually("the node is ready") { await client.isReady(endpoint) }
                #expect(try await client.cluster(of: endpoint).members[0].clientAddress == "localhost:\(place.client)")
            }
            command.send(SIGTERM)
            #expect(try await command.outcome().code == 0)
        }

        /// On every node every field of every member is filled, and all tell the same of who leads.
        private func allKnowAll(_ cluster: LocalCluster, _ client: ClusterClient) async throws {
            for teller in cluster.members {
                var told = ""
                try await eventually("\(teller.name) knows everything", log: { told }) {
                    let description = try await client.cluster(of: teller.endpoint)
                    told = "\(description)"
                    let names = cluster.members.filter { member in
                        description.members.contains { $0.isComplete && $0.clientAddress == member.clientAddress }
                    }.map(\.name)
                    let leaders = description.members.filter { $0.role == .leader }.map(\.name)
                    return names == description.members.map(\.name) && leaders == [description.leader]
                }
            }
        }

        /// Every node but the one that is gone shows it as such, with no number that looks alive, and knows the others.
        private func allShowGone(
            _ gone: LocalCluster.Member, _ cluster: LocalCluster, _ client: ClusterClient
        ) async throws {
            for teller in cluster.members where teller != gone {
                var told = ""
                try await eventually("\(teller.name) shows that \(gone.name) is gone", log: { told }) {
                    let description = try await client.cluster(of: teller.endpoint)
                    told = "\(description)"
                    guard let shown = description.members.first(where: { $0.name == gone.name }) else { return false }
                    let others = description.members.filter { $0.name != gone.name }
                    return shown.isUnknown && others.allSatisfy(\.isComplete)
                }
            }
        }
    }
}

extension ClusterDescription.Member {
    fileprivate var isComplete: Bool {
        let numbers = [
            appliedIndex, lag, roundTripMicroseconds, silenceMilliseconds, diskSyncMicroseconds, reportAgeMilliseconds,
        ]
        return reachable && role != nil && clientAddress != nil && version != nil && numbers.allSatisfy { $0 != nil }
    }

    fileprivate var isUnknown: Bool {
        !reachable && role == nil && clientAddress != nil
            && [appliedIndex, lag, roundTripMicroseconds, diskSyncMicroseconds].allSatisfy { $0 == nil }
    }
}
