internal import KeyValue
internal import Consensus
internal import Logging
internal import NIOCore
internal import PeerTransport
internal import Primitives
internal import ReplicaCore
internal import SQLiteStorage

/// The core loop: drains the inbox into the replica, flushes once, and carries out what the replica wants.
///
/// Unchecked because all of it is touched on ``loop`` only, which the entries check.
final class NodeCore: @unchecked Sendable, PeerReceiver {
    let loop: any EventLoop
    private(set) var replica: Replica
    private let logger: Logger
    private let telemetry: Telemetry
    private let failed: @Sendable (StorageError) -> Void
    private let startedAt: Instant
    private let incarnation: Incarnation
    private let version: String

    private var outbox = Outbox()
    /// What came since the last turn; empty between turns.
    private var batch: [InboxItem] = []
    private var answers = PendingAnswers()
    /// Renewals of this turn that the replica was not asked for yet.
    private var renewals = GatheredRenewals()
    private var watches = WatchDirectory()
    private var questions: [@Sendable (NodeCore) -> Void] = []
    private var timer: (task: Scheduled<Void>, at: Instant)?
    private var isStopped = false
    private var isTakingBreath = false
    /// Whether time passes for the replica: not before both ports are had, so that a node that cannot serve does not
    /// campaign.
    private var takesPart = false

    private var inbox: Inbox!
    private var logWriter: LogWriter!
    private var stateWriter: StateWriter!
    private var transport: PeerTransport!

    private var saving: StateSaving
    private var isShortOfSpace = false

    private var reports: MemberReports
    private var unreadable = RepeatedWarning()
    /// Where clients reach this node; `nil` before it listens for them.
    private var clientAddress: String?
    /// The last write that the writer's thread has and has not reported: until it does, the next go there, too.
    private var lastElsewhere: WriteID?
    private var diskSync: TimeSpan?
    private var counters = LogStore.Counters()

    /// The event loop runs all tasks that are due, those that these add included, before it looks at its sockets again.
    /// Work that is left over therefore waits for at least this, or nobody would be heard until all of it is done.
    private static let breath = TimeSpan(nanoseconds: 100_000)
    /// With so few clients waiting there is no next batch to collect while the disk works.
    private static let fewClients = 4
    /// The room that is kept for the next turn's.
    private static let usualBatch = 1_024
    /// A disk that answers within this is waited for on the loop; a slower one on the log writer's thread.
    private static let shortSync = TimeSpan.milliseconds(1)

    init(
        _ opened: OpenedNode, options: NodeOptions, loop: any EventLoop, logger: Logger,
        failed: @escaping @Sendable (StorageError) -> Void
    ) {
        self.loop = loop
        self.logger = logger
        self.failed = failed
        replica = opened.replica
        incarnation = opened.incarnation
        telemetry = Telemetry(logger: logger, names: options.members.map { (NodeID(name: $0.name), $0.name) })
        version = options.version
        startedAt = monotonicNow()
        reports = MemberReports(
            others: options.members.map { NodeID(name: $0.name) }.filter { $0 != options.identity.id }, now: startedAt)
        saving = StateSaving(from: startedAt)
        // Weak, here and below: what is posted last may have its turn when the node has ended and nobody holds it.
        inbox = Inbox(loop: loop) { [weak self] in self?.drain() }
        logWriter = LogWriter(
            store: opened.log, logger: logger, completed: { [inbox] in inbox!.post(.logDurable($0)) }, failed: failed)
        stateWriter = StateWriter(
            store: opened.state, directory: options.dataDirectory, logger: logger,
            completed: { [inbox] in inbox!.post(.stateDone($0)) }, failed: failed)
        transport = PeerTransport(
            configuration: PeerTransportConfiguration(
                node: options.identity.id, name: options.name, cluster: options.identity.cluster,
                incarnation: opened.incarnation, listenHost: options.peerListenHost,
                listenPort: options.peerListenPort,
                peers: Dictionary(
                    uniqueKeysWithValues: options.members.map {
                        (NodeID(name: $0.name), PeerAddress(name: $0.name, host: $0.host, port: $0.port))
                    }), jitterSeed: UInt64.random(in: .min ... .max)),
            eventLoop: loop, logger: logger, receiver: self)
    }

