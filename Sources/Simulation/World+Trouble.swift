internal import Consensus
internal import Primitives
internal import ReplicaCore

// Faults: what goes wrong, and for how long.

extension World {
    /// Makes the next sudden fault. Each draws from a generator of its own, so that a world from which some are left out
    /// has the others as they were.
    mutating func makeTrouble() {
        guard phase == .faults else { return }
        let number = faultCount
        faultCount += 1
        var own = SeededGenerator(seed: options.seed &* 0x9E37_79B9 &+ UInt64(number))
        schedule.add(.fault, at: now + own.around(swarm.faultInterval))
        guard options.onlyFaults?.contains(number) ?? true else { return }
        suddenFaults.append(number)
        swap(&random, &own)
        trouble()
        swap(&random, &own)
    }

    private mutating func trouble() {
        if random.chance(300) { handOver() }
        let kinds = swarm.suddenFaults
        guard !kinds.isEmpty else { return }
        let kind = kinds[random.below(kinds.count)]
        let node = random.chance(4000) ? (nodes.first { $0.isLeader } ?? anyNode()) : anyNode()
        switch kind {
        case .partition: partition()
        case .bridge: bridge()
        case .isolation: isolate(node)
        case .clog: clog()
        case .reset: resetConnection()
        case .replay: replay()
        case .crash: crashAndRestart(node)
        case .pause: pause(node)
        case .slow: slowDown(node)
        case .disk: hang(node)
        case .syncError: failSync(node)
        case .fullDisk: fill(node)
        case .damage, .bitFlip, .lostDisk: harm(node, kind)
        case .divergence: diverge(node)
        case .delay, .loss, .duplication, .corruption, .torn, .clock: break
        }
    }

    private mutating func anyNode() -> SimulatedNode { nodes[random.below(nodes.count)] }

    private mutating func handOver() {
        if let leader = nodes.first(where: { $0.isLeader }) { input(.handOver(to: nil), to: leader) }
    }

    // MARK: Processes

    private mutating func crashAndRestart(_ node: SimulatedNode) {
        let isPowerCut = random.chance(500)
        if isPowerCut { counters[.powerCut] += 1 }
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

    private mutating func slowDown(_ node: SimulatedNode) {
        counters[.slowNode] += 1
        trace.note(.node(node.number, "becomes slow"), at: now)
        node.slowUntil = now + random.around(2_000_000_000)
    }

    private mutating func resume(_ node: SimulatedNode) {
        guard let process = node.process, process.isPaused else { return }
        trace.note(.node(node.number, "goes on"), at: now)
        process.isPaused = false
        process.resumedAt = now
        let missed = process.missed
        process.missed = []
        for happening in missed { schedule.add(happening, at: now + random.within(0...50_000)) }
    }

    // MARK: Ends

    mutating func undo(_ remedy: Remedy) {
        switch remedy {
        case .heal(let from, let to): unblock(from, to)
        case .release(let from, let to): release(from, to)
        case .resume(let number): resume(nodes[number])
        case .space(let number): makeSpace(nodes[number])
        }
    }

    /// Ends all troubles, and chooses who takes part in the recovery: all, or a majority without the others.
    mutating func healEverything() {
        trace.note(.world("all troubles end"), at: now)
        for from in nodes.indices {
            for to in nodes.indices {
                network.isBlocked[from][to] = false
                release(from, to)
            }
        }
        for node in nodes {
            node.log.hangsUntil = 0
            node.log.failsNext = false
            node.stores?.endFailures()
            node.slowUntil = min(node.slowUntil, now)
            if node.isUp { schedule.add(.logSynced(node: node.number, life: node.life), at: now + swarm.diskLatency) }
            resume(node)
            makeSpace(node)
        }
        let isWhole = !options.faults.isEmpty && nodes.allSatisfy { isFit($0) }
        var spare = isWhole && random.chance(3000) ? (nodes.count - 1) / 2 : 0
        for node in nodesByRank {
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
