internal import Consensus
internal import Exploration
internal import KeyValue
internal import Primitives
internal import ReplicaCore

/// A cluster, its clients and its troubles in virtual time, all from one seed.
struct World {
    private let inPlace = KeptInPlace()
    let options: SimulationOptions
    var random: SeededGenerator
    let swarm: Swarm
    var now: Int64 = 0
    var schedule = Schedule()
    var nodes: [SimulatedNode] = []
    /// Those of ``nodes``.
    private let ids: [NodeID]
    let bootstrap: Configuration
    let electorate: Electorate
    var network: Network
    var history: History
    var clients: [Client] = []
    var record = ClientRecord()
    /// Values that clients have written or tried to.
    var valueCount = 0
    /// What a planted proxy has in its cache.
    var proxied: [Query: ClientReply] = [:]
    var proxiedCampaigns: [CandidacyID: ClientReply] = [:]
    var calls: [CallID: Call] = [:]
    var watches: [WatchID: WatchCheck] = [:]
    var observations: [WatchID: Observation] = [:]
    var candidacyLeases: UInt64 = 0
    var nextCall: UInt64 = 0
    var nextWatch: UInt64 = 0
    var trace: Trace
    var counters = Counters()
    /// What the turn under way wants done; empty between turns.
    private let batch = Batch()
    var phase = Phase.faults
    /// Sudden faults so far, those left out included.
    var faultCount = 0
    /// The numbers of those that happened.
    var suddenFaults: [Int] = []
    /// The term in which a leader's disk hung, until there is another leader.
    var stalledTerm: Term?
    /// The first rule that a store broke in the step under way.
    var brokenByDisk: Violation?
    /// The world went where its checks say nothing.
    var isInconclusive = false
    /// When a member that was cut off in the recovery is heard again.
    var rejoinsAt: Int64 = 0
    /// The priority of the newest leader.
    var leadingPriority: UInt8 = 0
    /// Since when, in the recovery, all agree on one leader.
    var agreedSince: Int64?
    /// True while nothing may go wrong but by the cluster's own doing.
    var isCalm: Bool { phase != .faults }

    enum Phase: Equatable {
        case faults
        /// Healed at the moment given: a leader is due.
        case healing(since: Int64)
        /// There was a leader again by then; clients go on.
        case steady(since: Int64)
        /// Clients have stopped; what they left must settle.
        case settling(since: Int64)
        case done
    }

    /// - Parameter keepsEvents: whether the last events can be told when the world has ended.
    init(_ options: SimulationOptions, keepsEvents: Bool = false, sink: ((String) -> Void)? = nil) {
        self.options = options
        trace = Trace(isKept: keepsEvents, sink: sink)
        var random = SeededGenerator(seed: options.seed)
        swarm = Swarm(options, random: &random)
        self.random = random
        let names = (1...options.nodes).map { "n\($0)" }
        ids = names.map { NodeID(name: $0) }
        bootstrap = Configuration(members: names.map { Configuration.Member(name: $0, peerAddress: "\($0):1") })
        electorate = Electorate(
            members: options.nodes, mix: options.election, priorities: options.priorities, seed: options.seed)
        network = Network(nodes: options.nodes)
        history = History(nodes: options.nodes, quorum: bootstrap.quorum)
        for (number, name) in names.enumerated() {
            let stores = options.stores?.make(name, options.seed &+ UInt64(number) << 32)
            nodes.append(SimulatedNode(number: number, id: NodeID(name: name), clock: newClock(), stores: stores))
        }
    }

    /// Looked for among a few, which is quicker than a dictionary.
    func number(of id: NodeID) -> Int? { ids.firstIndex(of: id) }

    mutating func newClock() -> NodeClock {
        let drift = random.within(-swarm.clockSpread...swarm.clockSpread)
        // Beyond a tenth nothing is promised any more: that is a planted bug.
        history.fastestClock = max(history.fastestClock, min(drift, 100_000))
        history.slowestClock = min(history.slowestClock, max(drift, -100_000))
        return NodeClock(epoch: random.within(1_000_000_000...1_000_000_000_000), drift: drift)
    }

    // MARK: - Running

    /// Runs the world to its end.
    mutating func run() throws(Violation) {
        let swarm = swarm
        trace.note(.world("\(swarm)"), at: 0)
        for node in nodes { start(node, after: random.within(0...5_000_000)) }
        makeClients()
        schedule.add(.fault, at: random.around(swarm.faultInterval))
        schedule.add(.check, at: 10_000_000)
        while phase != .done, let (time, happening) = schedule.next() {
            now = max(now, time)
            try carryOut(happening)
            if let brokenByDisk { throw brokenByDisk }
        }
        try checkWholeHistory()
        try judgeClients()
    }

    private mutating func carryOut(_ happening: Happening) throws(Violation) {
        switch happening {
        case .arrival(let packet): try arrive(packet)
        case .wake(let node, let life):
            if let process = awake(node, life, happening) { try turn(nodes[node], process) }
        case .timer(let node, let life):
            if let process = awake(node, life, happening) { timerWentOff(nodes[node], process) }
        case .logSynced(let node, let life):
            if awake(node, life, happening) != nil { try logSynced(nodes[node]) }
        case .stateStep(let node, let life):
            if let process = awake(node, life, happening) { stepState(nodes[node], process) }
        case .stateReplaced(let node, let life):
            if awake(node, life, happening) != nil { stateReplaced(nodes[node]) }
        case .linkUp(let from, let to): linkUp(from, to)
        case .linkDown(let from, let to, let life, let isGone): linkDown(from, to, life: life, isGone: isGone)
        case .client(let number): try act(clients[number])
        case .request(let call): deliver(call)
        case .lost(let call, let wasTaken): try lose(call, wasTaken: wasTaken)
        case .watchTurn(let client, let watch): try turnWatch(client, WatchID(watch))
        case .fault: makeTrouble()
        case .undo(let remedy): undo(remedy)
        case .restart(let node): try restart(nodes[node])
        case .check: try checkPhase()
        }
    }