    func start() async throws(PeerTransportError) {
        try await transport.start()
        post(
            .ask { core in
                core.takesPart = true
                if core.replica.raft.isBlank { core.telemetry.isNew() }
            })
        post(.input(.tick))
    }

    func post(_ item: InboxItem) { inbox.post(item) }

    // MARK: - PeerReceiver

    func received(_ body: Bytes, from node: NodeID) {
        do {
            switch try PeerMessage(decoding: body) {
            case .report(let report): reports.heard(report, from: node, at: monotonicNow())
            case let message: post(.input(.received(message, from: node)))
            }
        } catch {
            telemetry.unreadableFrame(from: node, error, count: unreadable.count(of: node, at: monotonicNow()))
        }
    }

    func connected(to node: NodeID) {
        telemetry.connected(node)
        reports.connected(at: monotonicNow())
        post(.input(.connected(node)))
    }

    func disconnected(from node: NodeID, processIsGone: Bool) {
        telemetry.disconnected(node, processIsGone: processIsGone)
        reports.lost(node)
        post(.input(.disconnected(node, processIsGone: processIsGone)))
    }

    // MARK: - The loop

    /// - Parameter isTimed: whether the loop has looked at its sockets since the last time, so that history may be read
    ///   for watches that catch up: each page they take asks for the next.
    private func drain(isTimed: Bool = false) {
        loop.preconditionInEventLoop()
        guard !isStopped else { return }
        let now = monotonicNow()
        inbox.takeAll(into: &batch)
        let count = batch.count
        for item in batch { handle(item, at: now) }
        requestRenewals(at: now)
        batch.removeAll(keepingCapacity: count <= Self.usualBatch)
        if let timer, timer.at <= now {
            self.timer = nil
            replica.handle(.tick, at: now, into: &outbox)
        }
        replica.flush(at: now, catchingUp: isTimed, into: &outbox)
        while let completion = carryOut() {
            let now = monotonicNow()
            handle(.logDurable(completion), at: now)
            replica.flush(at: now, catchingUp: false, into: &outbox)
        }
        sendReports(at: now)
        answerQuestions()
        saveState(at: now)
        arm(at: now)
        telemetry.batch(count)
    }

    private func answerQuestions() {
        guard !questions.isEmpty else { return }
        let asked = questions
        questions = []
        for question in asked { question(self) }
    }

    private func handle(_ item: InboxItem, at now: Instant) {
        switch item {
        case .input(let input): replica.handle(input, at: now, into: &outbox)
        case .submit(.renew(let leases), let timeout, let answer):
            gather(leases, timeout: timeout, answer: answer, at: now)
        case .submit(let request, let timeout, let answer):
            replica.handle(.request(answers.expect(answer), request, timeout: timeout), at: now, into: &outbox)
        case .openWatch(let id, let request, let timeout, let sink, let answer):
            watches.add(id, sink)
            replica.handle(.request(answers.expect(answer), request, timeout: timeout), at: now, into: &outbox)
        case .closeWatch(let id):
            watches.remove(id)
            replica.handle(.closeWatch(id), at: now, into: &outbox)
        case .logDurable(let completion):
            if completion.last == lastElsewhere { lastElsewhere = nil }
            send(completion.thenSend)
            note(completion)
            replica.handle(.persisted(completion.last), at: now, into: &outbox)
        case .stateDone(let completion): handle(completion, at: now)
        case .ask(let question): questions.append(question)
        }
    }

