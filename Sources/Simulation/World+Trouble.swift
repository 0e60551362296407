internal import Consensus
internal import Primitives
internal import ReplicaCore

// Faults: what goes wrong, and for how long.

extension World {
    mutating func makeTrouble() {
        guard phase == .faults else { return }
        schedule.add(.fault, at: now + random.around(swarm.faultInterval))
        if random.chance(300) { handOver() }
        let kinds = swarm.suddenFaults
        guard !kinds.isEmpty else { return }
        let kind = kinds[random.below(kinds.count)]
        let node = random.chance(4000) ? (nodes.first { $0.isLeader } ?? anyNode()) : anyNode()
        switch kind {
        case .partition: partition()
        case .isolation: isolate(node)
        case .reset: resetConnection()
        case .crash: crashAndRestart(node)
        case .pause: pause(node)
        case .disk: node.log.hangsUntil = now + random.around(random.chance(5000) ? 20_000_000 : 1_500_000_000)
        case .damage: damage(node)
        case .delay, .loss, .duplication, .clock: break
        }
    }

    private mutating func anyNode() -> SimulatedNode { nodes[random.below(nodes.count)] }

    private mutating func handOver() {
        if let leader = nodes.first(where: { $0.isLeader }) { input(.handOver, to: leader) }
    }

    // MARK: Connections

    private mutating func partition() {
        counters[.partition] += 1
        let isOneWay = random.chance(3000)
        let duration = random.around(random.chance(5000) ? 300_000_000 : 3_000_000_000)
        let sides = nodes.map { _ in random.chance(5000) }
        for from in nodes.indices {
            for to in nodes.indices where from != to && sides[from] != sides[to] {
                if !isOneWay || sides[from] { block(from, to, for: duration) }
            }
        }
    }

    private mutating func isolate(_ node: SimulatedNode) {
        counters[.partition] += 1
        let duration = random.around(2_000_000_000)
        let hearsStill = random.chance(2000)
        for other in nodes.indices where other != node.number {
            block(node.number, other, for: duration)
            if !hearsStill { block(other, node.number, for: duration) }
        }
    }

    private mutating func block(_ from: Int, _ to: Int, for duration: Int64) {
        guard !network.isBlocked[from][to] else { return }
        trace.note(.world("n\(from + 1) no longer reaches n\(to + 1)"), at: now)
        network.isBlocked[from][to] = true
        schedule.add(.undo(.heal(from: from, to: to)), at: now + duration)
        // Some connections notice, after a while.
        if random.chance(3000), let life = network.links[from][to] {
            schedule.add(
                .linkDown(from: from, to: to, life: life, isGone: false), at: now + random.around(500_000_000))
        }
    }

    private mutating func resetConnection() {
        guard nodes.count > 1 else { return }
        let from = random.below(nodes.count)
        let to = (from + 1 + random.below(nodes.count - 1)) % nodes.count
        guard let life = network.links[from][to] else { return }
        // A fifth of the time with the wrong news that the process died.
        linkDown(from, to, life: life, isGone: random.chance(2000))
    }

    // MARK: Processes

    private mutating func crashAndRestart(_ node: SimulatedNode) {
        let isPowerCut = random.chance(500)
        for victim in nodes where victim === node || isPowerCut {
            guard victim.isUp else { continue }
            crash(victim)
            if random.chance(2000) { victim.clock = newClock() }
            start(victim, after: 1_000_000 + random.around(random.chance(6000) ? 50_000_000 : 3_000_000_000))
        }
    }

    private mutating func pause(_ node: SimulatedNode) {
        guard node.isRunning else { return }
        counters[.pause] += 1
        trace.note(.node(node.number, "stands still"), at: now)
        node.process?.isPaused = true
        schedule.add(.undo(.resume(node: node.number)), at: now + random.around(1_500_000_000))
    }

    /// A crash that also takes entries which were durable; the mark tells. Only as many nodes at a time as the cluster can
    /// do without.
    private mutating func damage(_ node: SimulatedNode) {
        let damaged = nodes.indices.filter { history.damage[$0] != nil }
        guard node.isUp, history.damage[node.number] == nil, damaged.count < (nodes.count - 1) / 2 else { return }
        crash(node)
        let entries = node.log.durable.entries.count
        let lost = min(entries, 1 + random.below(30))
        if lost > 0 {
            history.damage[node.number] = node.log.durable.lastIndex
            node.log.durable.entries.removeLast(lost)
            trace.note(.node(node.number, "loses \(lost) durable entries"), at: now)
        }
        start(node, after: random.around(500_000_000))
    }

    // MARK: Ends

    mutating func undo(_ remedy: Remedy) {
        switch remedy {
        case .heal(let from, let to):
            guard network.isBlocked[from][to] else { return }
            trace.note(.world("n\(from + 1) reaches n\(to + 1) again"), at: now)
            network.isBlocked[from][to] = false
        case .resume(let number): resume(nodes[number])
        }
    }

    private mutating func resume(_ node: SimulatedNode) {
        guard let process = node.process, process.isPaused else { return }
        trace.note(.node(node.number, "goes on"), at: now)
        process.isPaused = false
        let missed = process.missed
        process.missed = []
        for happening in missed { schedule.add(happening, at: now + random.within(0...50_000)) }
    }

    /// Ends all troubles, and chooses who takes part in the recovery: all, or a majority without the others.
    mutating func healEverything() {
        trace.note(.world("all troubles end"), at: now)
        for from in nodes.indices {
            for to in nodes.indices { network.isBlocked[from][to] = false }
        }
        for node in nodes {
            node.log.hangsUntil = 0
            if node.isUp { schedule.add(.logSynced(node: node.number, life: node.life), at: now + swarm.diskLatency) }
            resume(node)
        }
        let isWhole = !options.faults.isEmpty && history.damage.allSatisfy { $0 == nil }
        var spare = isWhole && random.chance(3000) ? (nodes.count - 1) / 2 : 0
        for node in nodes {
            if spare > 0, random.chance(5000) {
                spare -= 1
                crash(node)
                history.isRetired[node.number] = true
            } else if !node.isUp {
                start(node, after: 1_000)
            }
        }
    }
}
