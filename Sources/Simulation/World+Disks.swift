internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

// The shell's dealings with its two disks.

extension World {
    /// Begins a sync of what is queued, if none is under way.
    mutating func syncLog(_ node: SimulatedNode) {
        guard node.log.syncing.isEmpty, !node.log.queued.isEmpty else { return }
        let count = random.chance(8000) ? node.log.queued.count : 1 + random.below(node.log.queued.count)
        node.log.syncing = Array(node.log.queued.prefix(count))
        node.log.queued.removeFirst(count)
        let end = max(now, node.log.hangsUntil) + random.around(swarm.diskLatency)
        schedule.add(.logSynced(node: node.number, life: node.life), at: end)
    }

    mutating func logSynced(_ node: SimulatedNode) throws(Violation) {
        guard now >= node.log.hangsUntil, !node.log.syncing.isEmpty else { return }
        if let stores = node.stores {
            guard carriesOut(node, stores) else { return }
        } else if node.log.failsNext {
            if options.planted != .retriesFailedSync { return exitAfterFailedSync(node) }
            try believeFailedSync(node)
        }
        let jobs = node.log.syncing
        node.log.syncing = []
        var last: WriteID?
        var released: [(to: NodeID, message: PeerMessage)] = []
        for job in jobs {
            try checkKeepsCommitted(job, node)
            try checkLeavesNoGap(job, node)
            node.log.carryOut(job)
            if case .write(let write, let thenSend, _) = job {
                last = write.id
                released += thenSend
            }
        }
        try checkGeometry(node)
        try noteRemembers(node)
        trace.combine(3, node.number, last?.rawValue ?? 0, at: now)
        if let last, options.planted != .lyingDisk {
            input(.persisted(last), to: node)
            for (to, message) in released { try send(message, from: node, to: to) }
        }
        syncLog(node)
    }

    /// What is committed is never replaced in a log that holds it (`invariants.md` 11).
    private func checkKeepsCommitted(_ job: LogJob, _ node: SimulatedNode) throws(Violation) {
        guard case .write(let write, _, _) = job, case .replaceSuffix(let entries) = write.change else { return }
        let (index, term) = (entries[0].index, entries[0].term)
        guard index <= history.model.lastIndex, node.log.durable.term(at: index) == history.model.term(at: index),
            term != history.model.term(at: index)
        else { return }
        throw Violation("11", "n\(node.number + 1) drops committed entry \(index.rawValue) from its disk")
    }

    /// What follows a write that the disk did not take is not written as if it had (`invariants.md` 16).
    private func checkLeavesNoGap(_ job: LogJob, _ node: SimulatedNode) throws(Violation) {
        guard case .write(let write, _, _) = job, case .replaceSuffix(let entries) = write.change,
            entries[0].index > node.log.durable.lastIndex.next
        else { return }
        throw Violation(
            "16",
            "n\(node.number + 1) writes entry \(entries[0].index.rawValue) behind "
                + "\(node.log.durable.lastIndex.rawValue), the last one that its disk has")
    }

    /// The log goes on at the latest where the state ends: nothing is missing between the two (`invariants.md` 11).
    private func checkGeometry(_ node: SimulatedNode) throws(Violation) {
        let state = node.state.durable.position?.index ?? .zero
        guard node.log.durable.baseIndex > state else { return }
        throw Violation(
            "11",
            "the log of n\(node.number + 1) begins after \(node.log.durable.baseIndex.rawValue), "
                + "its state ends at \(state.rawValue)")
    }

    /// Takes what changed now and then, and moves on what the log is durable for.
    mutating func saveState(_ node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica) {
        if now >= process.nextSave, node.state.replacing == nil {
            process.nextSave = now + random.around(swarm.saveInterval)
            if let (delta, position) = PlantedBug.plant(options.planted, { replica.takeStateDelta() }) {
                node.state.held.append((planted(in: delta), position))
                if random.chance(100) { checkCodec(delta) }
            }
            schedule.add(
                .stateStep(node: node.number, life: node.life), at: now + 1 + random.around(swarm.saveInterval / 2))
        }
        release(node, through: replica.raft.stableIndex)
    }

    private mutating func checkCodec(_ delta: StateDelta) {
        for record in delta.upserts {
            var writer = ByteWriter()
            record.encode(into: &writer)
            var reader = ByteReader(writer.bytes)
            precondition((try? StateRecord(from: &reader)) == record, "a state record survives its codec")
        }
    }

    /// `state.db` is synced.
    mutating func stepState(_ node: SimulatedNode, _ process: SimulatedNode.Process) {
        guard node.state.replacing == nil else { return }
        saveState(node, process, &process.replica)
        if syncsState(node), let index = node.state.sync() { input(.stateSaved(through: index), to: node) }
        if process.nextSave <= now { saveState(node, process, &process.replica) }
        if node.storesFailed { exitAfterFailedSync(node) }
    }

    mutating func stateReplaced(_ node: SimulatedNode) {
        guard installs(node) else {
            if node.storesFailed { exitAfterFailedSync(node) }
            return
        }
        _ = node.state.sync()
        if let position = node.state.replace() { input(.snapshotSaved(position), to: node) }
    }
}
