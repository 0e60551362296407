/// What a node says of itself.
public struct NodeStatus: Hashable, Sendable, Codable {
    /// Its name.
    public var node: String
    /// What it is in the cluster at the moment.
    public var role: Role
    /// The term it is in: grows with every election.
    public var term: UInt64
    /// The leader's name, where the node knows one.
    public var leader: String?
    /// The store's revision as far as this node has applied.
    public var revision: UInt64
    /// The last log index known to be committed.
    public var commitIndex: UInt64
    /// The last log index applied.
    public var appliedIndex: UInt64
    /// The release it runs.
    public var version: String
    /// How long it has been running.
    public var uptimeMilliseconds: UInt64

    /// A node is in one of exactly three states.
    public enum Role: String, Hashable, Sendable, Codable {
        /// Decides the order of writes.
        case leader
        /// Follows a leader.
        case follower
        /// Knows no leader.
        case looking
    }

    private enum CodingKeys: String, CodingKey {
        case node, role, term, leader, revision, version
        case commitIndex = "commit_index"
        case appliedIndex = "applied_index"
        case uptimeMilliseconds = "uptime_ms"
    }
}

extension ClusterClient {
    /// What the node at `endpoint` says of itself; of any node that answers when `nil`.
    public func status(of endpoint: Endpoint? = nil) async throws -> NodeStatus {
        try await ask("/v1/status", of: endpoint).decode(NodeStatus.self)
    }

    /// Why there is no leader, or that there is one, in plain words, one fact per line.
    public func explanation(of endpoint: Endpoint? = nil) async throws -> [String] {
        try await ask("/v1/why", of: endpoint).decode(WireWhy.self).why
    }

    /// Whether the node at `endpoint` serves linearizable requests now.
    public func isReady(_ endpoint: Endpoint) async -> Bool {
        let call = Call(path: "/readyz")
        let answer = try? await connections.attempt(call, at: endpoint, timeout: options.attemptTimeout)
        return answer?.status == 200
    }

    /// One question, to one node without a second attempt, or to any.
    private func ask(_ path: String, of endpoint: Endpoint?) async throws -> Answer {
        let call = Call(path: path, headers: ["Accept": "application/json"])
        guard let endpoint else { return try await perform(call) }
        do {
            let answer = try await connections.attempt(
                call, at: endpoint, timeout: options.attemptTimeout)
            guard answer.status == 200 else { throw ConclaveError(answer: answer) }
            return answer
        } catch let failure as TransportFailure {
            throw ConclaveError(failure.timedOut ? .timeout : .unreachable, failure.reason)
        }
    }
}

private struct WireWhy: Decodable {
    var why: [String]
}
