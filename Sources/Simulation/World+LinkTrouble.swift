internal import Primitives
internal import ReplicaCore

// What goes wrong between nodes.

extension World {
    mutating func partition() {
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

    /// Cuts between two nodes, which all others still hear.
    mutating func bridge() {
        guard let (one, other) = anyPair() else { return }
        counters[.bridge] += 1
        let duration = random.around(2_000_000_000)
        block(one, other, for: duration)
        if random.chance(7000) { block(other, one, for: duration) }
    }

    mutating func isolate(_ node: SimulatedNode) {
        counters[.partition] += 1
        let duration = random.around(2_000_000_000)
        let hearsStill = random.chance(2000)
        for other in nodes.indices where other != node.number {
            block(node.number, other, for: duration)
            if !hearsStill { block(other, node.number, for: duration) }
        }
    }

    private mutating func anyPair() -> (Int, Int)? {
        guard nodes.count > 1 else { return nil }
        let one = random.below(nodes.count)
        return (one, (one + 1 + random.below(nodes.count - 1)) % nodes.count)
    }

    mutating func block(_ from: Int, _ to: Int, for duration: Int64) {
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

    mutating func unblock(_ from: Int, _ to: Int) {
        guard network.isBlocked[from][to] else { return }
        trace.note(.world("n\(from + 1) reaches n\(to + 1) again"), at: now)
        network.isBlocked[from][to] = false
    }

    mutating func clog() {
        guard let (from, to) = anyPair(), network.held[from][to] == nil else { return }
        counters[.linkClogged] += 1
        trace.note(.world("the link from n\(from + 1) to n\(to + 1) is clogged"), at: now)
        network.held[from][to] = []
        let end = now + random.around(random.chance(5000) ? 200_000_000 : 2_000_000_000)
        schedule.add(.undo(.release(from: from, to: to)), at: end)
    }

    mutating func release(_ from: Int, _ to: Int) {
        guard let packets = network.held[from][to] else { return }
        trace.note(.world("the link from n\(from + 1) to n\(to + 1) flows again"), at: now)
        network.held[from][to] = nil
        for packet in packets { schedule.add(.arrival(packet), at: now + random.around(swarm.latency)) }
    }

    mutating func resetConnection() {
        guard let (from, to) = anyPair(), let life = network.links[from][to] else { return }
        // A fifth of the time with the wrong news that the process died.
        linkDown(from, to, life: life, isGone: random.chance(2000))
    }

    /// Sends some recorded frames again.
    mutating func replay() {
        for packet in network.recorded where random.chance(3000) {
            counters[.frameReplayed] += 1
            var packet = packet
            packet.isReplayed = true
            schedule.add(.arrival(packet), at: now + random.around(20_000_000))
        }
    }
}
