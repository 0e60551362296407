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
    /// How it settles with the others who campaigns; `nil` where its release does not tell.
    public var election: ElectionKind?
    /// A leader hands over to a member with more of it; with 0 it never leads. `nil` where its release does not tell.
    public var priority: Int?
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

    /// How nodes without a leader settle who campaigns.
    public enum ElectionKind: String, Hashable, Sendable, Codable {
        /// By random time-outs.
        case randomized
        /// They back the best placed of them.
        case ranked
    }

    private enum CodingKeys: String, CodingKey {
        case node, role, term, leader, election, priority, revision, version
        case commitIndex = "commit_index"
        case appliedIndex = "applied_index"
        case uptimeMilliseconds = "uptime_ms"
    }
}

/// The members of a cluster as one node sees them.
public struct ClusterDescription: Hashable, Sendable, Decodable {
    /// The name of the node that tells.
    public var node: String
    /// The term it is in.
    public var term: UInt64
    /// The leader's name, where it knows one.
    public var leader: String?
    /// How many members must agree.
    public var quorum: Int
    /// All members.
    public var members: [Member]

    /// One member; what nobody can vouch for now is `nil`.
    public struct Member: Hashable, Sendable, Decodable {
        /// Its name.
        public var name: String
        /// Whether the telling node hears from it.
        public var reachable: Bool
        /// What it is at the moment.
        public var role: NodeStatus.Role?
        /// Where other members reach it.
        public var peerAddress: String
        /// Where clients reach it, as it last told.
        public var clientAddress: String?
        /// The release it runs, as it last told.
        public var version: String?
        /// How it settles with the others who campaigns, as it last told.
        public var election: NodeStatus.ElectionKind?
        /// A leader hands over to a member with more of it; with 0 it never leads. As it last told.
        public var priority: Int?
        /// The last log index it has applied.
        public var appliedIndex: UInt64?
        /// Log entries that the leader has and does not know it to have.
        public var lag: UInt64?
        /// How long a message from the leader to it and back takes, in microseconds; 0 for the leader itself.
        public var roundTripMicroseconds: UInt64?
        /// How long ago it last answered the leader, in milliseconds; 0 for the leader itself.
        public var silenceMilliseconds: UInt64?
        /// How long a sync of its log takes, in microseconds.
        public var diskSyncMicroseconds: UInt64?
        /// How long ago it last told the telling node of itself, in milliseconds.
        public var reportAgeMilliseconds: UInt64?

        private enum CodingKeys: String, CodingKey {
            case name, reachable, role, version, election, priority, lag
            case appliedIndex = "applied_index"
            case reportAgeMilliseconds = "report_age_ms"
            case peerAddress = "peer_address"
            case clientAddress = "client_address"
            case roundTripMicroseconds = "round_trip_us"
            case silenceMilliseconds = "silence_ms"
            case diskSyncMicroseconds = "disk_sync_us"
        }
    }
}

extension ClusterClient {
    /// What the node at `endpoint` says of itself; of any node that answers when `nil`.
    public func status(of endpoint: Endpoint? = nil) async throws -> NodeStatus {
        try await ask("/v1/status", of: endpoint).decode(NodeStatus.self)
    }

    /// The members of the cluster, as the node at `endpoint` sees them.
    public func cluster(of endpoint: Endpoint? = nil) async throws -> ClusterDescription {
        try await ask("/v1/cluster", of: endpoint).decode(ClusterDescription.self)
    }

    /// Why there is no leader, or that there is one, in plain words, one fact per line.
    public func explanation(of endpoint: Endpoint? = nil) async throws -> [String] {
        try await ask("/v1/why", of: endpoint).decode(WireWhy.self).explanation
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
    var explanation: [String]
}
