package import Consensus
package import KeyValue
package import Primitives

/// What a node says of itself (`GET /v1/status`, `/v1/cluster`, `/v1/why`).
package struct ReplicaStatus: Sendable {
    package var node: NodeID
    package var role: Role
    package var term: Term
    package var leader: NodeID?
    package var election: ElectionStrategy
    package var priority: UInt8
    package var configuration: Configuration
    package var commitIndex: LogIndex
    package var appliedIndex: LogIndex
    package var lastIndex: LogIndex
    package var firstIndex: LogIndex
    package var revision: Revision
    package var compactedRevision: Revision
    package var digest: UInt64
    package var keys: Int
    package var leases: Int
    package var elections: ElectionCensus
    package var watches: Int
    package var storeBytes: Int
    package var pendingRequests: Int
    /// One sentence per fact, in plain words: why there is no leader, or that there is one.
    package var explanation: [String]

    package enum Role: String, Sendable { case leader, follower, looking }

    package init(
        node: NodeID, role: Role, term: Term, leader: NodeID?, election: ElectionStrategy, priority: UInt8,
        configuration: Configuration, commitIndex: LogIndex, appliedIndex: LogIndex, lastIndex: LogIndex,
        firstIndex: LogIndex, revision: Revision,
        compactedRevision: Revision, digest: UInt64, keys: Int, leases: Int, elections: ElectionCensus, watches: Int,
        storeBytes: Int, pendingRequests: Int, explanation: [String]
    ) {
        self.node = node
        self.role = role
        self.term = term
        self.leader = leader
        self.election = election
        self.priority = priority
        self.configuration = configuration
        self.commitIndex = commitIndex
        self.appliedIndex = appliedIndex
        self.lastIndex = lastIndex
        self.firstIndex = firstIndex
        self.revision = revision
        self.compactedRevision = compactedRevision
        self.digest = digest
        self.keys = keys
        self.leases = leases
        self.elections = elections
        self.watches = watches
        self.storeBytes = storeBytes
        self.pendingRequests = pendingRequests
        self.explanation = explanation
    }
}
