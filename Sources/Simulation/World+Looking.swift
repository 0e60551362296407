internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

// What is checked of a node after each of its steps.

extension World {
    /// `replica` is the process's own, handed on in place because a copy would cost more than the checks.
    mutating func look(
        at node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica
    ) throws(Violation) {
        try lookAtLeader(node, process, &replica)
        try lookAtCommits(node, process, &replica)
        try lookAtState(node, process, &replica)
        process.checks.term = replica.raft.term
        if history.isDamaged[node.number], !replica.raft.isDamaged {
            throw Violation("15", "n\(node.number + 1) counts itself repaired before its disk says so")
        }
    }

    /// A node that lost its directory, or a part of its log, is one of the others again once that is durable.
    mutating func noteRemembers(_ node: SimulatedNode) throws(Violation) {
        guard history.isDamaged[node.number], node.log.blank == nil, !node.log.isDamaged else { return }
        if history.hasLostDirectory[node.number] {
            history.hasLostDirectory[node.number] = false
            history.hasReplacedDirectory[node.number] = true
        }
        history.isDamaged[node.number] = false
        try checkRepaired(node)
    }

    /// Who lost something is not new (`invariants.md` 15).
    mutating func checkJoins(_ notices: [ReplicaNotice], of node: SimulatedNode) throws(Violation) {
        for case .consensus(.joined(let isNew, _)) in notices {
            counters[isNew ? .joinedNew : .joinedLater] += 1
            guard isNew, history.hasReplacedDirectory[node.number] else { continue }
            throw Violation("15", "n\(node.number + 1) lost its data directory, and takes the next for its first one")
        }
    }

    private mutating func lookAtLeader(
        _ node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica
    ) throws(Violation) {
        guard replica.raft.isLeader else {
            process.checks.led = nil
            return
        }
        let term = replica.raft.term
        try checkDiskAnswers(node, process)
        try checkIsAnswered(node, process)
        try checkMatches(node, process, &replica)
        guard process.checks.led != term else { return }
        process.checks.led = term
        process.checks.ledSince = now
        counters[.leaderElected] += 1
        if let stalled = stalledTerm, term > stalled {
            counters[.stalledLeaderReplaced] += 1
            stalledTerm = nil
        }
        try history.checkLeader(node, term: term)
        try history.checkElected(node, term: term)
        try checkHolds(node, replica.raft, whatIs: "leads term \(term.rawValue)")
        try checkTakeOver(node, replica.raft.settings)
        try checkInheritedTime(node, replica.raft)
    }

    /// A leader whose disk does not answer gives up its office (`invariants.md` 8); only what the process itself missed, and
    /// the moment it is forgiven for that, comes on top.
    private func checkDiskAnswers(_ node: SimulatedNode, _ process: SimulatedNode.Process) throws(Violation) {
        guard !node.log.syncing.isEmpty, let issuedAt = node.log.oldestWrite else { return }
        let settings = swarm.settings
        let silence = now - max(issuedAt, process.resumedAt, node.slowUntil)
        guard silence > history.longest(settings.diskPatience + settings.electionTimeout) else { return }
        throw Violation(
            "8", "n\(node.number + 1) still leads, but its disk has not answered for \(silence / 1_000_000) ms")
    }

    /// Leader completeness (Raft §5.4): the last entry committed in an earlier term is in the log. One that only a later leader
    /// committed need not be, when a candidate counts its votes late.
    private mutating func checkHolds(_ node: SimulatedNode, _ raft: Raft, whatIs: String) throws(Violation) {
        var last = history.model.lastIndex
        while last > .zero, history.committedIn[Int(last.rawValue) - 1] >= raft.term { last = last.previous }
        guard last > raft.log.baseIndex else { return }
        guard raft.log.term(at: last) == history.model[last].term else {
            throw Violation(
                "leader completeness", "n\(node.number + 1) \(whatIs) without committed entry \(last.rawValue)")
        }
    }

