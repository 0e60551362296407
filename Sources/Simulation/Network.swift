internal import Consensus
internal import Primitives
internal import ReplicaCore

/// Who reaches whom. Frames go between two lives: what was meant for an earlier one, or comes from one that is known to be
/// over, is dropped, as the transport does.
struct Network {
    /// By sender, then receiver.
    var isBlocked: [[Bool]]
    /// By sender, then receiver: what a clogged link holds back; `nil` while it does not.
    var held: [[[Packet]?]]
    /// Consensus frames of long ago and not so long ago.
    private(set) var recorded: [Packet] = []
    /// The receiver's life that the sender is connected to; `nil` without a connection.
    var links: [[Int?]]

    init(nodes: Int) {
        isBlocked = Array(repeating: Array(repeating: false, count: nodes), count: nodes)
        held = Array(repeating: Array(repeating: nil, count: nodes), count: nodes)
        links = Array(repeating: Array(repeating: nil, count: nodes), count: nodes)
    }

    /// Keeps a frame for later, in place of another.
    mutating func record(_ packet: Packet, _ random: inout SeededGenerator) {
        if recorded.count < 32 { recorded.append(packet) } else { recorded[random.below(32)] = packet }
    }
}

extension World {
    mutating func send(_ message: PeerMessage, from node: SimulatedNode, to id: NodeID) throws(Violation) {
        guard let to = number(of: id) else { throw Violation("network", "a message to nobody") }
        try history.checkSend(message, from: node, to: nodes[to])
        let bytes = message.encoded()
        var hash = Digest()
        hash.combine(bytes)
        trace.combine(4, node.number * 8 + to, hash.value, at: now)
        count(message)
        guard let life = network.links[node.number][to], !network.isBlocked[node.number][to] else { return }
        var packet = Packet(from: node.number, to: to, fromLife: node.life, toLife: life, bytes: bytes)
        if !isCalm, random.chance(swarm.loss) {
            counters[.messageLost] += 1
            return trace.note(.message("lost", from: node.number, to: to, bytes), at: now)
        }
        trace.note(.message("send", from: node.number, to: to, bytes), at: now)
        repeatMaybe(packet, message)
        corruptMaybe(&packet)
        guard network.held[node.number][to] == nil else {
            network.held[node.number][to]?.append(packet)
            return
        }
        schedule.add(.arrival(packet), at: now + messageDelay())
    }

    private mutating func corruptMaybe(_ packet: inout Packet) {
        guard swarm.corruption > 0, !isCalm, random.chance(swarm.corruption) else { return }
        packet.checksum = crc32c(packet.bytes)
        for _ in 0...random.below(3) {
            packet.bytes[random.below(packet.bytes.count)] ^= 1 << UInt8(random.below(8))
        }
    }

    private mutating func count(_ message: PeerMessage) {
        switch message {
        case .forward: counters[.writeForwarded] += 1
        case .consensus(.preVoteReply(let reply)) where !reply.granted: counters[.preVoteRefused] += 1
        case .consensus(.voteReply(let reply)) where !reply.granted: counters[.voteRefused] += 1
        case .consensus(.readRequest): counters[.readIndexAsked] += 1
        default: break
        }
    }

    private mutating func messageDelay() -> Int64 {
        let slow = !isCalm && random.chance(swarm.slowMessages)
        return 10_000 + random.around(slow ? swarm.slowLatency : swarm.latency)
    }

    private mutating func repeatMaybe(_ packet: Packet, _ message: PeerMessage) {
        if case .consensus = message {
            if swarm.replays, random.chance(100) { network.record(packet, &random) }
            guard !isCalm, random.chance(swarm.duplication) else { return }
            counters[.messageRepeated] += 1
            let delay = random.chance(1000) ? random.around(3_000_000_000) : messageDelay() * 2
            schedule.add(.arrival(packet), at: now + delay)
        } else if options.planted == .repeatsForwards, random.chance(2000) {
            schedule.add(.arrival(packet), at: now + messageDelay())
        }
    }

    mutating func arrive(_ packet: Packet) throws(Violation) {
        let node = nodes[packet.to]
        guard !network.isBlocked[packet.from][packet.to], node.isUp else { return }
        guard packet.toLife == node.life || options.planted == .deliversOldFrames else {
            // The receiver's system answers with a reset.
            counters[.staleFrameDropped] += 1
            return schedule.add(
                .linkDown(from: packet.from, to: packet.to, life: packet.toLife, isGone: false),
                at: now + random.around(swarm.latency))
        }
        let newest = node.process?.newestLives[packet.from] ?? 0
        guard packet.fromLife >= newest || options.planted == .deliversOldFrames else {
            counters[.staleFrameDropped] += 1
            return
        }
        node.process?.newestLives[packet.from] = packet.fromLife
        if let checksum = packet.checksum, crc32c(packet.bytes) != checksum { return refuse(packet) }
        guard let message = try? PeerMessage(decoding: packet.bytes) else {
            preconditionFailure("a message survives its codec")
        }
        try checkLives(packet, node, message)
        input(.received(message, from: nodes[packet.from].id), to: node)
    }

    /// A frame that differs from its checksum ends its connection.
    private mutating func refuse(_ packet: Packet) {
        counters[.corruptFrameDropped] += 1
        schedule.add(
            .linkDown(from: packet.from, to: packet.to, life: packet.toLife, isGone: false),
            at: now + random.around(swarm.latency))
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
