import Consensus
import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
import ReplicaCore

/// What a node tells of itself and of its cluster.
struct NodeReport {
    let status: NodeStatus
    let identity: NodeIdentity
    /// Where this node's own clients reach it.
    let clientAddress: String
    let connections: Int
    let streams: Int

    private var replica: ReplicaStatus { status.replica }
    private func memberName(_ id: NodeID) -> String {
        replica.configuration.member(id)?.name ?? (id == identity.id ? identity.name : "unknown")
    }

    func statusFields(_ json: inout JSONWriter) {
        json.field("node", identity.name)
        json.field("role", replica.role.rawValue)
        json.field("term", replica.term.rawValue)
        leaderField(&json)
        json.field("revision", replica.revision.rawValue)
        json.field("compacted_revision", replica.compactedRevision.rawValue)
        json.field("commit_index", replica.commitIndex.rawValue)
        json.field("applied_index", replica.appliedIndex.rawValue)
        json.field("first_index", replica.firstIndex.rawValue)
        json.field("last_index", replica.lastIndex.rawValue)
        json.field("digest", String(replica.digest, radix: 16))
        json.field("keys", replica.keys)
        json.field("leases", replica.leases)
        json.field("watches", replica.watches)
        json.field("store_bytes", replica.storeBytes)
        json.field("pending_requests", replica.pendingRequests)
        json.field("connections", connections)
        json.field("streams", streams)
        json.field("ready", status.ready)
        optional("failure", status.failure, &json)
        optional("disk_sync_us", status.diskSync.map(microseconds), &json)
        json.field("log_syncs", status.logSyncs)
        json.field("version", identity.version)
        json.field("cluster", String(identity.cluster.rawValue, radix: 16))
        json.field("incarnation", status.incarnation)
        json.field("uptime_ms", UInt64(clamping: status.uptime.milliseconds))
    }

    func clusterFields(_ json: inout JSONWriter) {
        json.field("cluster", String(identity.cluster.rawValue, radix: 16))
        json.field("node", identity.name)
        json.field("term", replica.term.rawValue)
        leaderField(&json)
        json.field("quorum", replica.configuration.quorum)
        json.array("members") { json in
            for member in replica.configuration.members { json.object { memberFields(member, &$0) } }
        }
    }

    func explanationFields(_ json: inout JSONWriter) {
        leaderField(&json)
        json.array("explanation") { json in for sentence in replica.explanation { json.string(sentence) } }
    }

    private func leaderField(_ json: inout JSONWriter) {
        optional("leader", replica.leader.map(memberName), &json)
    }

    /// What this node cannot know of another member is null.
    private func memberFields(_ member: Configuration.Member, _ json: inout JSONWriter) {
        let isSelf = member.id == identity.id
        let peer = replica.peers.first { $0.node == member.id }
        json.field("name", member.name)
        json.field("self", isSelf)
        optional("role", role(of: member.id), &json)
        json.field("peer_address", member.peerAddress)
        optional("client_address", isSelf ? clientAddress : nil, &json)
        let matched = isSelf ? replica.appliedIndex : peer?.matchIndex
        let newest = isSelf && replica.role != .leader ? replica.commitIndex : replica.lastIndex
        optional(
            "lag", matched.map { UInt64(clamping: Int64(clamping: newest.rawValue) - Int64(clamping: $0.rawValue)) },
            &json)
        optional("round_trip_us", peer?.roundTrip.map(microseconds), &json)
        optional("silence_ms", peer?.silence.map { UInt64(clamping: $0.milliseconds) }, &json)
        optional("disk_sync_us", isSelf ? status.diskSync.map(microseconds) : nil, &json)
        if let peer {
            json.field("snapshot_in_progress", peer.snapshotInProgress)
        } else {
            json.null("snapshot_in_progress")
        }
    }

    /// Only a leader hears from the others; a follower knows itself and its leader.
    private func role(of member: NodeID) -> String? {
        if member == identity.id { return replica.role.rawValue }
        if member == replica.leader { return ReplicaStatus.Role.leader.rawValue }
        guard replica.role == .leader, let silence = replica.peers.first(where: { $0.node == member })?.silence else {
            return nil
        }
        return silence < Limits.memberSilence ? ReplicaStatus.Role.follower.rawValue : nil
    }

    private func microseconds(_ span: TimeSpan) -> UInt64 { UInt64(clamping: span.nanoseconds / 1_000) }

    private func optional(_ name: StaticString, _ value: String?, _ json: inout JSONWriter) {
        if let value { json.field(name, value) } else { json.null(name) }
    }

    private func optional(_ name: StaticString, _ value: UInt64?, _ json: inout JSONWriter) {
        if let value { json.field(name, value) } else { json.null(name) }
    }
}

extension Renderer {
    func report(_ kind: Call.Report, _ report: NodeReport, metrics: () -> ByteBuffer) -> Reply {
        let replica = report.status.replica
        let position = ReplyPosition(revision: replica.revision, term: replica.term)
        switch kind {
        case .status: return json(.ok, position, report.statusFields)
        case .cluster: return json(.ok, position, report.clusterFields)
        case .why(json: true): return json(.ok, position, report.explanationFields)
        case .why(json: false): return text(.ok, replica.explanation.map { $0 + "\n" }.joined())
        case .alive:
            if let failure = report.status.failure { return problem(.notReady(failure), at: position) }
            return text(.ok, "alive\n")
        case .ready:
            if report.status.ready { return text(.ok, "ready\n") }
            let reason = report.status.failure ?? replica.explanation.joined(separator: " ")
            return problem(.notReady(reason.isEmpty ? "this node does not serve yet" : reason), at: position)
        case .metrics:
            return Reply(status: .ok, type: .prometheus, position: position, body: metrics())
        }
    }
}
