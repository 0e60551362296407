internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

// What a crash, or worse, leaves of real stores, and whether they may leave that.

extension World {
    /// The process dies, maybe in the middle of a transaction, with the power or alone.
    mutating func crashStores(_ node: SimulatedNode, _ stores: any NodeStores) {
        let batch = StoreBatch(node.log.syncing)
        let isHit = !node.log.syncing.isEmpty && !node.storesFailed && random.chance(6000)
        // What an installation that was not synced leaves would have to be told from what it replaced.
        let losesPower = random.chance(7000) || node.state.replacing != nil
        stores.crash(during: isHit ? batch : nil, losesPower: losesPower, seed: random.next())
        let attempted = node.storesFailed ? node.state.held.first : nil
        node.storesFailed = false
        guard let found = peek(node, stores) else { return }
        let log = DurableLog(found.log)
        for write in batch.writes { node.log.keepEarlier(before: write) }
        if !node.log.durable.stages(of: batch).contains(where: { $0.mayBecome(found, of: node.id) }) {
            blame(node, "2", "has \(log.summary) after a crash; durable was \(node.log.durable.summary)")
        }
        if found.log.blank != node.log.blank, found.log.blank != nil || batch.settlements.isEmpty {
            blame(node, "15", "forgets in a crash whether its data directory has joined")
        }
        if found.log.isDamaged != node.log.isDamaged, found.log.isDamaged || !batch.settlements.contains(.isRepaired) {
            blame(node, "15", "forgets in a crash whether its log is damaged")
        }
        node.log.blank = found.log.blank
        node.log.isDamaged = found.log.isDamaged
        node.log.durable = log
        node.log.forget()
        if !node.state.survive(StateTable(found), losesPower: losesPower, attempted: attempted) {
            blame(node, "13", "has a state after a crash that was not, or is no longer")
        }
    }

    private mutating func peek(_ node: SimulatedNode, _ stores: any NodeStores) -> FoundOnDisk? {
        do throws(StoreTrouble) {
            return try stores.peek()
        } catch {
            blame(node, "13", "cannot open its disk after a crash: \(error)")
            return nil
        }
    }

    // MARK: - Losses

    /// Spoils the disk of a node that crashed. What is lost must be noticed, and nothing be there that was not.
    mutating func harmStores(_ node: SimulatedNode, _ stores: any NodeStores, _ kind: Fault) {
        do throws(StoreTrouble) {
            // What was written since the mark was last moved on may be lost without a trace.
            try stores.settle()
        } catch {
            return
        }
        node.log.forget()
        crash(node)
        let harm: StoreHarm =
            switch kind {
            case .lostDisk: random.chance(5000) ? .everything : .allButMark
            case .bitFlip:
                ([.logBits, .logBits, .stateHeader, .stateBits, .stateOldPages] as [StoreHarm])[random.below(5)]
            default: .logEnd
            }
        trace.note(.node(node.number, "has its disk spoiled: \(harm)"), at: now)
        stores.harm(harm, seed: random.next())
        if case .everything = harm {
            loseDirectory(node)
            return start(node, after: random.around(500_000_000))
        }
        guard let found = peekAfterHarm(node, stores) else { return }
        judge(found, of: node)
        start(node, after: random.around(500_000_000))
    }

    /// A log that seems to be a later release's is moved away by whoever operates the node.
    private mutating func peekAfterHarm(_ node: SimulatedNode, _ stores: any NodeStores) -> FoundOnDisk? {
        do throws(StoreTrouble) {
            return try stores.peek()
        } catch .logUnreadable {
            stores.harm(.logMovedAway, seed: 0)
            return peek(node, stores)
        } catch {
            blame(node, "15", "cannot open a spoiled disk: \(error)")
            return nil
        }
    }

    private mutating func judge(_ found: FoundOnDisk, of node: SimulatedNode) {
        let (before, log) = (node.log.durable, DurableLog(found.log))
        judge(StateTable(found), of: node)
        // Without damage nothing may be missing, so that only what stood there last will do.
        let known = found.log.isDamaged ? [before] + node.log.earlier : [before]
        if !known.contains(where: { follows(log, $0) }) {
            blame(node, "15", "reads a spoiled log as another one: \(log.summary), not \(before.summary)")
        }
        if found.log.isDamaged {
            if log.entries.isEmpty, log.base == nil { counters[.diskLost] += 1 }
        } else if log.lastIndex != before.lastIndex {
            blame(node, "15", "does not notice that it has \(log.summary), and had \(before.summary)")
        }
        let (vote, lost) = (log.hardState, before.hardState)
        if vote != lost, vote.votedFor != node.id || vote.term < lost.term || !found.log.isDamaged {
            blame(node, "1", "may vote again: it has \(log.summary), and had \(before.summary)")
        }
        node.log.isDamaged = found.log.isDamaged
        history.isDamaged[node.number] = found.log.isDamaged
        node.log.become(log)
        node.state.durable = StateTable(found)
        node.state.written = []
    }

    /// A log that lost its newest writes holds entries that it held `before`, and maybe some that had been cut off.
    private func follows(_ log: DurableLog, _ before: DurableLog) -> Bool {
        guard log.lastIndex <= before.lastIndex, log.baseIndex <= before.baseIndex else { return false }
        return log.entries.allSatisfy { entry in
            entry.index > before.baseIndex
                ? before.entries[Int(entry.index.rawValue - before.baseIndex.rawValue) - 1] == entry
                : history.model[entry.index] == entry
        }
    }

