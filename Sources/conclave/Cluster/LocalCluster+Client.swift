import ConclaveClient
import LocalProcesses

extension LocalCluster {
    /// Members on loopback, on free ports, that run `serve` of this very program.
    static func free(_ size: Int) throws -> LocalCluster { try LocalCluster(.conclave(), at: Place.free(size)) }

    var endpoints: [Endpoint] { members.map(\.endpoint) }

    /// Waits until all members that run serve requests.
    func waitUntilReady(_ client: ClusterClient, within limit: Duration = .seconds(15)) async throws {
        try await waitUntilReady(within: limit) { await client.isReady($0.endpoint) }
    }

    /// The member that leads, as soon as one says so of itself in a term above `term`.
    func waitForLeader(
        _ client: ClusterClient, above term: UInt64 = 0, within limit: Duration = .seconds(15)
    ) async throws -> (member: Member, term: UInt64) {
        var found: (Member, UInt64)?
        try await eventually("there is a leader", within: limit) {
            for member in members where processID(of: member) != nil {
                guard let status = try? await client.status(of: member.endpoint), status.role == .leader,
                    status.term > term
                else { continue }
                found = (member, status.term)
            }
            return found != nil
        }
        guard let found else { throw ClusterFailure("there is no leader") }
        return found
    }
}

extension LocalCluster.Member {
    var endpoint: Endpoint {
        guard let endpoint = Endpoint(clientAddress) else { preconditionFailure("\(clientAddress) is no address") }
        return endpoint
    }
}
