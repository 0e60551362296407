import Consensus
import KeyValue
import Primitives

@testable import ReplicaCore

/// A few replicas on one clock whose messages go where the test says; disks are instant unless held.
struct TestReplicas {
    var replicas: [NodeID: Replica] = [:]
    let ids: [NodeID]
    var now = Instant(nanoseconds: 5_000_000_000)
    var mail: [(from: NodeID, to: NodeID, message: PeerMessage)] = []
    var replies: [RequestID: ClientReply] = [:]
    var deliveries: [WatchID: [RevisionEvents]] = [:]
    var changes: [WatchID: [ElectionEvent]] = [:]
    var ended: [WatchID: WatchEnd] = [:]
    var notices: [NodeID: [ReplicaNotice]] = [:]
    var snapshots: [NodeID: SnapshotToInstall] = [:]
    var truncations = 0
    var cutOff: Set<NodeID> = []
    /// Messages that are lost when the test says so.
    var isLost: (PeerMessage) -> Bool = { _ in false }
    private var nextRequest: UInt64 = 0

    init(
        _ count: Int, history: HistoryBounds = HistoryBounds(), log: LogBounds = LogBounds(),
        settings: Settings = Settings()
    ) {
        let names = (1...count).map { "n\($0)" }
        let configuration = Configuration(members: names.map { Configuration.Member(name: $0, peerAddress: "\($0):1") })
        ids = names.map { NodeID(name: $0) }
        for (number, id) in ids.enumerated() {
            replicas[id] = Replica(
                id: id, settings: settings, recovered: RecoveredLog(), state: nil, bootstrap: configuration,
                bounds: history, logBounds: log, seed: UInt64(number + 1), now: now)
        }
    }

    // MARK: Steps

    mutating func handle(_ inputs: [Input], at id: NodeID) {
        var out = Outbox()
        for input in inputs { replicas[id]!.handle(input, at: now, into: &out) }
        replicas[id]!.flush(at: now, into: &out)
        for (to, message) in out.sends { mail.append((id, to, message)) }
        for (request, reply) in out.replies { replies[request] = reply }
        for delivery in out.deliveries {
            for watch in delivery.watches {
                deliveries[watch, default: []] += delivery.batch.revisions
                changes[watch, default: []] += delivery.batch.elections
            }
        }
        for (watch, end) in out.endedWatches { ended[watch] = end }
        notices[id, default: []] += out.notices
        if out.truncation != nil { truncations += 1 }
        if let snapshot = out.snapshotToInstall { snapshots[id] = snapshot }
        guard let write = out.write else { return }
        for (to, message) in out.thenSend { mail.append((id, to, message)) }
        handle([.persisted(write.id)], at: id)
    }

    mutating func handle(_ input: Input, at id: NodeID) { handle([input], at: id) }

    mutating func settle() {
        var steps = 0
        while let next = mail.first {
            mail.removeFirst()
            steps += 1
            precondition(steps < 100_000, "the replicas never stop talking")
            guard !cutOff.contains(next.from), !cutOff.contains(next.to), !isLost(next.message) else { continue }
            handle(.received(next.message, from: next.from), at: next.to)
        }
    }

    mutating func run(for span: TimeSpan) {
        let end = now + span
        while now < end {
            now = now + .milliseconds(5)
            for id in ids where replicas[id]!.nextDeadline(at: now) <= now { handle(.tick, at: id) }
            settle()
        }
    }

    /// Waits for a leader that the others follow.
    @discardableResult
    mutating func waitForLeader() -> NodeID {
        for _ in 0..<100 {
            run(for: .milliseconds(100))
            let live = ids.filter { !cutOff.contains($0) }
            if let leader = live.first(where: { replicas[$0]!.raft.hasCommittedInTerm }),
                live.allSatisfy({ replicas[$0]!.raft.leader == leader })
            {
                return leader
            }
        }
        preconditionFailure("there is no leader after ten seconds")
    }

    // MARK: Clients

    @discardableResult
    mutating func send(_ request: ClientRequest, to id: NodeID, timeout: TimeSpan = .seconds(5)) -> RequestID {
        nextRequest += 1
        let number = RequestID(nextRequest)
        handle(.request(number, request, timeout: timeout), at: id)
        return number
    }

    mutating func ask(_ request: ClientRequest, at id: NodeID) -> ClientReply? {
        let number = send(request, to: id)
        settle()
        run(for: .milliseconds(20))
        return replies[number]
    }

    @discardableResult
    mutating func put(_ key: String, _ value: String = "v", at id: NodeID) -> ClientReply? {
        ask(.write(Proposal(command: .put(Put(key: Bytes(key.utf8), value: Bytes(value.utf8))))), at: id)
    }

    func store(_ id: NodeID) -> Store { replicas[id]!.store }

    func value(_ key: String, at id: NodeID) -> String? {
        let query = Query.range(RangeQuery(selection: .key(Bytes(key.utf8))))
        guard case .range(let page) = store(id).query(query), let record = page.records.first else { return nil }
        return String(decoding: record.value, as: UTF8.self)
    }
}

/// A put without a condition.
func put(_ key: String, _ value: String, version: IdempotencyKey? = nil) -> ClientRequest {
    .write(Proposal(idempotencyKey: version, command: .put(Put(key: Bytes(key.utf8), value: Bytes(value.utf8)))))
}

extension ClientReply {
    var isWritten: Bool { if case .written = self { true } else { false } }

    var refusal: Refusal? { if case .refused(let refusal, _) = self { refusal } else { nil } }
}