    /// The process in its life `life`, if it runs; one that stands still takes nothing in before it goes on.
    private func awake(_ number: Int, _ life: Int, _ happening: Happening) -> SimulatedNode.Process? {
        guard nodes[number].life == life, let process = nodes[number].process else { return nil }
        guard process.isPaused else { return process }
        process.missed.append(happening)
        return nil
    }

    // MARK: - Turns of a node

    mutating func input(_ input: consuming Input, to node: SimulatedNode) {
        guard let process = node.process else { return }
        process.inbox.append(input)
        guard !process.isAwake else { return }
        process.isAwake = true
        wake(node)
    }

    private mutating func wake(_ node: SimulatedNode) {
        let delay = now < node.slowUntil ? random.within(1_000_000...40_000_000) : random.within(1_000...20_000)
        schedule.add(.wake(node: node.number, life: node.life), at: now + delay)
    }

    /// One batch: handle, flush, carry out, look.
    private mutating func turn(_ node: SimulatedNode, _ process: SimulatedNode.Process) throws(Violation) {
        let reading = node.clock.reading(at: now)
        let count = process.step(atMost: 1 + random.below(swarm.batch), at: reading, into: &batch.out)
        process.isAwake = !process.inbox.isEmpty
        trace.combine(2, node.number, UInt64(count), at: now)
        if process.isAwake { wake(node) }
        try look(at: node, process, &process.replica)
        try carryOut(node, process)
        if node.storesFailed { return exitAfterFailedSync(node) }
        try setTimer(node, process, &process.replica, at: reading)
    }

    /// Behind a reference, because it is looked at while the world changes.
    private final class Batch {
        var out = Outbox()
    }

    /// Carries out what the batch wants done.
    private mutating func carryOut(_ node: SimulatedNode, _ process: SimulatedNode.Process) throws(Violation) {
        try carryOut(&batch.out, of: node, process)
        batch.out.empty()
    }

    private mutating func carryOut(
        _ out: inout Outbox, of node: SimulatedNode, _ process: SimulatedNode.Process
    ) throws(Violation) {
        if !out.notices.isEmpty {
            note(out.notices, of: node)
            try checkTransfers(out.notices, of: node)
            try checkJoins(out.notices, of: node)
        }
        for (to, message) in out.sends { try send(message, from: node, to: to) }
        try carryOutWrites(out, of: node)
        if let snapshot = out.snapshotToInstall {
            node.state.held = []
            node.state.replacing = snapshot
            schedule.add(.stateReplaced(node: node.number, life: node.life), at: now + random.around(10_000_000))
        }
        saveState(node, process, &process.replica)
        for (call, reply) in out.replies { try answer(call, reply, from: node) }
        for delivery in out.deliveries {
            do throws(Violation) { try deliver(delivery, from: node) } catch { try unlessLeftToHistory(error) }
        }
        for (watch, end) in out.endedWatches {
            do throws(Violation) { try ended(watch, end, at: node) } catch { try unlessLeftToHistory(error) }
        }
    }

    private mutating func carryOutWrites(_ out: borrowing Outbox, of node: SimulatedNode) throws(Violation) {
        if let write = out.write {
            try history.checkWrite(write, node: node)
            var thenSend = out.thenSend
            if options.planted == .sendsBeforeDurable {
                for (to, message) in thenSend { try send(message, from: node, to: to) }
                thenSend = []
            }
            node.log.queued.append(.write(write, thenSend: thenSend, issuedAt: now))
            if options.planted == .lyingDisk {
                input(.persisted(write.id), to: node)
                for (to, message) in thenSend { try send(message, from: node, to: to) }
            }
        } else if !out.thenSend.isEmpty {
            throw Violation("2", "n\(node.number + 1) has promises without the write they belong to")
        }
        try checkGranted(out, by: node)
        if let truncation = out.truncation {
            try checkNotNeeded(truncation, by: node)
            counters[.logCompacted] += 1
            node.log.queued.append(.truncate(truncation))
        }
        syncLog(node)
    }

    private mutating func setTimer(
        _ node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica, at reading: Instant
    ) throws(Violation) {
        let deadline = replica.nextDeadline(at: reading)
        process.spins = deadline <= reading && process.inbox.isEmpty ? process.spins + 1 : 0
        if process.spins > 5_000 {
            throw Violation("liveness", "n\(node.number + 1) wants to be called again at once for ever")
        }
        let time = deadline <= reading ? now + 1_000 : node.clock.time(of: deadline)
        if time < process.timer {
            process.timer = time
            schedule.add(.timer(node: node.number, life: node.life), at: time)
        }
    }

    private mutating func timerWentOff(_ node: SimulatedNode, _ process: SimulatedNode.Process) {
        guard process.timer <= now else { return }
        process.timer = .max
        input(.tick, to: node)
    }
}
