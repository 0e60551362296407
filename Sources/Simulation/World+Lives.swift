internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

// How processes begin and end, and what of their disks outlives them.

extension World {
    mutating func start(_ node: SimulatedNode, after delay: Int64) {
        schedule.add(.restart(node: node.number), at: now + delay)
    }

    mutating func restart(_ node: SimulatedNode) throws(Violation) {
        guard !node.isUp, !history.isRetired[node.number] else { return }
        guard try openStores(node) else { return start(node, after: 500_000_000) }
        node.life += 1
        if node.life > 1 { counters[.restart] += 1 }
        if !node.log.isBegun {
            node.log.isBegun = true
            node.log.blank = DirectoryID(random.next() | 1)
        }
        try noteRemembers(node)
        let state = try recoveredState(node)
        let reading = node.clock.reading(at: now)
        let recovered = RecoveredLog(
            hardState: node.log.durable.hardState, base: node.log.durable.base, entries: node.log.durable.entries,
            isDamaged: findsDamage(on: node), blank: node.log.blank)
        try history.checkBegins(node, with: recovered)
        let seed = random.next()
        let replica = PlantedBug.plant(options.planted) {
            Replica(
                id: node.id, settings: electorate.settings(swarm.settings, of: node.number, life: node.life),
                recovered: recovered, state: state, bootstrap: bootstrap,
                bounds: swarm.historyBounds, logBounds: swarm.logBounds, watchPage: swarm.watchPage, seed: seed,
                now: reading)
        }
        node.process = SimulatedNode.Process(
            replica, members: nodes.count, planted: options.planted, nextSave: now + random.around(swarm.saveInterval))
        trace.note(.node(node.number, "starts life \(node.life) at \(replica.raft.log.lastIndex.rawValue)"), at: now)
        trace.combine(1, node.number, UInt64(node.life), at: now)
        for other in nodes where other !== node {
            schedule.add(.linkUp(from: node.number, to: other.number), at: now + random.around(3_000_000))
            schedule.add(.linkUp(from: other.number, to: node.number), at: now + random.around(3_000_000))
        }
        input(.tick, to: node)
        if node.isShortOfSpace { input(.diskSpace(isLow: true), to: node) }
    }

    /// The state a node finds in its `state.db`; it must be one that the cluster was in (`invariants.md` 13).
    private mutating func recoveredState(_ node: SimulatedNode) throws(Violation) -> (SnapshotPosition, Store)? {
        let found = node.state.visible
        guard let header = found.header, let position = found.position else { return nil }
        let store: Store
        do {
            store = try PlantedBug.plant(options.planted) {
                try Store(restoring: header, records: found.records)
            }
        } catch {
            throw Violation("13", "n\(node.number + 1) cannot read its own state back: \(error)")
        }
        if !history.isDiverged[node.number] { try history.checkRestored(store, position: position, node: node) }
        return (position, store)
    }

    /// The process dies, with what it had not made durable.
    mutating func crash(_ node: SimulatedNode) {
        guard node.isUp else { return }
        node.process = nil
        counters[.crash] += 1
        trace.note(.node(node.number, "crashes"), at: now)
        if let stores = node.stores {
            crashStores(node, stores)
        } else {
            node.log.crash(tears: swarm.faults.contains(.torn), &random)
            node.state.crash(&random)
        }
        plantInCrash(of: node)
        for other in nodes where other !== node {
            network.links[node.number][other.number] = nil
            guard let life = network.links[other.number][node.number] else { continue }
            let delay = random.chance(8000) ? random.around(300_000) : random.around(300_000_000)
            schedule.add(
                .linkDown(from: other.number, to: node.number, life: life, isGone: true), at: now + delay)
        }
        for (id, call) in calls.sorted(by: { $0.key < $1.key }) where call.node == node.number && call.wasDelivered {
            schedule.add(.lost(id, wasTaken: true), at: now + random.around(1_000_000))
        }
        closeWatches(at: node)
    }
}
