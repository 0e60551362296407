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