    private func gather(_ leases: [LeaseID], timeout: TimeSpan, answer: PendingAnswer, at now: Instant) {
        guard answers.count + renewals.clients < Limits.pendingRequests else {
            return answer.tell(.refused(.overloaded, ask { $0.position(at: now) }))
        }
        if !renewals.hasRoom(for: leases, timeout: timeout) { requestRenewals(at: now) }
        renewals.add(leases, timeout: timeout, answer: answer)
    }

    private func requestRenewals(at now: Instant) {
        guard let (leases, timeout, shares) = renewals.take() else { return }
        replica.handle(.request(answers.expect(shares), .renew(leases), timeout: timeout), at: now, into: &outbox)
    }

    private func note(_ completion: LogWriter.Completion) {
        let smoothed = diskSync.map { ($0 * 7 + completion.syncTime) / 8 }
        diskSync = smoothed ?? completion.syncTime
        telemetry.logSynced(completion, before: counters)
        counters = completion.counters
    }

    // MARK: - Effects

    /// Returns what became durable on the way; it is to be handled before anything else.
    private func carryOut() -> LogWriter.Completion? {
        let isQuiet = answers.count <= Self.fewClients
        // Without a write these messages only tell the others what is decided already: the few who wait come first.
        if isQuiet && outbox.write == nil { answer() }
        send(outbox.sends)
        // A leader's loop is free for the acknowledgements of others meanwhile, which may be all it needs.
        let writesHere =
            isQuiet && !replica.raft.isLeader && lastElsewhere == nil && diskSync.map { $0 < Self.shortSync } ?? false
        if !writesHere { writeElsewhere() }
        if let truncation = outbox.truncation { logWriter.truncate(truncation) }
        if let snapshot = outbox.snapshotToInstall {
            saving.replacing()
            stateWriter.install(snapshot)
        }
        answer()
        for delivery in outbox.deliveries { watches.deliver(delivery) }
        for (id, end) in outbox.endedWatches { watches.end(id, end) }
        if let known = outbox.leaderKnown { watches.tellLeaderKnown(known) }
        telemetry.notices(outbox.notices)
        defer { outbox.empty() }
        return writesHere ? writeHere() : nil
    }

    private func send(_ messages: [(to: NodeID, message: PeerMessage)]) {
        for (peer, message) in messages { transport.send(message.encoded(), to: peer) }
        transport.flush()
    }

    private func writeElsewhere() {
        guard let write = outbox.write else { return }
        lastElsewhere = write.id
        logWriter.write(write, thenSend: outbox.thenSend)
    }

    /// Waits for the disk on this thread, which is quicker than waking the writer's and being woken by it
    /// (`Docs/Decisions/0004-quiet-writes.md`).
    private func writeHere() -> LogWriter.Completion? {
        guard let write = outbox.write else { return nil }
        if let completion = logWriter.writeAtOnce(write, thenSend: outbox.thenSend) { return completion }
        writeElsewhere()
        return nil
    }

    private func sendReports(at now: Instant) {
        let (term, leader) = ask { ($0.raft.term, $0.raft.leader) }
        let recipients = reports.recipients(term: term, leader: leader, at: now)
        guard !recipients.isEmpty else { return }
        let message = PeerMessage.report(report(at: now)).encoded()
        for node in recipients { transport.send(message, to: node) }
        transport.flush()
    }

    private func report(at now: Instant) -> MemberReport {
        replica.report(at: now, clientAddress: clientAddress, diskSync: diskSync, version: version)
    }

    /// Calls the completions, with one hop for all of a loop's.
    private func answer() {
        guard !outbox.replies.isEmpty else { return }
        var elsewhere: [ObjectIdentifier: (loop: any EventLoop, calls: [@Sendable () -> Void])] = [:]
        for (id, reply) in outbox.replies {
            answers.settle(id, with: reply) { answer, reply in
                if answer.loop.inEventLoop {
                    answer.completion(reply)
                } else {
                    elsewhere[ObjectIdentifier(answer.loop), default: (answer.loop, [])].calls.append {
                        answer.completion(reply)
                    }
                }
            }
        }
        outbox.replies.removeAll(keepingCapacity: true)
        for group in elsewhere.values {
            let calls = group.calls
            group.loop.execute { for call in calls { call() } }
        }
    }

