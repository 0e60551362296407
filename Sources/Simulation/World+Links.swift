internal import Consensus
internal import Primitives
internal import ReplicaCore

// Who hears whom, and what must follow from it.

extension World {
    /// Frames of and for earlier lives are dropped (`invariants.md` 10). Takes note of who answers a leader.
    func checkLives(_ packet: Packet, _ node: SimulatedNode, _ message: PeerMessage) throws(Violation) {
        guard let process = node.process else { return }
        guard packet.toLife == node.life, packet.fromLife >= process.checks.lives[packet.from] else {
            throw Violation(
                "10", "n\(node.number + 1) gets what n\(packet.from + 1) sent between earlier lives of the two")
        }
        process.checks.lives[packet.from] = packet.fromLife
        switch message {
        case .consensus(.appendReply), .consensus(.snapshotReply):
            process.checks.answered[packet.from] = now
            process.checks.hasNewAnswer = true
        default: break
        }
    }

    /// A leader that no majority answers gives up its office, so that it does not keep others waiting
    /// (`invariants.md` 7). What its process missed itself, and the moments it is forgiven for that, come on top.
    func checkIsAnswered(_ node: SimulatedNode, _ process: SimulatedNode.Process) throws(Violation) {
        guard process.checks.led != nil else { return }
        let excused = max(process.checks.ledSince, process.resumedAt, node.slowUntil)
        let patience = history.longest(swarm.settings.electionTimeout * 3)
        let answers = process.checks.answered.count { now - max($0, excused) <= patience }
        guard answers + 1 < history.quorum, now - excused > patience else { return }
        throw Violation(
            "7", "n\(node.number + 1) still leads, but no majority has answered it for \(patience / 1_000_000) ms")
    }

    /// A node that knows its state to differ answers no reads (`invariants.md` 18).
    func checkIsFenced(_ node: SimulatedNode) throws(Violation) {
        // Of the same batch are answers that were given before.
        guard history.isDiverged[node.number], let process = node.process, process.checks.foundDifference < now else {
            return
        }
        throw Violation("18", "n\(node.number + 1) answers a read although it knows its state to differ")
    }

    /// While a member gets a snapshot, the entries after it stay (`invariants.md` 12).
    func checkNotNeeded(_ truncation: LogTruncation, by node: SimulatedNode) throws(Violation) {
        guard let process = node.process, node.isLeader else { return }
        for peer in nodes where peer !== node {
            guard let position = process.ask({ $0.raft.snapshotPosition(for: peer.id) }),
                truncation.base.index > position.index
            else { continue }
            throw Violation(
                "12",
                "n\(node.number + 1) cuts its log through \(truncation.base.index.rawValue), while n\(peer.number + 1) "
                    + "gets a snapshot of \(position.index.rawValue)")
        }
    }

    /// A member that fell behind the log catches up, however much is written meanwhile: one snapshot under way and one
    /// more is all it takes when nothing is wrong (`invariants.md` 12).
    func checkTransfers(_ notices: [ReplicaNotice], of node: SimulatedNode) throws(Violation) {
        guard case .steady = phase else { return }
        for case .consensus(.snapshotInstalled) in notices {
            node.process?.checks.calmSnapshots += 1
            guard node.process?.checks.calmSnapshots ?? 0 > 2 else { continue }
            throw Violation("12", "n\(node.number + 1) gets one snapshot after another, and never the entries after it")
        }
    }

    /// In some worlds that have recovered, a member that the others can do without hears nobody, or only not the leader,
    /// for longer than its patience, and comes back: that changes no leader (`invariants.md` 6).
    mutating func cutOffFollower() {
        let followers = liveNodes.filter { !$0.isLeader }
        guard random.chance(4000), liveNodes.count > history.quorum, !followers.isEmpty else { return }
        counters[.followerRejoined] += 1
        let node = followers[random.below(followers.count)]
        let duration = history.longest(swarm.settings.electionTimeout * 3)
        let isHeard = random.chance(5000)
        for other in nodes where other !== node && (!isHeard || other.isLeader) {
            block(other.number, node.number, for: duration)
            if !isHeard { block(node.number, other.number, for: duration) }
        }
        rejoinsAt = now + duration
    }
}
