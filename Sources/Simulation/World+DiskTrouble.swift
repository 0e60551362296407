internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

// What goes wrong with disks.

extension World {
    mutating func hang(_ node: SimulatedNode) {
        node.log.hangsUntil = now + random.around(random.chance(5000) ? 20_000_000 : 1_500_000_000)
    }

    /// The sync under way, or the next one, will fail.
    mutating func failSync(_ node: SimulatedNode) { node.log.failsNext = true }

    /// The store latches, so that the process exits. Nothing that was not synced before is there afterwards: what the page
    /// cache still shows was never written.
    mutating func exitAfterFailedSync(_ node: SimulatedNode) {
        counters[.syncFailed] += 1
        node.log.failsNext = false
        if node.stores == nil { node.log.forget() }
        crash(node)
        start(node, after: 1_000_000 + random.around(500_000_000))
    }

    /// Space runs low, and half of the time out: then nothing is written before there is some.
    mutating func fill(_ node: SimulatedNode) {
        guard !node.isShortOfSpace else { return }
        node.isShortOfSpace = true
        input(.diskSpace(isLow: true), to: node)
        let end = now + random.around(2_000_000_000)
        let isFull = random.chance(5000)
        if isFull {
            counters[.diskFull] += 1
            leaveNoSpace(node, until: end)
        }
        trace.note(.node(node.number, isFull ? "has a full disk" : "runs short of space"), at: now)
        schedule.add(.undo(.space(node: node.number)), at: end)
    }

    private mutating func leaveNoSpace(_ node: SimulatedNode, until end: Int64) {
        guard let stores = node.stores else { return node.log.hangsUntil = max(node.log.hangsUntil, end) }
        node.isFull = true
        if node.isUp { stores.leaveSpace(random.below(60_000)) }
    }

    mutating func makeSpace(_ node: SimulatedNode) {
        guard node.isShortOfSpace else { return }
        node.isShortOfSpace = false
        node.isFull = false
        node.stores?.leaveSpace(nil)
        trace.note(.node(node.number, "has space again"), at: now)
        input(.diskSpace(isLow: false), to: node)
        if node.isUp { schedule.add(.logSynced(node: node.number, life: node.life), at: now + swarm.diskLatency) }
    }

    // MARK: Losses

    /// A crash that also takes what was durable; the mark tells. Only as many nodes at a time as the cluster can do without.
    mutating func harm(_ node: SimulatedNode, _ kind: Fault) {
        guard node.isUp, isFit(node), hasSpareNode else { return }
        if let stores = node.stores { return harmStores(node, stores, kind) }
        crash(node)
        switch kind {
        case .lostDisk where random.chance(5000): loseDirectory(node)
        case .lostDisk: loseDisk(node)
        case .bitFlip where random.chance(5000): loseState(node)
        case .bitFlip: loseEntries(node, atMost: node.log.durable.entries.count)
        default: loseEntries(node, atMost: 30)
        }
        start(node, after: random.around(500_000_000))
    }

    private var hasSpareNode: Bool { nodes.count { !isFit($0) } < (nodes.count - 1) / 2 }

    /// Whether a node has joined and remembers what it promised.
    func isFit(_ node: SimulatedNode) -> Bool {
        node.log.isBegun && node.log.blank == nil && !history.isUnfit(node.number)
    }

    private mutating func loseEntries(_ node: SimulatedNode, atMost limit: Int) {
        let entries = node.log.durable.entries.count
        guard entries > 0, limit > 0 else { return }
        let lost = min(entries, 1 + random.below(limit))
        markDamaged(node, "loses \(lost) durable entries")
        node.log.durable.entries.removeLast(lost)
        if random.chance(3000) { spendVote(node) }
    }

    /// A state that cannot be read is built anew from the log, if that is whole; else the log goes, too.
    private mutating func loseState(_ node: SimulatedNode) {
        counters[.stateLost] += 1
        node.state.durable = StateTable()
        guard node.log.durable.base != nil else { return }
        markDamaged(node, "loses its state and discards its log")
        node.log.durable = DurableLog(hardState: node.log.durable.hardState)
    }

    private mutating func loseDisk(_ node: SimulatedNode) {
        counters[.diskLost] += 1
        markDamaged(node, "loses its disk")
        node.log.durable = DurableLog(hardState: node.log.durable.hardState)
        node.state.durable = StateTable()
        spendVote(node)
    }

    /// Not even the mark is left: the node starts as it did the first time.
    mutating func loseDirectory(_ node: SimulatedNode) {
        counters[.directoryLost] += 1
        markDamaged(node, "loses its data directory")
        history.loseDirectory(of: node.number)
        // Not even that something is missing is known then.
        node.log.lose()
        node.state.durable = StateTable()
        node.state.written = []
        node.state.wasMadeDiffer = false
    }

    private mutating func markDamaged(_ node: SimulatedNode, _ what: String) {
        history.isDamaged[node.number] = true
        node.log.isDamaged = true
        trace.note(.node(node.number, what), at: now)
    }

    /// The mark knows the term, and a vote that may be forgotten counts as given, as the log's opening does it.
    private func spendVote(_ node: SimulatedNode) {
        node.log.durable.hardState = HardState(term: node.log.durable.hardState.term, votedFor: node.id)
    }

    /// A follower's state is no longer the cluster's, and it does not know.
    mutating func diverge(_ node: SimulatedNode) {
        guard node.isUp, !node.isLeader, isFit(node), hasSpareNode,
            node.state.durable.header != nil
        else { return }
        crash(node)
        if let stores = node.stores {
            divergeStores(node, stores)
        } else {
            node.state.durable.header?.digest ^= SimulationOptions.divergence
        }
        history.isDiverged[node.number] = true
        node.state.wasMadeDiffer = true
        counters[.stateDiverged] += 1
        trace.note(.node(node.number, "has a state that differs"), at: now)
        start(node, after: random.around(200_000_000))
    }
}
