import FoundationEssentials
import LoadGenerator
internal import LocalProcesses
import NIOCore

/// Asks members how they are.
struct StatusObserver: Sendable {
    private let members: [LocalCluster.Member]

    init(_ members: [LocalCluster.Member]) { self.members = members }

    /// Each question has a connection of its own: many faults ask at once.
    private func answer(of place: Int, to path: String) async -> Answer? {
        let client = Client(Endpoint(host: members[place].place.host, port: Int(members[place].place.client)))
        let request = LoadRequest(.GET, path, expected: Expectation(status: 200...200))
        let answer = try? await client.sendExpecting(request, within: .milliseconds(400))
        await client.close()
        return answer
    }

    func status(of place: Int) async -> WireStatus? {
        guard let answer = await answer(of: place, to: "/v1/status") else { return nil }
        return try? JSONDecoder().decode(WireStatus.self, from: Data(answer.body.readableBytesView))
    }

    /// The member that says so of itself, in the newest term.
    func leader() async -> LocalCluster.Member? {
        var found: (term: UInt64, member: LocalCluster.Member)?
        for place in members.indices {
            guard let status = await status(of: place), status.role == "leader", status.term > found?.term ?? 0 else {
                continue
            }
            found = (status.term, members[place])
        }
        return found?.member
    }

    func isReady(_ member: LocalCluster.Member) async -> Bool {
        guard let place = members.firstIndex(of: member) else { return false }
        return await answer(of: place, to: "/readyz") != nil
    }

    /// Whether all members came to the same state.
    func areEqual() async -> Bool {
        var states: Set<[String]> = []
        for place in members.indices {
            guard let status = await status(of: place) else { return false }
            states.insert([status.digest, String(status.applied_index), String(status.revision)])
        }
        return states.count == 1
    }
}
