import Consensus
import Node
import Primitives
import ReplicaCore
import Testing

@testable import HTTPAPI

/// What `/v1/cluster` shows of members that a node has or has not heard of.
@Suite struct MemberTests {
    private static func account(
        _ name: String, role: ReplicaStatus.Role = .follower, term: UInt64 = 3,
        followers: [MemberReport.Follower] = [], age: TimeSpan = .milliseconds(300), isCurrent: Bool = true
    ) -> MemberAccount {
        let report = MemberReport(
            role: role, term: Term(term), appliedIndex: LogIndex(41), followers: followers,
            clientAddress: "\(name):2379", diskSync: .microseconds(380), version: "1.2.4", election: .ranked,
            priority: 0)
        return MemberAccount(node: NodeID(name: name), report: report, age: age, isCurrent: isCurrent)
    }

    private func member(_ name: String, of cluster: String) throws -> String {
        let start = try #require(cluster.range(of: "{\"name\":\"\(name)\""), "\(cluster)")
        let rest = cluster[start.lowerBound...]
        return String(rest[...(try #require(rest.firstIndex(of: "}")))])
    }

    private func cluster(_ accounts: [MemberAccount], leader: String = "n1") async throws -> (String, port: Int) {
        let node = ScriptedNode()
        node.state.withLock { $0.accounts = accounts }
        var answer = ("", 0)
        try await TestServer.run(node: node) { server in
            if leader != "n1" { node.follow(NodeID(name: leader)) }
            answer = (try await server.request("GET", "/v1/cluster").text, server.port)
        }
        return answer
    }

    @Test func aLeaderShowsWhatItMeasuredBesideWhatMembersTold() async throws {
        let (cluster, port) = try await cluster([Self.account("n2")])
        #expect(cluster.contains(#""quorum":2"#))
        #expect(
            try member("n1", of: cluster)
                == #"{"name":"n1","self":true,"reachable":true,"role":"leader","peer_address":"127.0.0.1:2380","#
                + #""client_address":"127.0.0.1:\#(port)","version":"1.2.3","election":"randomized","priority":100,"applied_index":0,"disk_sync_us":210,"#
                + #""lag":0,"round_trip_us":0,"silence_ms":0,"snapshot_in_progress":false,"report_age_ms":0}"#)
        #expect(
            try member("n2", of: cluster)
                == #"{"name":"n2","self":false,"reachable":true,"role":"follower","peer_address":"127.0.0.1:2480","#
                + #""client_address":"n2:2379","version":"1.2.4","election":"ranked","priority":0,"applied_index":41,"disk_sync_us":380,"#
                + #""lag":0,"round_trip_us":150,"silence_ms":20,"snapshot_in_progress":false,"report_age_ms":300}"#)
    }

    @Test func aMemberNeverHeardOfIsUnreachableAndUnknown() async throws {
        #expect(
            try member("n3", of: try await cluster([]).0)
                == #"{"name":"n3","self":false,"reachable":false,"role":null,"peer_address":"127.0.0.1:2580","#
                + #""client_address":null,"version":null,"election":null,"priority":null,"applied_index":null,"disk_sync_us":null,"#
                + #""lag":null,"round_trip_us":null,"silence_ms":null,"snapshot_in_progress":null,"report_age_ms":null}"#
        )
    }

    @Test func aMemberThatWentQuietKeepsItsAddressAndSettingsButNoFigures() async throws {
        let account = Self.account("n2", age: .seconds(7), isCurrent: false)
        #expect(
            try member("n2", of: try await cluster([account]).0)
                == #"{"name":"n2","self":false,"reachable":false,"role":null,"peer_address":"127.0.0.1:2480","#
                + #""client_address":"n2:2379","version":"1.2.4","election":"ranked","priority":0,"applied_index":null,"disk_sync_us":null,"#
                + #""lag":null,"round_trip_us":null,"silence_ms":20,"snapshot_in_progress":null,"report_age_ms":7000}"#)
    }

    @Test func aFollowerShowsWhatItsLeaderMeasuredAsOldAsItIs() async throws {
        let followers = ["n1", "n3"].map {
            MemberReport.Follower(
                node: NodeID(name: $0), lag: 5, roundTrip: .microseconds(170), silence: .milliseconds(30),
                isReceivingSnapshot: true)
        }
        let leader = Self.account("n2", role: .leader, followers: followers)
        let (cluster, _) = try await cluster([leader, Self.account("n3")], leader: "n2")
        for name in ["n1", "n3"] {
            let shown = try member(name, of: cluster)
            #expect(shown.contains(#""role":"follower""#))
            #expect(
                shown.contains(#""lag":5,"round_trip_us":170,"silence_ms":330,"snapshot_in_progress":true"#), "\(shown)"
            )
        }
        let shown = try member("n2", of: cluster)
        #expect(shown.contains(#""role":"leader""#))
        #expect(shown.contains(#""lag":0,"round_trip_us":0,"silence_ms":0,"snapshot_in_progress":false"#))
    }

    @Test func aMemberThatDoesNotAnswerTheLeaderHasNoFiguresButTheTimeSince() async throws {
        let follower = MemberReport.Follower(
            node: NodeID(name: "n3"), lag: 5, roundTrip: .microseconds(170), silence: Limits.memberSilence,
            isReceivingSnapshot: false)
        let leader = Self.account("n2", role: .leader, followers: [follower])
        let (cluster, _) = try await cluster([leader, Self.account("n3")], leader: "n2")
        #expect(
            try member("n3", of: cluster).contains(
                #""lag":null,"round_trip_us":null,"silence_ms":2300,"snapshot_in_progress":null"#))
    }

    @Test func nobodyIsShownAsASecondLeader() async throws {
        let former = Self.account("n3", role: .leader, term: 2)
        #expect(try member("n3", of: try await cluster([former]).0).contains(#""role":null"#))
    }
}
