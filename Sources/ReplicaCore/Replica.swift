package import Consensus
package import KeyValue
package import Primitives

/// One node as a value: consensus, the state machine, the clients' requests and watches, and the lease clock.
///
/// Inputs go in with the time; ``flush(at:into:)`` ends a batch and fills the outbox. The process and the simulator drive
/// exactly this.
package struct Replica: Sendable {
    package let id: NodeID
    package internal(set) var raft: Raft
    package internal(set) var store: Store
    /// Set while this node's state differs from the leader's or is lost: it answers no reads until it is replaced.
    package internal(set) var isFenced: Bool

    let historyBounds: HistoryBounds
    var raftOut = RaftOutbox()
    var digests = DigestHistory()
    var watches: WatchHub
    var elections = ElectionHub()
    /// Requests to open a watch that are not answered yet.
    var openings: [WatchID: RequestID] = [:]
    var knewLeader = false

    // Requests
    var requests: [RequestID: PendingRequest] = [:]
    var deadlines: DeadlineWheel
    /// Writes and renewals not yet handed to a leader, in the order they came.
    var queue: [RequestID] = []
    /// A leader turned forwards down: until then, or until there is another, none are sent.
    var forwardPause: (term: Term, until: Instant)?
    /// Who waits for which origin number of this node.
    var waiters: [UInt64: Waiter] = [:]
    var nextOrigin: UInt64
    var contests = Contests()
    /// Renewals of all nodes' clients that this leader will propose.
    var renewalTurns = RenewalTurns()
    /// Forwards this node did not take, by sender.
    var refusals: [(to: NodeID, ForwardRefused)] = []

    // Reads
    var arrivedReads: [RequestID] = []
    var readBatches: [ReadID: [RequestID]] = [:]
    var nextRead = ReadID(rawValue: 1)
    /// Reads with their proof, waiting for the state to reach an index.
    var readsAwaitingApply: [(index: LogIndex, requests: [RequestID])] = []
    /// Whether the state was proven current once in this life. Before, it may be older than what an earlier life showed,
    /// so that stale reads wait for the proof as well: clients see revisions only grow (`invariants.md` 14).
    var hasBeenCurrent = false

    // Duties of a leader
    /// While this node leads with a disk that is nearly full, it takes no writes that add (`invariants.md` 17).
    var isShortOfSpace = false
    var expiry = ExpiryTurns()
    var compactionInFlight: LogIndex?

    /// Up to where entries leave the log, some with each flush; `nil` when none do.
    var cutsLogThrough: LogIndex?

    // Snapshots
    var outgoing: [NodeID: OutgoingSnapshot] = [:]
    /// A received state while it is being made durable.
    var installing: (position: SnapshotPosition, store: Store)? { didSet { isInstalling = installing != nil } }
    /// Beside it, because it is asked often, and the answer would make a copy.
    private(set) var isInstalling = false

    /// Begins a node's life.
    ///
    /// - Parameters:
    ///   - recovered: what `log.db` holds.
    ///   - state: what `state.db` holds, with the log position it stands at; `nil` when it is empty.
    ///   - bootstrap: the first configuration of a new cluster.
    ///   - bounds: how much history a leader keeps.
    ///   - logBounds: how much of the log this node keeps, and sends at a time.
    ///   - watchPage: how many events of history a watch is handed at once.
    ///   - seed: different for every life of every node.
    package init(
        id: NodeID, settings: Settings, recovered: RecoveredLog, state: (position: SnapshotPosition, store: Store)?,
        bootstrap: Configuration, bounds: HistoryBounds = HistoryBounds(), logBounds: LogBounds = LogBounds(),
        watchPage: Int = Limits.watchBatchEvents, seed: UInt64, now: Instant
    ) {
        self.id = id
        watches = WatchHub(pageEvents: watchPage)
        historyBounds = bounds
        var generator = SeededGenerator(seed: seed)
        nextOrigin = generator.next()
        #if PlantedBugs
            if planted(.reusesOrigins) { nextOrigin = 1 }
        #endif
        raft = Raft(
            id: id, settings: settings, recovered: recovered, bootstrap: bootstrap, state: state?.position,
            bounds: logBounds, seed: generator.next(), now: now)
        store = state?.store ?? Store()
        deadlines = DeadlineWheel(now: now)
        // The log goes on from a state that is not there: only a leader's snapshot helps.
        isFenced = store.appliedIndex < raft.log.baseIndex
        raft.needsSnapshot = isFenced
    }

    // MARK: - Driving

    package mutating func handle(_ input: Input, at now: Instant, into out: inout Outbox) {
        #if PlantedBugs
            if planted(.staysReadOnly), case .diskSpace(isLow: false) = input { return }
        #endif
        switch input {
        case .tick: tick(now, into: &out)
        case .received(let message, let sender): receive(message, from: sender, at: now, into: &out)
        case .connected(let peer): raft.connected(peer)
        case .disconnected(let peer, let gone):
            raft.disconnected(peer, processIsGone: gone, now: now, into: &raftOut)
        case .persisted(let write): raft.persisted(write, now: now, into: &raftOut)
        case .stateSaved(let index): stateSaved(through: index, into: &out)
        case .snapshotSaved(let position): snapshotSaved(position, at: now, into: &out)
        case .request(let id, let request, let timeout):
            begin(id, request, deadline: now + timeout, at: now, into: &out)
        case .abandoned(let id): abandon(id)
        case .closeWatch(let id): close(id, at: now, into: &out)
        case .pauseWatch(let id):
            watches.pause(id, current: store.revision)
            elections.pause(id)
        case .resumeWatch(let id):
            watches.resume(id)
            elections.resume(id)
        case .diskSpace(let isLow): isShortOfSpace = isLow
        case .handOver(let target): _ = raft.handOver(to: target, now: now, into: &raftOut)
        }
        progress(at: now, into: &out)
    }

    /// Ends a batch: proposes or forwards what came, and hands out everything to send, write and answer.
    ///
    /// - Parameter catchingUp: whether watches that catch up get their next page now; ``nextDeadline(at:)`` asks for another
    ///   flush while some do.
    package mutating func flush(at now: Instant, catchingUp: Bool = true, into out: inout Outbox) {
        // A leader without a state serves nobody, and nobody can give it one.
        if isFenced, raft.isLeader { _ = raft.handOver(to: nil, now: now, into: &raftOut) }
        submitReads()
        submitQueue(at: now, into: &out)
        leaderDuties(at: now)
        raft.digestStamp = isFenced ? (.zero, 0) : (store.appliedIndex, store.header.digest)
        raft.flush(now: now, into: &raftOut)
        progress(at: now, into: &out)
        dropFinishedSnapshots()
        cutLog(into: &out)
        if catchingUp {
            watches.catchUp(from: store, into: &out)
            elections.catchUp(from: store, into: &out)
        }
        if knewLeader != (raft.leader != nil) {
            knewLeader.toggle()
            out.leaderKnown = knewLeader
        }
        emit(into: &out)
    }

    private mutating func emit(into out: inout Outbox) {
        for envelope in raftOut.sends { out.sends.append((envelope.to, .consensus(envelope.message))) }
        for (peer, refused) in refusals { out.sends.append((peer, .forwardRefused(refused))) }
        if !refusals.isEmpty { refusals = [] }
        if case .some = raftOut.write { out.write = raftOut.write.take() }
        for envelope in raftOut.thenSend { out.thenSend.append((envelope.to, .consensus(envelope.message))) }
        for notice in raftOut.notices { out.notices.append(.consensus(notice)) }
        if !raftOut.sends.isEmpty { raftOut.sends.removeAll(keepingCapacity: true) }
        if !raftOut.thenSend.isEmpty { raftOut.thenSend.removeAll(keepingCapacity: true) }
        if !raftOut.notices.isEmpty { raftOut.notices.removeAll(keepingCapacity: true) }
    }

    /// Follows up on whatever consensus came to.
    private mutating func progress(at now: Instant, into out: inout Outbox) {
        if let received = raftOut.receivedSnapshot {
            raftOut.receivedSnapshot = nil
            install(received.bytes, at: received.position, into: &out)
            #if PlantedBugs
                if planted(.believesSnapshotAtOnce) { snapshotSaved(received.position, at: now, into: &out) }
            #endif
        }
        if store.appliedIndex < raft.commitIndex { applyCommitted(at: now, into: &out) }
        if let expected = raftOut.digestToCompare {
            raftOut.digestToCompare = nil
            digests.expect(expected.index, digest: expected.digest)
        }
        if let index = digests.check(applied: store.appliedIndex) { fence(at: index, into: &out) }
        if !raftOut.readyReads.isEmpty { takeReadyReads(at: now, into: &out) }
        if !raftOut.wantedChunks.isEmpty { sendWantedChunks(at: now) }
    }

    private mutating func tick(_ now: Instant, into out: inout Outbox) {
        raft.tick(now: now, into: &raftOut)
        let due = deadlines.due(at: now)
        guard !due.isEmpty else { return }
        for request in due { expire(request, into: &out, at: now) }
        pruneLines()
    }

    private mutating func fence(at index: LogIndex, into out: inout Outbox) {
        guard !isFenced else { return }
        isFenced = true
        #if PlantedBugs
            if planted(.answersWhileDiverged) {
                isFenced = false
                out.notices.append(.diverged(at: index))
                return
            }
        #endif
        raft.needsSnapshot = true
        out.notices.append(.diverged(at: index))
        // What they were told last may be wrong already.
        for watch in watches.closeAll() + elections.closeAll() {
            out.endedWatches.append((watch, .stateReplaced(oldest: store.oldestRevision)))
        }
    }

    // MARK: - Questions

    /// The moment until which nothing happens unless something arrives.
    package func nextDeadline(at now: Instant) -> Instant {
        if watches.hasWork(at: store.revision) || elections.hasWork || hasWaitingLine(at: now) { return now }
        var next = min(raft.nextDeadline, deadlines.nextDeadline, forwardDeadline, renewalTurns.deadline)
        if let expiry = nextExpiry(at: now) { next = min(next, expiry) }
        return next
    }

    /// Whether linearizable reads can be answered: a leader is known and the state is whole.
    package var isReady: Bool { raft.leader != nil && !isFenced && store.appliedIndex >= raft.log.baseIndex }

    /// Up to where a watch has been handed every event, once the deliveries of the last flush are carried out; `nil`
    /// when it is not open (`invariants.md` 31).
    package func progress(of watch: WatchID) -> Revision? { watches.reached(watch, current: store.revision) }

    /// Where this node's memory stands, as answers tell it.
    package func position(at now: Instant) -> ReplyPosition {
        ReplyPosition(revision: store.revision, term: raft.term, time: raft.clusterTime(at: now))
    }

    // MARK: - State on disk

    /// What changed in the state since the last call, with the log position it brings `state.db` to. Write it only once
    /// `log.db` durably holds that position (``Raft/stableIndex``).
    ///
    /// - Parameter versions: with fewer versions of keys that came or went, nothing is taken.
    package mutating func takeStateDelta(
        ofAtLeast versions: Int = 0
    ) -> (delta: StateDelta, position: SnapshotPosition)? {
        guard !isInstalling, !isFenced, let delta = store.takeDelta(ofAtLeast: versions),
            let position = raft.position(at: store.appliedIndex, time: store.time)
        else { return nil }
        return (delta, position)
    }

    private mutating func stateSaved(through index: LogIndex, into out: inout Outbox) {
        // What was saved is about to be replaced, perhaps by a state from before: entries after that must stay.
        guard !isFenced, !isInstalling else { return }
        #if PlantedBugs
            if planted(.cutsLogTooFar) {
                out.truncation = raft.compactLog(through: store.appliedIndex)
                return
            }
        #endif
        let count = Int(raft.log.lastIndex.rawValue - raft.log.baseIndex.rawValue)
        guard count > 0 else { return }
        let average = max(1, raft.log.byteCount / count)
        let keep = UInt64(min(raft.bounds.trailingEntries, raft.bounds.trailingBytes / average))
        let applied = store.appliedIndex.rawValue
        guard applied > keep else { return }
        let target = min(index, LogIndex(applied - keep))
        // In steps, so that the log is not trimmed by a few entries at a time.
        guard target.rawValue > raft.log.baseIndex.rawValue + keep / 8 else { return }
        cutsLogThrough = target
    }

    /// Lets go of some of the entries that may go, so that nobody waits for long; `log.db` is told when all are gone.
    private mutating func cutLog(into out: inout Outbox) {
        guard let target = cutsLogThrough else { return }
        cutsLogThrough = nil
        guard !isFenced, !isInstalling else { return }
        let step = min(target, LogIndex(raft.log.baseIndex.rawValue + UInt64(Limits.entriesCutAtOnce)))
        guard let truncation = raft.compactLog(through: step) else { return }
        // What goes no further is needed for a snapshot.
        if step < target, truncation.base.index == step { cutsLogThrough = target } else { out.truncation = truncation }
    }
}