    /// A repaired node votes again: it must hold everything that may depend on it.
    private mutating func checkRepaired(_ node: SimulatedNode) throws(Violation) {
        counters[.damageRepaired] += 1
        // Those that vote and lack what is committed must be no majority, unless this node is none of them.
        let others = nodes.count { other in
            other !== node && !holdsDurably(other, history.model.lastIndex) && !history.isDamaged[other.number]
        }
        if others + 1 < history.quorum || holdsDurably(node, history.model.lastIndex) { return }
        let durable = nodes.map {
            "\($0.log.durable.lastIndex.rawValue)/\($0.state.durable.position?.index.rawValue ?? 0)"
        }
        throw Violation(
            "15",
            "n\(node.number + 1) counts itself repaired without committed entry \(history.model.lastIndex.rawValue), "
                + "for which it is needed; logs and states reach to \(durable)")
    }

    private mutating func holdsDurably(_ node: SimulatedNode, _ index: LogIndex) -> Bool {
        guard index > .zero else { return true }
        if let state = node.state.durable.position, state.index >= index { return true }
        if index <= node.log.durable.baseIndex { return true }
        return node.log.durable.term(at: index) == history.model.term(at: index)
    }

    private mutating func lookAtCommits(
        _ node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica
    ) throws(Violation) {
        let checks = process.checks
        let commitIndex = replica.raft.commitIndex
        guard commitIndex >= checks.commit else {
            throw Violation("11", "the commit index of n\(node.number + 1) goes back")
        }
        guard commitIndex > checks.commit else { return }
        let known = history.model.lastIndex
        var index = checks.commit.next
        while index <= commitIndex {
            if index > replica.raft.log.baseIndex {
                try commit(replica.raft.log[index], at: node, in: replica.raft.term)
            }
            index = index.next
        }
        guard commitIndex <= history.model.lastIndex else {
            throw Violation("11", "n\(node.number + 1) has a snapshot of what was never committed")
        }
        if checks.led == replica.raft.term || commitIndex > known { try checkCounted(node, process, &replica) }
        process.checks.commit = commitIndex
    }

    /// A leader that commits, and whoever knows of an entry before any other that it is committed, found out by counting. An
    /// older term's entry is not committed by that (`invariants.md` 3), and one in doubt must not be among those counted (15).
    private func checkCounted(
        _ node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica
    ) throws(Violation) {
        // Of what it knew before its term changed the term of now says nothing.
        guard process.checks.led == replica.raft.term || process.checks.term == replica.raft.term else { return }
        if replica.raft.log.term(at: replica.raft.commitIndex) != replica.raft.term {
            throw Violation("3", "n\(node.number + 1) commits an entry of an older term by counting")
        }
        if replica.raft.isDamaged { throw Violation("15", "n\(node.number + 1) counts itself, but is in doubt") }
    }

    private mutating func commit(_ entry: Entry, at node: SimulatedNode, in term: Term) throws(Violation) {
        let last = history.model.lastIndex
        if entry.index <= last {
            guard history.model[entry.index] == entry else {
                throw Violation(
                    "state machine safety", "n\(node.number + 1) commits another entry \(entry.index.rawValue)")
            }
            return
        }
        guard entry.index == last.next else {
            throw Violation("11", "n\(node.number + 1) commits entry \(entry.index.rawValue) after \(last.rawValue)")
        }
        let effect = try history.commit(entry, in: term, at: now)
        trace.combine(5, node.number, history.model.digest(at: entry.index), at: now)
        try look(at: effect)
        try checkQuorum(entry.index)
    }

    /// A committed entry is durable on a majority (`invariants.md` 2).
    private mutating func checkQuorum(_ index: LogIndex) throws(Violation) {
        guard !history.isDamaged.contains(true) else { return }
        let holders = nodes.count { holdsDurably($0, index) }
        guard holders >= history.quorum else {
            throw Violation(
                "2", "entry \(index.rawValue) is committed, but durable on \(holders) of \(nodes.count) nodes")
        }
    }

