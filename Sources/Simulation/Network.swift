internal import Consensus
internal import Primitives
internal import ReplicaCore

/// Who reaches whom. Frames go between two lives: what was meant for an earlier one, or comes from one that is known to be
/// over, is dropped, as the transport does.
struct Network {
    /// By sender, then receiver.
    var isBlocked: [[Bool]]
    /// The receiver's life that the sender is connected to; `nil` without a connection.
    var links: [[Int?]]

    init(nodes: Int) {
        isBlocked = Array(repeating: Array(repeating: false, count: nodes), count: nodes)
        links = Array(repeating: Array(repeating: nil, count: nodes), count: nodes)
    }
}

extension World {
    mutating func send(_ message: PeerMessage, from node: SimulatedNode, to id: NodeID) throws(Violation) {
        guard let to = numberOf[id] else { throw Violation("network", "a message to nobody") }
        try history.checkSend(message, from: node, to: nodes[to])
        let bytes = message.encoded()
        var hash = Digest()
        hash.combine(bytes)
        trace.combine(4, node.number * 8 + to, hash.value, at: now)
        if options.sabotage == .forgetsVote, case .consensus(.voteReply(let vote)) = message, vote.granted {
            schedule.add(.crash(node: node.number, life: node.life), at: now + 1_000)
        }
        if case .forward = message { counters[.writeForwarded] += 1 }
        guard let life = network.links[node.number][to], !network.isBlocked[node.number][to] else { return }
        let packet = Packet(from: node.number, to: to, fromLife: node.life, toLife: life, bytes: bytes)
        if !isCalm, random.chance(swarm.loss) {
            counters[.messageLost] += 1
            return trace.note(.message("lost", from: node.number, to: to, bytes), at: now)
        }
        trace.note(.message("send", from: node.number, to: to, bytes), at: now)
        schedule.add(.arrival(packet), at: now + messageDelay())
        repeatMaybe(packet, message)
    }

    private mutating func messageDelay() -> Int64 {
        let slow = !isCalm && random.chance(swarm.slowMessages)
        return 10_000 + random.around(slow ? swarm.slowLatency : swarm.latency)
    }

    private mutating func repeatMaybe(_ packet: Packet, _ message: PeerMessage) {
        if case .consensus = message {
            guard !isCalm, random.chance(swarm.duplication) else { return }
            counters[.messageRepeated] += 1
            let delay = random.chance(1000) ? random.around(3_000_000_000) : messageDelay() * 2
            schedule.add(.arrival(packet), at: now + delay)
        } else if options.sabotage == .repeatsForwards, random.chance(2000) {
            schedule.add(.arrival(packet), at: now + messageDelay())
        }
    }

    mutating func arrive(_ packet: Packet) {
        let node = nodes[packet.to]
        guard !network.isBlocked[packet.from][packet.to], node.isUp else { return }
        guard packet.toLife == node.life else {
            // The receiver's system answers with a reset.
            counters[.staleFrameDropped] += 1
            return schedule.add(
                .linkDown(from: packet.from, to: packet.to, life: packet.toLife, isGone: false),
                at: now + random.around(swarm.latency))
        }
        guard packet.fromLife >= node.process?.newestLives[packet.from] ?? 0 else {
            counters[.staleFrameDropped] += 1
            return
        }
        node.process?.newestLives[packet.from] = packet.fromLife
        guard let message = try? PeerMessage(decoding: packet.bytes) else {
            preconditionFailure("a message survives its codec")
        }
        input(.received(message, from: nodes[packet.from].id), to: node)
    }

    // MARK: Connections

    mutating func linkUp(_ from: Int, _ to: Int) {
        let (sender, receiver) = (nodes[from], nodes[to])
        guard sender.isUp, network.links[from][to] == nil else { return }
        // Both directions carry the introduction.
        guard receiver.isUp, !network.isBlocked[from][to], !network.isBlocked[to][from] else {
            return schedule.add(.linkUp(from: from, to: to), at: now + 5_000_000 + random.around(20_000_000))
        }
        network.links[from][to] = receiver.life
        let newest = sender.process?.newestLives[to] ?? 0
        sender.process?.newestLives[to] = max(newest, receiver.life)
        input(.connected(receiver.id), to: sender)
    }

    mutating func linkDown(_ from: Int, _ to: Int, life: Int, isGone: Bool) {
        guard nodes[from].isUp, network.links[from][to] == life else { return }
        network.links[from][to] = nil
        if isGone { counters[.leaderGoneNoticed] += 1 }
        input(.disconnected(nodes[to].id, processIsGone: isGone), to: nodes[from])
        schedule.add(.linkUp(from: from, to: to), at: now + random.around(5_000_000))
    }
}
