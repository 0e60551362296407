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
    let connections: Int
    let streams: Int
    /// Of the streams, the requests that wait for a change.
    let heldAnswers: Int

    private var replica: ReplicaStatus { status.replica }
    private func memberName(_ id: NodeID) -> String {
        replica.configuration.member(id)?.name ?? (id == identity.id ? identity.name : "unknown")
    }

    func statusFields(_ json: inout JSONWriter) {
        json.field("node", identity.name)
        json.field("role", replica.role.rawValue)
        json.field("term", replica.term.rawValue)
        leaderField(&json)
        json.field("election", replica.election.rawValue)
        json.field("priority", UInt64(replica.priority))
        json.field("revision", replica.revision.rawValue)
        json.field("compacted_revision", replica.compactedRevision.rawValue)
        json.field("commit_index", replica.commitIndex.rawValue)
        json.field("applied_index", replica.appliedIndex.rawValue)
        json.field("first_index", replica.firstIndex.rawValue)
        json.field("last_index", replica.lastIndex.rawValue)
        json.field("digest", String(replica.digest, radix: 16))
        json.field("keys", replica.keys)
        json.field("leases", replica.leases)
        json.field("elections", replica.elections.elections.remembered)
        json.field("locks", replica.elections.locks.remembered)
        json.field("candidates", replica.elections.elections.candidates + replica.elections.locks.candidates)
        json.field("watches", replica.watches)
        json.field("store_bytes", replica.storeBytes)
        json.field("pending_requests", replica.pendingRequests)
        json.field("connections", connections)
        json.field("streams", streams)
        json.field("held_answers", heldAnswers)
        json.field("ready", status.ready)
        json.optional("failure", status.failure)
        json.optional("disk_sync_us", status.diskSync?.wholeMicroseconds)
        json.field("log_syncs", status.logSyncs)
        json.field("version", identity.version)
        json.field("cluster", String(identity.cluster.rawValue, radix: 16))
        json.field("incarnation", status.incarnation)
        json.field("uptime_ms", status.uptime.wholeMilliseconds)
    }

    func clusterFields(_ json: inout JSONWriter) {
        json.field("cluster", String(identity.cluster.rawValue, radix: 16))
        json.field("node", identity.name)
        json.field("term", replica.term.rawValue)
        leaderField(&json)
        json.field("quorum", replica.configuration.quorum)
        json.array("members") { json in
            for member in replica.configuration.members.sorted(by: { $0.name < $1.name }) {
                json.object(MemberView(member, in: status).fields)
            }
        }
    }

    func explanationFields(_ json: inout JSONWriter) {
        leaderField(&json)
        json.array("explanation") { json in for sentence in replica.explanation { json.string(sentence) } }
    }

    private func leaderField(_ json: inout JSONWriter) {
        json.optional("leader", replica.leader.map(memberName))
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
