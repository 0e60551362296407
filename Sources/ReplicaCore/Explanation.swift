package import Primitives

extension Replica {
    /// What this node says of itself.
    package func status(at now: Instant) -> ReplicaStatus {
        ReplicaStatus(
            node: id, role: role, term: raft.term, leader: raft.leader, election: raft.settings.election,
            priority: raft.settings.priority, configuration: raft.configuration,
            commitIndex: raft.commitIndex, appliedIndex: store.appliedIndex, lastIndex: raft.log.lastIndex,
            firstIndex: raft.log.firstIndex, revision: store.revision,
            compactedRevision: store.header.compactedRevision,
            digest: store.header.digest, keys: store.keyCount, leases: store.leaseCount,
            elections: store.electionCensus, watches: watches.count + elections.count,
            storeBytes: store.storeBytes, pendingRequests: requests.count,
            explanation: explanation(at: now))
    }

    /// One sentence per fact, for `GET /v1/why`.
    private func explanation(at now: Instant) -> [String] {
        var sentences = [raft.explanation(at: now, name: name)]
        if raft.isBlank {
            sentences.append(
                "This node's data directory is new, so this node may have forgotten something: it does not vote until "
                    + "a majority has said that the whole cluster is new, or a leader has brought it up to date.")
        } else if raft.isDamaged {
            sentences.append(
                "This node's log lost entries it had acknowledged: it does not vote until a leader has repaired it.")
        }
        if isFenced {
            sentences.append(
                "This node's state is not the cluster's: it answers no reads until a leader has replaced it.")
        }
        if installing != nil { sentences.append("This node is writing a snapshot it received to its disk.") }
        return sentences
    }

    private func name(_ node: NodeID) -> String { raft.configuration.member(node)?.name ?? "an unknown node" }
}