    /// A state that lost its newest writes is gone, or an older one that the log goes on from.
    private mutating func judge(_ state: StateTable, of node: SimulatedNode) {
        let visible = node.state.visible
        guard state != visible else { return }
        counters[.stateLost] += 1
        guard let position = state.position, let digest = state.header?.digest else { return }
        if node.state.wasMadeDiffer, digest != history.model.digest(at: position.index) {
            // The file may still hold it behind what has replaced it since.
            history.isDiverged[node.number] = true
            return
        }
        if position.index > visible.position?.index ?? .zero || digest != history.model.digest(at: position.index)
            || !hasRows(state, at: position.index)
        {
            blame(node, "13", "reads a spoiled state as one that never was")
        }
    }

    /// Whether the rows are those that the cluster's state had after an entry.
    private func hasRows(_ state: StateTable, at index: LogIndex) -> Bool {
        guard let header = state.header, let restored = try? Store(restoring: header, records: state.records) else {
            return false
        }
        return restored.records().elementsEqual(history.model.state(at: index).records())
    }

    /// A follower's state is no longer the cluster's, and it does not know.
    mutating func divergeStores(_ node: SimulatedNode, _ stores: any NodeStores) {
        guard node.state.durable.header != nil else { return }
        stores.harm(.stateDigest, seed: 0)
        guard let found = peek(node, stores) else { return }
        node.state.durable = StateTable(found)
        node.state.written = []
    }

    // MARK: - The end

    /// All processes end, and their disks are what they should be.
    mutating func checkStores() throws(Violation) {
        for node in nodes where node.isUp {
            guard let stores = node.stores else { continue }
            stores.crash(during: nil, losesPower: false, seed: 0)
            guard let found = peek(node, stores) else { break }
            guard node.log.durable.mayBecome(found, of: node.id), StateTable(found) == node.state.visible else {
                throw Violation(
                    "13",
                    "n\(node.number + 1) has \(DurableLog(found.log).summary) and a state of "
                        + "\(found.state?.position.index.rawValue ?? 0) in the end, but wrote "
                        + "\(node.log.durable.summary) and one of \(node.state.visible.position?.index.rawValue ?? 0)")
            }
        }
        if let brokenByDisk { throw brokenByDisk }
    }
}

extension DurableLog {
    init(_ recovered: RecoveredLog) {
        self.init(hardState: recovered.hardState, base: recovered.base, entries: recovered.entries)
    }

    /// Whether a start finds this as `found`. A damaged log that knows no vote in its last term counts it as given, to itself.
    func mayBecome(_ found: FoundOnDisk, of node: NodeID) -> Bool {
        var kept = self
        if found.log.isDamaged, hardState.votedFor == nil { kept.hardState.votedFor = node }
        return kept == DurableLog(found.log)
    }

    /// What the log may be when a crash meets `batch`: nothing of it done, its writes, and then each truncation.
    func stages(of batch: StoreBatch) -> [DurableLog] {
        var log = self
        var stages = [log]
        for write in batch.writes { log.carryOut(write) }
        stages.append(log)
        for truncation in batch.truncations {
            log.carryOut(truncation)
            stages.append(log)
        }
        return stages
    }

    var summary: String {
        "\(baseIndex.rawValue)…\(lastIndex.rawValue) in term \(hardState.term.rawValue), vote "
            + (hardState.votedFor.map { "\($0.rawValue)" } ?? "none")
    }
}

extension StoreBatch {
    /// The doubts that end with it.
    var settlements: [LogWrite.Settlement] { writes.compactMap(\.settles) }

    /// As a log writer does it: all writes at once, then the truncations.
    init(_ jobs: [LogJob]) {
        for job in jobs {
            switch job {
            case .write(let write, _, _): writes.append(write)
            case .truncate(let truncation): truncations.append(truncation)
            }
        }
    }
}

extension StateTable {
    init(_ found: FoundOnDisk) {
        self.init()
        guard let state = found.state else { return }
        self.init(SnapshotToInstall(position: state.position, header: state.header, records: state.records))
    }
}

extension StateDisk {
    /// What a process that starts now reads: also what a loss of power may still take.
    var visible: StateTable {
        var table = durable
        for (delta, position) in written { table.carryOut(delta, position) }
        return table
    }

    /// Takes over what a crash left. A loss of power may take any last part of what was not synced, and nothing else does.
    ///
    /// - Returns: whether it may have left that.
    mutating func survive(
        _ found: StateTable, losesPower: Bool, attempted: (delta: StateDelta, position: SnapshotPosition)?
    ) -> Bool {
        defer {
            held = []
            replacing = nil
        }
        if let replacing, found == StateTable(replacing) {
            (durable, written) = (found, [])
            return true
        }
        let steps = written + (attempted.map { [$0] } ?? [])
        var table = durable
        var kept = table == found && (losesPower || written.isEmpty) ? 0 : nil
        for (count, step) in steps.enumerated() where kept == nil {
            table.carryOut(step.delta, step.position)
            if table == found, losesPower || count + 1 >= written.count { kept = count + 1 }
        }
        if losesPower { (durable, written) = (found, []) } else { written = Array(steps.prefix(kept ?? 0)) }
        return kept != nil
    }
}