    /// Asks the replica where it is. It would be copied first, as anything might change a property meanwhile.
    private func ask<Answer>(_ question: (inout Replica) -> Answer) -> Answer { question(&replica) }

    /// Wakes the loop when the replica next wants to be.
    private func arm(at now: Instant) {
        guard takesPart else { return }
        let wanted = min(ask { $0.nextDeadline(at: now) }, saving.deadline, reports.deadline)
        guard wanted <= now else { return setTimer(at: wanted) }
        guard !isTakingBreath else { return }
        isTakingBreath = true
        // Behind the writes to connections that this turn has asked for, and as long as all that took: what is left over
        // gets at most half of the loop's time.
        loop.execute { [weak self] in self?.takeBreath(since: now) }
    }

    private func takeBreath(since begin: Instant) {
        isTakingBreath = false
        let end = monotonicNow()
        if !isStopped { setTimer(at: end + max(Self.breath, end - begin)) }
    }

    private func setTimer(at wanted: Instant) {
        if let timer, timer.at <= wanted { return }
        timer?.task.cancel()
        let task = loop.scheduleTask(deadline: wanted.deadline) { [weak self] () -> Void in
            self?.drain(isTimed: true)
        }
        timer = (task, wanted)
    }

    // MARK: - state.db

    private func saveState(at now: Instant) {
        if saving.collect(from: &replica, at: now) { stateWriter.measureSpace() }
        guard let (delta, sync) = saving.next(logDurableThrough: replica.raft.stableIndex, at: now) else { return }
        stateWriter.write(delta, sync: sync)
    }

    private func handle(_ completion: StateWriter.Completion, at now: Instant) {
        switch completion {
        case .space(let isLow): return note(isLow, at: now)
        case .written(let index, let synced):
            if synced { replica.handle(.stateSaved(through: index), at: now, into: &outbox) }
        case .installed(let position): replica.handle(.snapshotSaved(position), at: now, into: &outbox)
        }
        saving.finished()
    }

    private func note(_ isShortOfSpace: Bool, at now: Instant) {
        if isShortOfSpace != self.isShortOfSpace { telemetry.space(isLow: isShortOfSpace) }
        self.isShortOfSpace = isShortOfSpace
        replica.handle(.diskSpace(isLow: isShortOfSpace), at: now, into: &outbox)
    }

    // MARK: - Questions and the end

    func status(failure: String?) -> NodeStatus {
        loop.preconditionInEventLoop()
        let now = monotonicNow()
        let own = MemberAccount(node: replica.id, report: report(at: now), age: .zero, isCurrent: true)
        return NodeStatus(
            replica: replica.status(at: now), uptime: now - startedAt, diskSync: diskSync, logSyncs: counters.syncs,
            incarnation: incarnation.rawValue, ready: replica.isReady && failure == nil, failure: failure,
            members: [own] + reports.accounts(at: now))
    }

    func serves(clientsAt address: String) {
        loop.preconditionInEventLoop()
        clientAddress = address
    }

    /// Ends the loop's work; returns what `state.db` still lacks.
    func finish() -> StateSaving.Delta? {
        loop.preconditionInEventLoop()
        isStopped = true
        timer?.task.cancel()
        let last = saving.rest(of: &replica)
        answers.settleAll(with: stopping)
        return last
    }

    /// Some of those who still wait may have been handed to a leader, and nobody will know any more which.
    private var stopping: ClientReply { .refused(.timeout, ask { $0.position(at: monotonicNow()) }) }

    func stopTransport() async { await transport.stop() }
    func stopLog() async { await logWriter.stop() }
    func stopState(writing last: StateSaving.Delta?) async {
        await stateWriter.stop(writing: last)
    }
}
