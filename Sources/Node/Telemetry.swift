internal import Consensus
internal import KeyValue
internal import Logging
internal import Metrics
internal import Primitives
internal import ReplicaCore
internal import SQLiteStorage

/// Turns what the core reports into log lines and metrics: the one place that does.
struct Telemetry {
    private let logger: Logger
    private let names: [NodeID: String]

    private let syncs = Counter(label: "conclave_log_syncs_total")
    private let logBytes = Counter(label: "conclave_log_bytes_total")
    private let syncTime = Timer(label: "conclave_log_sync_seconds")
    private let leaderChanges = Counter(label: "conclave_leader_changes_total")
    private let campaigns = Counter(label: "conclave_campaigns_total")
    private let snapshotsSent = Counter(label: "conclave_snapshots_sent_total")
    private let snapshotsInstalled = Counter(label: "conclave_snapshots_installed_total")
    private let divergences = Counter(label: "conclave_divergences_total")
    private let expiries = Counter(label: "conclave_leases_expired_total")
    private let leaderships = LeadershipCounters()
    private let retries = Counter(label: "conclave_requests_retried_total")
    private let events = Counter(label: "conclave_events_total")
    private let frames = Counter(label: "conclave_unreadable_frames_total")
    private let batches = Counter(label: "conclave_core_batches_total")
    private let inputs = Counter(label: "conclave_core_inputs_total")

    init(logger: Logger, names: [(NodeID, String)]) {
        self.logger = logger
        self.names = Dictionary(names) { first, _ in first }
    }

    private func name(_ node: NodeID) -> String { names[node] ?? "unknown" }

    /// The node begins to take part with a data directory that has not joined the cluster.
    func isNew() {
        logger.notice(
            "this data directory is new: the node votes once the others say that the cluster is, or a leader repaired it"
        )
    }

    // MARK: - The loop and the disk

    func batch(_ count: Int) {
        batches.increment()
        inputs.increment(by: count)
    }

    func logSynced(_ completion: LogWriter.Completion, before: LogStore.Counters) {
        syncs.increment(by: Int(completion.counters.syncs - before.syncs))
        logBytes.increment(by: Int(completion.counters.bytesWritten - before.bytesWritten))
        syncTime.recordNanoseconds(completion.syncTime.nanoseconds)
    }

    func space(isLow: Bool) {
        if isLow {
            logger.error("the disk is nearly full: as a leader this node takes no writes that add")
        } else {
            logger.notice("there is space on the disk again")
        }
    }

    // MARK: - Peers

    func connected(_ node: NodeID) { logger.info("connected to a peer", metadata: ["peer": "\(name(node))"]) }

    func disconnected(_ node: NodeID, processIsGone: Bool) {
        logger.info(
            "lost a peer", metadata: ["peer": "\(name(node))", "process_is_gone": "\(processIsGone)"])
    }

    /// - Parameter count: how many there were since the last warning; `nil` when there is to be none now.
    func unreadableFrame(from node: NodeID, _ error: any Error, count: Int?) {
        frames.increment()
        guard let count else { return }
        logger.warning(
            "unreadable messages from a peer",
            metadata: ["peer": "\(name(node))", "count": "\(count)", "last_error": "\(error)"])
    }

    // MARK: - Notices

    func notices(_ notices: [ReplicaNotice]) {
        for notice in notices { note(notice) }
    }

    private func note(_ notice: ReplicaNotice) {
        switch notice {
        case .consensus(let notice): note(notice)
        case .applied(_, let count): events.increment(by: count)
        case .leasesExpired(let count): expiries.increment(by: count)
        case .electionsChanged(let events): leaderships.count(events)
        case .compacted(let revision):
            logger.debug("history compacted", metadata: ["revision": "\(revision.rawValue)"])
        case .retriedAfterElection(let count): retries.increment(by: count)
        case .diverged(let index):
            divergences.increment()
            logger.error(
                "the state differs from the leader's; it is fenced and will be replaced",
                metadata: ["index": "\(index.rawValue)"])
        case .snapshotUnreadable(let index):
            logger.error("a received snapshot cannot be read", metadata: ["index": "\(index.rawValue)"])
        case .unreadableCommand(let index):
            logger.error("a committed command cannot be read; skipped", metadata: ["index": "\(index.rawValue)"])
        }
    }

    private func note(_ notice: Notice) {
        switch notice {
        case .lookingForLeader(let term, let reason):
            logger.notice("looking for a leader", metadata: ["term": "\(term.rawValue)", "reason": "\(words(reason))"])
        case .campaignStarted(let term):
            campaigns.increment()
            logger.info("campaigning", metadata: ["term": "\(term.rawValue)"])
        case .electionLost(let term): logger.info("election lost", metadata: ["term": "\(term.rawValue)"])
        case .becameLeader(let term):
            leaderChanges.increment()
            logger.notice("leading", metadata: ["term": "\(term.rawValue)"])
        case .following(let leader, let term):
            leaderChanges.increment()
            logger.notice("following", metadata: ["leader": "\(name(leader))", "term": "\(term.rawValue)"])
        case .handOverStarted(let target, let term):
            logger.notice("handing over", metadata: ["to": "\(name(target))", "term": "\(term.rawValue)"])
        case .handOverAbandoned(let term):
            logger.warning("the hand-over did not happen in time", metadata: ["term": "\(term.rawValue)"])
        case .priorityHonoured(let target, let term):
            logger.notice(
                "a member has a higher priority", metadata: ["member": "\(name(target))", "term": "\(term.rawValue)"])
        case .truncated(let index):
            logger.info("dropped entries that another leader replaces", metadata: ["from": "\(index.rawValue)"])
        case .snapshotTransferStarted(let peer, let index):
            snapshotsSent.increment()
            logger.notice("sending a snapshot", metadata: ["to": "\(name(peer))", "index": "\(index.rawValue)"])
        case .snapshotReceived(let index):
            logger.info("received a snapshot", metadata: ["index": "\(index.rawValue)"])
        case .snapshotInstalled(let index):
            snapshotsInstalled.increment()
            logger.notice("installed a snapshot", metadata: ["index": "\(index.rawValue)"])
        case .damageRepaired(let index):
            logger.notice("the damaged log is whole again", metadata: ["index": "\(index.rawValue)"])
        case .joined(isNew: true, _): logger.info("the cluster is new: this node votes from now on")
        case .joined(isNew: false, let index):
            logger.notice(
                "brought up to date by a leader: this node votes from now on", metadata: ["index": "\(index.rawValue)"])
        }
    }

    private func words(_ reason: LookingReason) -> String {
        switch reason {
        case .leaderSilent(let leader): "\(name(leader)) was not heard from"
        case .leaderGone(let leader): "the process of \(name(leader)) is gone"
        case .newerTerm: "another member has a newer term"
        case .quorumLost: "no majority answers"
        case .diskStalled: "the disk does not answer"
        case .handedOver: "the leader hands over to this node"
        }
    }
}
