import ConclaveClient
import Foundation
import LocalProcesses
import Testing

@testable import conclave

extension ProcessTests {
    @Suite struct DataDirectories {
        /// A member that lost its whole data directory elects nobody, is brought up to date by a leader, and counts again.
        @Test(.timeLimit(.minutes(2)))
        func aMemberThatLostItsDataDirectoryElectsNobodyAndIsBroughtUpToDate() async throws {
            try await NodeDoor.withDoor { door in
                try await withCluster { cluster, client in
                    for number in 0..<20 { try await client.put(ByteString("k\(number)"), ByteString("v\(number)")) }
                    let leader = try await cluster.waitForLeader(client).member
                    let others = cluster.members.filter { $0 != leader }
                    let (lost, third) = (others[0], others[1])
                    // What was just written may be nowhere but on these two.
                    try await cluster.kill(lost)
                    try await cluster.kill(leader)
                    try FileManager.default.removeItem(at: lost.dataDirectory)
                    try cluster.start(lost)
                    try await leadsNobody([lost, third], for: .seconds(4), door)
                    let why = String(decoding: try await door.get("/v1/why", of: lost).body, as: UTF8.self)
                    #expect(why.contains("data directory is new"), "\(why)")

                    try cluster.start(leader)
                    try await cluster.waitUntilReady(client)
                    for number in 0..<20 {
                        #expect(try await client.get(ByteString("k\(number)"))?.value == ByteString("v\(number)"))
                    }
                    #expect(cluster.logTail(of: lost, lines: 100).contains("brought up to date by a leader"))
                    // It is one of a majority again.
                    try await cluster.kill(third)
                    try await eventually("two members write", within: .seconds(20)) {
                        (try? await client.put("after", "all")) != nil
                    }
                    try cluster.start(third)
                    try await cluster.waitUntilReady(client)
                    #expect(try await cluster.agreement(door).keys == 21)
                }
            }
        }

        /// What many wrote at once is there as well as what came alone, while the member runs and when it does not.
        @Test(.timeLimit(.minutes(2)))
        func whatAMemberSavedIsPrintedWithoutACluster() async throws {
            try await withCluster { cluster, client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<200 {
                        group.addTask { try await client.put(ByteString("k\(number)"), ByteString("v\(number)")) }
                    }
                    try await group.waitForAll()
                }
                try await client.delete("k7")
                try await client.put("last", "a\tb")
                let member = cluster.members[1]
                try await eventually("the state is saved", within: .seconds(10)) {
                    try await Command.run("salvage", member.dataDirectory.path).output.contains("last\ta")
                }
                try await cluster.kill(member)
                let saved = try await Command.run("salvage", "--json", member.dataDirectory.path + "/state.db")
                #expect(saved.code == 0 && saved.errors.contains("200 keys of member \(member.name) at revision"))
                let lines = saved.output.split(separator: "\n")
                #expect(lines.count == 200 && !saved.output.contains("\"k7\""))
                let last = try #require(lines.last)
                #expect(last.hasPrefix(#"{"key":"last","value":"a\tb","create_revision":"#), "\(last)")
                let missing = try await Command.run("salvage", member.dataDirectory.path + "/none")
                #expect(missing.code == 1 && missing.errors.contains("there is no"))
            }
        }

        /// For as long as ten elections would take no member of these says that it leads or knows who does.
        private func leadsNobody(
            _ members: [LocalCluster.Member], for span: Duration, _ door: NodeDoor
        ) async throws {
            let end = ContinuousClock.now + span
            while ContinuousClock.now < end {
                for member in members {
                    // It may not listen yet.
                    guard let report = try? await door.report(of: member) else { continue }
                    #expect(report.role != "leader" && report.leader == nil, "\(report)")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
