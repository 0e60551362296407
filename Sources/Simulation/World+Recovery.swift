internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

// After the faults: the cluster must recover, and in the end everything must agree.

extension World {
    /// 20 election timeouts (`invariants.md` 5), on the slowest clock.
    private var patience: Int64 { history.longest(swarm.settings.electionTimeout * 20) }

    var liveNodes: [SimulatedNode] { nodes.filter { !history.isRetired[$0.number] } }

    mutating func checkPhase() throws(Violation) {
        schedule.add(.check, at: now + 10_000_000)
        switch phase {
        case .faults where now >= options.duration.nanoseconds:
            phase = .healing(since: now)
            healEverything()
        case .healing(let since):
            try lookForLeader(since: since)
        case .steady(let since) where now >= max(since, rejoinsAt) + 1_000_000_000:
            phase = .settling(since: now)
            trace.note(.world("clients stop"), at: now)
            probe()
        case .settling(let since) where now >= since + 3_200_000_000:
            try checkSettled()
            phase = .done
        default: break
        }
    }

    /// The same leader for all, for four election timeouts in a row, is a stable one.
    private mutating func lookForLeader(since: Int64) throws(Violation) {
        guard let leader = commonLeader else {
            agreedSince = nil
            guard now >= since + patience else { return }
            if nobodyMayLead {
                guard isExplained || now >= since + patience + patience / 10 else { return }
                return try giveUp()
            }
            throw Violation("5", "20 election timeouts after all healed there is no leader for all: \(views)")
        }
        let agreed = agreedSince ?? now
        agreedSince = agreed
        guard now >= agreed + patience / 5 else { return }
        phase = .steady(since: now)
        trace.note(.node(leader, "leads for good"), at: now)
        cutOffFollower()
    }

    /// The number of the node that all follow in one term, once it has committed an entry of its own.
    private static func leadership(_ replica: inout Replica) -> (leader: NodeID, term: Term)? {
        replica.raft.leader.map { ($0, replica.raft.term) }
    }

    private var commonLeader: Int? {
        var common: (leader: NodeID, term: Term)?
        for node in nodes where !history.isRetired[node.number] {
            guard let process = node.process, let (leader, term) = process.ask(Self.leadership) else { return nil }
            guard leader == common?.leader ?? leader, term == common?.term ?? term else { return nil }
            common = (leader, term)
        }
        guard let common, let number = number(of: common.leader), !history.isRetired[number],
            let process = nodes[number].process, process.ask({ $0.raft.hasCommittedInTerm })
        else { return nil }
        return number
    }

    var views: [String] {
        liveNodes.map { node in
            node.process.map { $0.replica.raft.explanation(at: node.clock.reading(at: now)) { "\($0.rawValue)" } }
                ?? "down"
        }
    }

    /// A write and a read on every node.
    private mutating func probe() {
        for node in liveNodes {
            let key = Bytes("probe/\(node.number)".utf8)
            let put = Put(key: key, value: Bytes("probe \(node.number) at \(now)".utf8))
            write(Proposal(command: .put(put)), from: nil, at: node.number, timeout: .seconds(1))
            let query = Query.range(RangeQuery(selection: .key(key)))
            call(
                .read(query, .linearizable), for: .read(query, isStale: false), from: nil, at: node.number,
                timeout: .seconds(1))
        }
    }

    private mutating func checkSettled() throws(Violation) {
        if let (id, call) = calls.min(by: { $0.key < $1.key }) {
            throw Violation("reply", "request \(id.rawValue) of \(call.sentAt) at n\(call.node + 1) was never answered")
        }
        let last = history.model.lastIndex
        for node in liveNodes {
            guard let applied = node.process?.replica.store.appliedIndex, applied == last else {
                throw Violation(
                    "12",
                    "n\(node.number + 1) has not caught up to \(last.rawValue): "
                        + "\(node.process?.replica.store.appliedIndex.rawValue ?? 0)")
            }
        }
        guard history.model.store.leaseCount == 0 else {
            throw Violation("26", "\(history.model.store.leaseCount) leases that nobody renews are still there")
        }
        for (_, watch) in watches.sorted(by: { $0.key < $1.key }) {
            do throws(Violation) { try checkComplete(watch) } catch { try unlessLeftToHistory(error) }
        }
        try checkObservationsComplete()
        guard liveNodes.allSatisfy({ isFit($0) }) else {
            throw Violation("15", "a node that lost something, differs, or is new was not brought up to date")
        }
    }

    /// Every node's rows, in memory and on disk, are those of the model.
    mutating func checkWholeHistory() throws(Violation) {
        try checkStores()
        if isInconclusive { return }
        let expected = Array(history.model.store.records())
        for node in liveNodes {
            guard let store = node.process?.replica.store else { continue }
            guard store.records().elementsEqual(expected) else {
                throw Violation("18", "the rows of n\(node.number + 1) differ from the model's under an equal digest")
            }
            guard let header = node.state.durable.header else { continue }
            guard let restored = try? Store(restoring: header, records: node.state.durable.records) else {
                throw Violation("13", "n\(node.number + 1) could not read its state back")
            }
            guard header.appliedIndex < history.model.lastIndex || restored.records().elementsEqual(expected) else {
                throw Violation("13", "the rows in the state.db of n\(node.number + 1) differ from the model's")
            }
            guard restored.header.digest == history.model.digest(at: header.appliedIndex) else {
                throw Violation("13", "the state.db of n\(node.number + 1) is not what entry it stands at had")
            }
        }
        for (number, operation) in history.operations.enumerated() where operation.open != 0 {
            throw Violation("reply", "operation \(number) still waits: \(operation)")
        }
    }
}
