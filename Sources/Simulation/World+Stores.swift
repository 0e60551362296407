internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

// Nodes whose log and state are kept by the stores that ship. The record of what is durable that every node has is then what
// these are held against: they must find exactly that, or that with all of a transaction that was under way.

extension World {
    // MARK: - A life

    /// Opens the stores of a node that starts; false when there is no space for that.
    mutating func openStores(_ node: SimulatedNode) throws(Violation) -> Bool {
        guard let stores = node.stores else { return true }
        if node.isFull { stores.leaveSpace(random.below(20_000)) }
        let found: FoundOnDisk
        do throws(StoreTrouble) {
            found = try stores.open()
        } catch .full {
            return false
        } catch {
            throw Violation("13", "n\(node.number + 1) cannot open what it could read a moment ago: \(error)")
        }
        try expect(found, on: node)
        return true
    }

    /// What is found is what a look at the disk after the crash found.
    private mutating func expect(_ found: FoundOnDisk, on node: SimulatedNode) throws(Violation) {
        guard DurableLog(found.log) == node.log.durable, StateTable(found) == node.state.visible else {
            throw Violation(
                "13",
                "n\(node.number + 1) finds \(DurableLog(found.log).summary) and a state of "
                    + "\(found.state?.position.index.rawValue ?? 0), but \(node.log.durable.summary) and one of "
                    + "\(node.state.visible.position?.index.rawValue ?? 0) right after it had crashed")
        }
        if node.log.isBegun, found.log.blank != node.log.blank {
            throw Violation("15", "n\(node.number + 1) forgets whether its data directory has joined")
        }
        if !node.log.isBegun {
            guard let blank = found.log.blank else {
                throw Violation("15", "n\(node.number + 1) takes a data directory for one that joined when it is new")
            }
            (node.log.isBegun, node.log.blank) = (true, blank)
        }
        if found.log.isDamaged != node.log.isDamaged {
            throw Violation("15", "n\(node.number + 1) forgets whether its log is damaged")
        }
    }

    /// Keeps the first rule that a disk broke until the step is over.
    mutating func blame(_ node: SimulatedNode, _ rule: String, _ what: String) {
        if brokenByDisk == nil { brokenByDisk = Violation(rule, "n\(node.number + 1) \(what)") }
    }

    /// Has the stores do what the sync under way is for; false while that is not done, because of a full disk or because
    /// the process had to end.
    mutating func carriesOut(_ node: SimulatedNode, _ stores: any NodeStores) -> Bool {
        if node.log.failsNext {
            node.log.failsNext = false
            stores.failNextSync(seed: random.next())
        }
        let batch = StoreBatch(node.log.syncing)
        for write in batch.writes { node.log.keepEarlier(before: write) }
        do throws(StoreTrouble) {
            try stores.write(batch.writes)
        } catch .full {
            return false
        } catch {
            exitAfterFailedSync(node)
            return false
        }
        return truncates(node, stores, batch)
    }

    /// The writes of the batch are done; a truncation without space waits, and what comes after it.
    private mutating func truncates(_ node: SimulatedNode, _ stores: any NodeStores, _ batch: StoreBatch) -> Bool {
        for (number, truncation) in batch.truncations.enumerated() {
            do throws(StoreTrouble) {
                try stores.truncate(truncation)
            } catch .full {
                node.log.postpone(Array(batch.truncations[number...]))
                return !batch.writes.isEmpty
            } catch {
                exitAfterFailedSync(node)
                return false
            }
        }
        return true
    }

    // MARK: - The state

    /// Writes the deltas whose log entries are durable; they wait while there is no space.
    func release(_ node: SimulatedNode, through stable: LogIndex) {
        guard let stores = node.stores else { return node.state.release(through: stable) }
        while let (delta, position) = node.state.held.first, position.index <= stable, !node.storesFailed {
            do throws(StoreTrouble) {
                try stores.save(delta, at: position)
                node.state.written.append(node.state.held.removeFirst())
            } catch .full {
                return
            } catch {
                node.storesFailed = true
            }
        }
    }

    /// Makes the state durable; false when that has to wait, or the process has to end.
    func syncsState(_ node: SimulatedNode) -> Bool {
        guard let stores = node.stores, !node.state.written.isEmpty else { return true }
        do throws(StoreTrouble) {
            try stores.syncState()
            return true
        } catch .full {
            return false
        } catch {
            node.storesFailed = true
            return false
        }
    }

    /// Puts a received state in the place of the own one; false when that has to wait, or the process has to end.
    mutating func installs(_ node: SimulatedNode) -> Bool {
        guard let stores = node.stores, let snapshot = node.state.replacing else { return true }
        do throws(StoreTrouble) {
            try stores.install(snapshot)
            return true
        } catch .full {
            schedule.add(.stateReplaced(node: node.number, life: node.life), at: now + 500_000_000)
        } catch {
            node.storesFailed = true
        }
        return false
    }
}