    private mutating func look(at effect: ClusterModel.Effect) throws(Violation) {
        if effect.isRepetition { counters[.idempotentRepetition] += 1 }
        if effect.spared > 0 { counters[.expiryIgnored] += 1 }
        count(effect)
        switch effect.result {
        case .leasesExpired where !effect.expired.isEmpty:
            counters[.leaseExpired] += effect.expired.count
            try checkLateness(effect.expired)
        case .compacted: counters[.compaction] += 1
        case .put(let put) where put.created && put.record.key == Client.controllerKey:
            counters[.controllerChanged] += 1
        default: break
        }
    }

    /// While nothing is wrong, a lease ends soon after it must (`invariants.md` 26).
    private mutating func checkLateness(_ expired: [LeaseID]) throws(Violation) {
        let steadySince: Int64
        switch phase {
        case .steady(let since), .settling(let since): steadySince = since
        default: return
        }
        for id in expired {
            guard let facts = history.leases[id], facts.renewedAt > steadySince else { continue }
            let late = now - facts.renewedAt - history.longest(facts.ttl)
            guard late > 250_000_000 else { continue }
            throw Violation("26", "lease \(id.rawValue) expired \(late / 1_000_000) ms late without any outage")
        }
    }

    private mutating func lookAtState(
        _ node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica
    ) throws(Violation) {
        let applied = replica.store.appliedIndex
        let checks = process.checks
        if history.isDiverged[node.number] { return lookAtDiverged(node, process, &replica) }
        guard !replica.isFenced else {
            throw Violation("18", "n\(node.number + 1) found its state to differ at \(applied.rawValue), or lost it")
        }
        guard applied != checks.applied else { return }
        guard applied > checks.applied, applied <= replica.raft.commitIndex else {
            throw Violation("11", "n\(node.number + 1) applies \(applied.rawValue) after \(checks.applied.rawValue)")
        }
        guard replica.store.header.digest == history.model.digest(at: applied) else {
            throw Violation("18", "the state of n\(node.number + 1) differs after entry \(applied.rawValue)")
        }
        process.checks.applied = applied
    }

    /// A node whose state was made to differ: it must find out, and be given the leader's. If it leads first, nobody is
    /// left who knows better, and the world proves nothing any more.
    private mutating func lookAtDiverged(
        _ node: SimulatedNode, _ process: SimulatedNode.Process, _ replica: inout Replica
    ) {
        if replica.raft.isLeader {
            phase = .done
            isInconclusive = true
        }
        guard replica.store.header.digest == history.model.digest(at: replica.store.appliedIndex) else { return }
        counters[.divergenceRepaired] += 1
        history.isDiverged[node.number] = false
        process.checks.applied = replica.store.appliedIndex
    }

    // MARK: - Notices

    mutating func note(_ notices: [ReplicaNotice], of node: SimulatedNode) {
        for notice in notices {
            switch notice {
            case .consensus(let notice): note(notice)
            case .retriedAfterElection(let count): counters[.retriedAfterElection] += count
            case .diverged:
                counters[.divergenceNoticed] += 1
                node.process?.checks.foundDifference = now
            default: break
            }
        }
        trace.note(.notices(node.number, notices), at: now)
    }

    private mutating func note(_ notice: Notice) {
        switch notice {
        case .electionLost: counters[.splitVote] += 1
        case .lookingForLeader(_, .handedOver): counters[.handOverDone] += 1
        case .handOverAbandoned: counters[.handOverAbandoned] += 1
        case .handOverStarted: counters[.handOver] += 1
        case .priorityHonoured: counters[.priorityHonoured] += 1
        case .lookingForLeader(_, .quorumLost): counters[.quorumLost] += 1
        case .lookingForLeader(let term, .diskStalled):
            counters[.diskStalled] += 1
            stalledTerm = term
        case .truncated: counters[.entriesTruncated] += 1
        case .snapshotTransferStarted: counters[.snapshotSent] += 1
        case .snapshotInstalled: counters[.snapshotInstalled] += 1
        default: break
        }
    }
}
