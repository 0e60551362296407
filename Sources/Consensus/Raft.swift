import DequeModule
package import Primitives

/// One member's consensus as a value: Raft with pre-vote, check-quorum, pipelined replication, batched read index,
/// leader hand-over and snapshot transfer.
///
/// Its driver calls the methods with the time, then ``flush(now:into:)`` once per batch, carries out the outbox, and
/// reports durable writes with ``persisted(_:now:into:)``. Nothing here does IO or reads a clock.
package struct Raft: Sendable {
    private let inPlace = KeptInPlace()
    package let id: NodeID
    package let settings: Settings
    package let bounds: LogBounds
    package internal(set) var log: ReplicatedLog
    package internal(set) var commitIndex: LogIndex
    /// The leader's applied index and state digest that go out with its heartbeats; set by the driver.
    package var digestStamp: (index: LogIndex, digest: UInt64) = (.zero, 0)
    /// Set by the driver when its state must be replaced by the leader's.
    package var needsSnapshot = false

    var hardState: HardState
    var role: Role
    var generator: SeededGenerator
    /// Configurations in the log or its base, with their indexes; the last one is in force (Raft §4.1).
    var configurations: [(index: LogIndex, configuration: Configuration)]
    /// The cluster time of the log's base.
    var baseTime: ClusterTime
    /// The newest cluster time heard from the leader of the newest term heard, this member's own leadership included.
    var heardTime: (term: Term, time: ClusterTime) = (.zero, .zero)
    /// The latest cluster time heard in this life, of whichever leader.
    var latestTime = ClusterTime.zero
    /// Until a leader has repaired a log that lost acknowledged entries, and until the data directory has joined.
    var doubt: Doubt?
    /// The first data directories that this member knows of, by name.
    var firsts: [FirstDirectory] = []

    // Durability
    /// The last entry that is durable here.
    package internal(set) var stableIndex: LogIndex
    /// The first entry no write was issued for yet.
    var unwrittenFrom: LogIndex?
    /// What the entries after ``commitIndex`` weigh.
    package internal(set) var uncommittedBytes: Int
    var hardStateIsDirty = false
    var pendingReset: SnapshotPosition?
    /// Messages that vouch for what the next write makes durable.
    var promises: [Envelope] = []
    var writesInFlight: Deque<WriteInFlight> = []
    var nextWrite = WriteID(1)

    // Reads and snapshots
    /// Local reads not yet handed to a round or a leader.
    var waitingReads: [ReadID] = []
    var nextReadBatch: UInt64
    /// When this member last heard from a leader, or was one.
    var lastLed: Instant?
    /// The last time that this member, as a leader, handed over because of a priority, and until when it then does not.
    var courtesy: (pause: TimeSpan, until: Instant)?
    var incoming: IncomingSnapshot?
    /// The time of the flush under way.
    var lastFlush: Instant

    struct WriteInFlight: Sendable {
        var id: WriteID
        /// What becomes durable with it.
        var lastIndex: LogIndex
        var issuedAt: Instant
        /// Whether the log begins anew with it, after an installed state.
        var isReset: Bool
    }

    /// A snapshot on its way in.
    struct IncomingSnapshot: Sendable {
        var position: SnapshotPosition
        var bytes: Bytes = []
        var next: UInt64 = 0
        /// Complete, and being made durable by the driver.
        var isComplete = false
    }

    /// Begins a member's life, as *looking*.
    ///
    /// - Parameters:
    ///   - recovered: what its disk holds.
    ///   - bootstrap: the cluster's first configuration, appended at index 1 when the disk is empty.
    ///   - state: what its durable state already covers; known to be committed.
    ///   - bounds: how much of the log is kept and sent at a time.
    ///   - seed: for time-outs and read batch numbers; different for every life of every member.
    package init(
        id: NodeID, settings: Settings, recovered: RecoveredLog, bootstrap: Configuration, state: SnapshotPosition?,
        bounds: LogBounds = LogBounds(), seed: UInt64, now: Instant
    ) {
        self.id = id
        self.settings = settings
        self.bounds = bounds
        hardState = recovered.hardState
        let start = Raft.startingPoint(recovered, state: state)
        log = ReplicatedLog(
            baseIndex: start.base?.index ?? .zero, baseTerm: start.base?.term ?? .zero, entries: start.entries)
        stableIndex = log.lastIndex
        commitIndex = max(state?.index ?? .zero, log.baseIndex)
        let committed = commitIndex
        uncommittedBytes = start.entries.reduce(0) { $1.index > committed ? $0 + $1.weight : $0 }
        configurations = start.base.map { [($0.index, $0.configuration)] } ?? []
        baseTime = start.base?.time ?? .zero
        var recovered = recovered
        #if PlantedBugs
            if planted(.votesBlank) { recovered.blank = nil }
        #endif
        if recovered.isDamaged || recovered.blank != nil {
            doubt = Doubt(
                directory: recovered.blank, lostEntries: recovered.isDamaged, asksAt: now,
                pause: settings.heartbeat)
        }
        pendingReset = start.isReset ? start.base : nil
        generator = SeededGenerator(seed: seed)
        nextReadBatch = generator.next()
        lastFlush = now
        role = .looking(Looking(phase: .waiting, deadline: now))
        for entry in start.entries {
            if case .configuration(let configuration) = entry.payload {
                configurations.append((entry.index, configuration))
            }
        }
        if log.lastIndex == .zero && !isDamaged { appendFirstConfiguration(bootstrap) }
        if configurations.isEmpty { configurations = [(.zero, bootstrap)] }
        role = .looking(Looking(phase: .waiting, deadline: firstDeadline(now)))
    }

    /// The log to begin with: the recovered one, or, where the durable state went beyond it or parted from it (a crash
    /// in the middle of installing a snapshot), an empty one after the state's position.
    private static func startingPoint(
        _ recovered: RecoveredLog, state: SnapshotPosition?
    ) -> (base: SnapshotPosition?, entries: [Entry], isReset: Bool) {
        guard let state, state.index > (recovered.base?.index ?? .zero) else {
            return (recovered.base, recovered.entries, false)
        }
        let agrees = recovered.entries.contains { $0.index == state.index && $0.term == state.term }
        return agrees ? (recovered.base, recovered.entries, false) : (state, [], true)
    }

    /// Every member of a new cluster writes the same first entry, so that their logs agree from the start.
    mutating func appendFirstConfiguration(_ bootstrap: Configuration) {
        append(Entry(index: LogIndex(1), term: Term(1), time: .zero, payload: .configuration(bootstrap)))
        hardState.term = max(hardState.term, Term(1))
        hardStateIsDirty = true
    }

    private mutating func firstDeadline(_ now: Instant) -> Instant {
        if configuration.members.count == 1 { return now }
        if settings.election == .ranked { return now + settings.retry }
        return now + generator.span(from: settings.retry, below: settings.electionTimeout * 2)
    }

    // MARK: - Questions

    package var configuration: Configuration { configurations[configurations.count - 1].configuration }
    package var term: Term { hardState.term }

    package var isLeader: Bool {
        if case .leader = role { true } else { false }
    }

    /// Whether it may have forgotten what it promised: no votes, no campaign, not counted.
    package var isDamaged: Bool { doubt != nil }

    package var isLooking: Bool {
        if case .looking = role { true } else { false }
    }

    /// The leader of the current term, if this member knows it.
    package var leader: NodeID? {
        switch role {
        case .leader: id
        case .follower(let following): following.leader
        case .looking: nil
        }
    }

    /// How old this member's state may be: nothing on a leader, else since it last followed or led; `nil` when it never did.
    package func staleness(at now: Instant) -> TimeSpan? {
        switch role {
        case .leader: .zero
        case .follower(let following): now - following.lastHeard
        case .looking: lastLed.map { now - $0 }
        }
    }

    /// Whether this leader takes proposals: it does not while it hands over.
    package var acceptsProposals: Bool {
        if case .leader(let leading) = role { leading.value.handOver == nil } else { false }
    }

    /// Whether this leader's no-op is committed, so that everything committed before is known to be (Raft §8).
    package var hasCommittedInTerm: Bool {
        if case .leader(let leading) = role { commitIndex >= leading.value.noop } else { false }
    }

    /// The moment until which nothing happens unless something arrives.
    package var nextDeadline: Instant {
        guard let doubt, doubt.settled == nil else { return nextDeadlineOfRole }
        return min(doubt.asksAt, nextDeadlineOfRole)
    }

    private var nextDeadlineOfRole: Instant {
        switch role {
        case .leader(let leading): leading.value.nextHeartbeat
        case .looking(let looking): looking.deadline
        case .follower(let following):
            following.reads.first.map { min(following.deadline, $0.sentAt + settings.resend) } ?? following.deadline
        }
    }

    /// The newest position a snapshot of a state at `applied` would have; `nil` when the log no longer knows its term.
    package func position(at applied: LogIndex, time: ClusterTime) -> SnapshotPosition? {
        guard let term = log.term(at: applied) else { return nil }
        let configuration = configurations.last { $0.index <= applied }?.configuration ?? self.configuration
        return SnapshotPosition(index: applied, term: term, time: time, configuration: configuration)
    }

    // MARK: - Inputs

    /// Takes a message from another member.
    package mutating func receive(_ message: Message, from sender: NodeID, now: Instant, into out: inout RaftOutbox) {
        guard sender != id, configuration.contains(sender) else { return }
        // They speak of a term, but ask nobody to leave another.
        if case .credentials(let credentials) = message {
            return receiveCredentials(credentials, from: sender, now: now, into: &out)
        }
        if case .introduction(let introduction) = message {
            return receiveIntroduction(introduction, from: sender, now: now, into: &out)
        }
        #if PlantedBugs
            if planted(.countsStaleVotes), message.term < term, case .voteReply(let reply) = message, reply.granted {
                return countVote(from: sender, now: now, into: &out)
            }
            if planted(.countsStaleAcknowledgements), message.term < term, case .appendReply(let reply) = message {
                return receiveAppendReply(reply, from: sender, now: now, into: &out)
            }
        #endif
        if message.term < term { return answerStale(message, from: sender, into: &out) }
        if message.term > term {
            switch message {
            case .preVote: break
            case .preVoteReply(let reply) where reply.granted: break
            case .vote(let request) where !request.handOver && isProtectingLeader(now): return
            default: becomeLooking(.newerTerm, term: message.term, now: now, into: &out)
            }
        }
        switch message {
        case .preVote(let request): receivePreVote(request, from: sender, now: now, into: &out)
        case .preVoteReply(let reply): receivePreVoteReply(reply, from: sender, now: now, into: &out)
        case .vote(let request): receiveVote(request, from: sender, now: now, into: &out)
        case .voteReply(let reply): receiveVoteReply(reply, from: sender, now: now, into: &out)
        case .append(let append): receiveAppend(append, from: sender, now: now, into: &out)
        case .appendReply(let reply): receiveAppendReply(reply, from: sender, now: now, into: &out)
        case .snapshotChunk(let chunk): receiveSnapshotChunk(chunk, from: sender, now: now, into: &out)
        case .snapshotReply(let reply): receiveSnapshotReply(reply, from: sender, now: now, into: &out)
        case .readRequest(let request): receiveReadRequest(request, from: sender)
        case .readReply(let reply): receiveReadReply(reply, into: &out)
        case .campaignNow: receiveCampaignNow(from: sender, now: now, into: &out)
        case .heldByOthers(let held): receiveHeldByOthers(held, from: sender)
        case .credentials, .introduction: break
        }
    }

    /// A leader or candidate of an older term learns that there is a newer one; everything else that is stale is dropped.
    private func answerStale(_ message: Message, from sender: NodeID, into out: inout RaftOutbox) {
        switch message {
        case .append(let append):
            let outcome = AppendReply.Outcome.mismatch(previous: append.previousIndex, hint: .zero, hintTerm: .zero)
            let reply = AppendReply(term: term, round: 0, outcome: outcome, counts: !isDamaged, needsSnapshot: false)
            out.sends.append(Envelope(to: sender, message: .appendReply(reply)))
        case .snapshotChunk(let chunk):
            let reply = SnapshotReply(term: term, index: chunk.position.index, next: 0, round: 0)
            out.sends.append(Envelope(to: sender, message: .snapshotReply(reply)))
        case .preVote:
            out.sends.append(Envelope(to: sender, message: .preVoteReply(VoteReply(term: term, granted: false))))
        case .vote: out.sends.append(Envelope(to: sender, message: .voteReply(VoteReply(term: term, granted: false))))
        default: break
        }
    }

    /// Lets time pass: elections, heartbeats, repetitions.
    package mutating func tick(now: Instant, into out: inout RaftOutbox) {
        askAgainIfDue(now: now)
        switch role {
        case .leader: tickLeader(now: now, into: &out)
        case .follower(let following):
            if following.deadline <= now { missLeader(now: now, into: &out) } else { resendReads(now: now) }
        case .looking(let looking):
            if looking.deadline <= now { goOnLooking(now: now, into: &out) }
        }
    }

    private mutating func missLeader(now: Instant, into out: inout RaftOutbox) {
        guard case .follower(var following) = role else { return }
        // After a pause of the whole process the leader's messages are still unread: they get a moment, once.
        if now - following.deadline > settings.heartbeat, !following.wasForgiven {
            following.wasForgiven = true
            following.deadline = now + settings.heartbeat
            role = .follower(following)
            return
        }
        becomeLooking(.leaderSilent(following.leader), term: term, now: now, into: &out)
        goOnLooking(now: now, into: &out)
    }

    /// The connection to `peer` is there (again); messages under way before may be lost.
    package mutating func connected(_ peer: NodeID) {
        ask(peer)
        guard case .leader = role else { return }
        guard let index = leading.peers.firstIndex(where: { $0.id == peer }) else { return }
        let match = leading.peers[index].match
        // A new life may have another priority.
        leading.peers[index].priority = nil
        // Before its first answer it most likely has all: from the start would mean the whole log, or a snapshot.
        leading.peers[index].becomeProbing(next: match == .zero ? log.lastIndex.next : match.next)
        leading.peers[index].heartbeatDue = true
    }

    /// The connection to `peer` ended. When its process is known to be gone, nobody waits for a silent leader.
    package mutating func disconnected(_ peer: NodeID, processIsGone: Bool, now: Instant, into out: inout RaftOutbox) {
        guard processIsGone, case .follower(let following) = role, following.leader == peer else { return }
        becomeLooking(.leaderGone(peer), term: term, now: now, into: &out)
        guard case .looking(var looking) = role else { return }
        looking.deadline = now + earlyDelay()
        role = .looking(looking)
    }

    /// Everything up to and including this write is durable.
    package mutating func persisted(_ write: WriteID, now: Instant, into out: inout RaftOutbox) {
        while let first = writesInFlight.first, first.id <= write {
            stableIndex = max(stableIndex, first.lastIndex)
            writesInFlight.removeFirst()
        }
        if case .looking(let looking) = role, case .campaigning(let campaign) = looking.phase,
            let own = campaign.write, own <= write
        {
            countVote(from: id, now: now, into: &out)
        }
        if case .leader = role {
            advanceCommit()
            confirmReads(into: &out)
        }
        commitWhatIsHeld()
        repairIfComplete()
        endDoubtIfDurable(write, into: &out)
    }

    /// Appends a payload to a leader's log.
    ///
    /// - Returns: the entry's position, or `nil` when this member does not take proposals.
    package mutating func propose(_ payload: Entry.Payload, now: Instant) -> (index: LogIndex, term: Term)? {
        guard acceptsProposals else { return nil }
        let entry = Entry(index: log.lastIndex.next, term: term, time: clusterTime(at: now), payload: payload)
        append(entry)
        return (entry.index, entry.term)
    }

    /// Asks for proof that this member's log is current as of now; the answer comes in ``RaftOutbox/readyReads``.
    /// A read is held while there is no leader; the driver forgets those it no longer waits for.
    package mutating func requestRead(_ read: ReadID) { waitingReads.append(read) }

    /// Forgets entries up to `index`, whose effects are durable in the state.
    ///
    /// - Returns: what to tell `log.db`, or `nil` when nothing goes.
    package mutating func compactLog(through index: LogIndex) -> LogTruncation? {
        let limit = min(index, commitIndex, stableIndex, oldestNeededBySnapshots)
        guard limit > log.baseIndex, pendingReset == nil,
            let base = position(at: limit, time: log[limit].time)
        else { return nil }
        log.compact(through: limit)
        baseTime = base.time
        let kept = configurations.lastIndex { $0.index <= limit } ?? 0
        configurations.removeFirst(kept)
        return LogTruncation(base: base)
    }
}
