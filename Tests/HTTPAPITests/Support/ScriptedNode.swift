import Consensus
import KeyValue
import NIOCore
import Node
import Primitives
import ReplicaCore
import Synchronization

/// A node of one, in memory: the real store behind the protocol the doors speak to, without a log, and with a script of
/// things that go wrong.
final class ScriptedNode: NodeService {
    struct OpenWatch {
        var request: WatchRequest
        var sink: any WatchSink
        var paused = false
        /// Everything up to here was delivered.
        var reached: Revision
    }

    /// A watch of an election that was told everything through a fence.
    struct Observer {
        var election: ElectionID
        var sink: any WatchSink
        var reached: Fence
        var paused = false
    }

    struct State {
        var store = Store()
        var observers: [WatchID: Observer] = [:]
        var nextWatch: UInt64 = 1
        var watches: [WatchID: OpenWatch] = [:]
        var index = WatchIndex<WatchID>()
        /// Answers to give instead of carrying out what is asked, oldest first.
        var script: [ClientReply] = []
        var watchScript: [ClientReply] = []
        /// While true, requests are kept instead of being answered.
        var isHolding = false
        var held: [@Sendable () -> Void] = []
        var pauses = 0
        var resumes = 0
        var closed = 0
        var time = ClusterTime.zero
        var ready = true
        var failure: String?
        var staleness: TimeSpan?
        /// How current each read was to be.
        var consistencies: [ReadConsistency] = []
        var replica: ReplicaStatus?
        var clientAddress: String?
        /// What the other members told.
        var accounts: [MemberAccount] = []
    }

    let identity = NodeIdentity(
        name: "n1", id: NodeID(name: "n1"), cluster: ClusterID(rawValue: 7), version: "1.2.3")
    let state = Mutex(State())

    var watchCount: Int { state.withLock { $0.watches.count + $0.observers.count } }
    var revision: Revision { state.withLock { $0.store.revision } }

    func refuseNext(_ refusal: Refusal) {
        state.withLock { $0.script.append(.refused(refusal, ReplyPosition(revision: Revision(1), term: Term(3)))) }
    }

    func answerNext(_ reply: ClientReply) { state.withLock { $0.script.append(reply) } }

    /// Applies a command as if it came from another client, and tells the watches.
    @discardableResult
    func apply(_ command: Command, idempotencyKey: IdempotencyKey? = nil) -> CommandResult {
        state.withLock { state in apply(Proposal(idempotencyKey: idempotencyKey, command: command), &state) }
    }

    @discardableResult
    func put(_ key: String, _ value: String) -> CommandResult {
        apply(.put(Put(key: Array(key.utf8), value: Array(value.utf8))))
    }

    func compact() { apply(.compact(through: revision)) }

    private func position(_ state: State) -> ReplyPosition {
        ReplyPosition(revision: state.store.revision, term: Term(3), staleness: nil, time: state.time)
    }

    private func apply(_ proposal: Proposal, _ state: inout State) -> CommandResult {
        let position = ApplyPosition(index: state.store.appliedIndex.next, term: Term(3), time: state.time)
        let applied = state.store.apply(proposal, at: position)
        if let events = applied.events { distribute(events, &state) }
        if !applied.elections.isEmpty { for id in state.observers.keys.sorted() { inform(id, &state) } }
        return applied.result
    }

    /// Tells a watch of an election what it has not been told.
    private func inform(_ id: WatchID, _ state: inout State) {
        guard let observer = state.observers[id], !observer.paused else { return }
        let sink = observer.sink
        guard let events = state.store.events(of: observer.election, after: observer.reached) else {
            state.observers[id] = nil
            let now = state.store.summary(of: observer.election).fence
            return sink.eventLoop.execute { sink.ended(.electionCompacted(now: now)) }
        }
        guard let last = events.last else { return }
        state.observers[id]?.reached = last.fence
        let batch = WatchBatch(elections: events)
        sink.eventLoop.execute { sink.deliver(batch) }
    }

    /// Lets time pass, and ends the leases that are due then.
    func pass(_ span: TimeSpan) {
        state.withLock { state in
            state.time = state.time + span
            let due = state.store.dueLeases(at: state.time, limit: 10_000)
            if !due.isEmpty { _ = apply(Proposal(command: .expireLeases(due, term: Term(3))), &state) }
        }
    }

    private func distribute(_ events: RevisionEvents, _ state: inout State) {
        for (ids, selected) in state.index.match(events) {
            let batch = WatchBatch(revisions: [selected])
            for id in ids {
                guard var watch = state.watches[id], !watch.paused, watch.reached < events.revision else { continue }
                watch.reached = events.revision
                state.watches[id] = watch
                let sink = watch.sink
                sink.eventLoop.execute { sink.deliver(batch) }
            }
        }
    }

    // MARK: - NodeService

    func progress(of watch: WatchID, sink: any WatchSink, completion: @escaping @Sendable (Revision) -> Void) {
        state.withLock { state in
            let revision = state.store.revision
            sink.eventLoop.execute { completion(revision) }
        }
    }

    func submit(
        _ request: ClientRequest, timeout: TimeSpan, on loop: any EventLoop,
        completion: @escaping @Sendable (ClientReply) -> Void
    ) {
        state.withLock { state in
            let reply = state.script.isEmpty ? answer(request, &state) : state.script.removeFirst()
            let complete: @Sendable () -> Void = { loop.execute { completion(reply) } }
            if state.isHolding { state.held.append(complete) } else { complete() }
        }
    }

    private func answer(_ request: ClientRequest, _ state: inout State) -> ClientReply {
        switch request {
        case .write(let proposal):
            let result = apply(proposal, &state)
            return .written(result, position(state))
        case .renew(let ids):
            guard case .leasesRenewed(let grants) = apply(Proposal(command: .renewLeases(ids)), &state) else {
                preconditionFailure("a renewal answers with renewals")
            }
            return .renewed(grants, position(state))
        case .read(let query, let consistency):
            state.consistencies.append(consistency)
            var position = position(state)
            if consistency == .stale { position.staleness = state.staleness }
            return .read(state.store.query(query), position)
        case .watch, .observe: preconditionFailure("watches are opened with openWatch and observe")
        }
    }

    func openWatch(
        _ request: WatchRequest, timeout: TimeSpan, sink: any WatchSink,
        completion: @escaping @Sendable (ClientReply) -> Void
    ) -> WatchID {
        state.withLock { state in
            let id = WatchID(state.nextWatch)
            state.nextWatch += 1
            let reply = state.watchScript.isEmpty ? open(id, request, sink, &state) : state.watchScript.removeFirst()
            sink.eventLoop.execute { completion(reply) }
            if case .watching = reply { catchUp(id, &state) }
            return id
        }
    }

    func observe(
        _ election: ElectionID, after fence: Fence?, timeout: TimeSpan, sink: any WatchSink,
        completion: @escaping @Sendable (ClientReply) -> Void
    ) -> WatchID {
        state.withLock { state in
            let id = WatchID(state.nextWatch)
            state.nextWatch += 1
            if !state.watchScript.isEmpty {
                let reply = state.watchScript.removeFirst()
                sink.eventLoop.execute { completion(reply) }
                return id
            }
            let newest = state.store.newestEvent(of: election)
            let reply = ClientReply.observing(fence == nil ? newest : nil, position(state))
            state.observers[id] = Observer(election: election, sink: sink, reached: fence ?? newest.fence)
            sink.eventLoop.execute { completion(reply) }
            inform(id, &state)
            return id
        }
    }

    private func open(
        _ id: WatchID, _ request: WatchRequest, _ sink: any WatchSink, _ state: inout State
    ) -> ClientReply {
        var records: [KeyRecord]?
        var reached = state.store.revision
        switch request.start {
        case .now:
            records = request.selections.flatMap { selection -> [KeyRecord] in
                guard case .range(let range) = state.store.query(.range(RangeQuery(selection: selection))) else {
                    return []
                }
                return range.records
            }
        case .next: break
        case .after(let revision):
            if case .compacted(let oldest) = state.store.events(after: revision, selections: [], limit: 1) {
                return .refused(.compacted(oldest: oldest), position(state))
            }
            reached = revision
        }
        state.watches[id] = OpenWatch(request: request, sink: sink, reached: reached)
        state.index.add(id, selections: request.selections)
        return .watching(records, position(state))
    }

    /// Delivers from the history what the watch has not been told, page by page.
    private func catchUp(_ id: WatchID, _ state: inout State) {
        while let watch = state.watches[id], watch.reached < state.store.revision {
            let (sink, selections) = (watch.sink, watch.request.selections)
            switch state.store.events(after: watch.reached, selections: selections, limit: 100_000) {
            case .events(let revisions, let scannedThrough):
                state.watches[id]?.reached = scannedThrough
                let batch = WatchBatch(revisions: revisions)
                if !revisions.isEmpty { sink.eventLoop.execute { sink.deliver(batch) } }
            case .compacted(let oldest):
                end(id, .compacted(oldest: oldest), &state)
            }
        }
    }

    private func end(_ id: WatchID, _ end: WatchEnd, _ state: inout State) {
        guard let watch = state.watches.removeValue(forKey: id) else { return }
        state.index.remove(id)
        watch.sink.eventLoop.execute { watch.sink.ended(end) }
    }

    func endWatches(_ end: WatchEnd) {
        state.withLock { state in for id in Array(state.watches.keys) { self.end(id, end, &state) } }
    }

    func tellLeader(known: Bool) {
        let sinks = state.withLock { $0.watches.values.map(\.sink) + $0.observers.values.map(\.sink) }
        for sink in sinks { sink.eventLoop.execute { sink.leaderKnown(known) } }
    }

    func closeWatch(_ id: WatchID) {
        state.withLock { state in
            if state.watches.removeValue(forKey: id) != nil {
                state.index.remove(id)
                state.closed += 1
            }
            if state.observers.removeValue(forKey: id) != nil { state.closed += 1 }
        }
    }

    func pauseWatch(_ id: WatchID) {
        state.withLock {
            $0.watches[id]?.paused = true
            $0.observers[id]?.paused = true
            $0.pauses += 1
        }
    }

    func resumeWatch(_ id: WatchID) {
        state.withLock { state in
            state.watches[id]?.paused = false
            state.observers[id]?.paused = false
            state.resumes += 1
            catchUp(id, &state)
            inform(id, &state)
        }
    }

    func hold() { state.withLock { $0.isHolding = true } }
    func release() {
        let held = state.withLock { state in
            state.isHolding = false
            defer { state.held = [] }
            return state.held
        }
        for complete in held { complete() }
    }

    func state(on loop: any EventLoop, completion: @escaping @Sendable (Store) -> Void) {
        let store = state.withLock { $0.store }
        loop.execute { completion(store) }
    }

    func handOver(to target: NodeID) { follow(target) }

    func serves(clientsAt address: String) { state.withLock { $0.clientAddress = address } }

    func status(on loop: any EventLoop, completion: @escaping @Sendable (NodeStatus) -> Void) {
        let status = state.withLock { state in
            NodeStatus(
                replica: state.replica ?? replica(state), uptime: .seconds(5), diskSync: .microseconds(210),
                logSyncs: 9, incarnation: 2, ready: state.ready, failure: state.failure,
                members: [account(state)] + state.accounts)
        }
        loop.execute { completion(status) }
    }

    /// From now on this node follows another.
    func follow(_ leader: NodeID) {
        state.withLock { state in
            var status = replica(state)
            status.role = .follower
            status.leader = leader
            state.replica = status
        }
    }

    private func account(_ state: State) -> MemberAccount {
        let follower = MemberReport.Follower(
            node: NodeID(name: "n2"), lag: 0, roundTrip: .microseconds(150), silence: .milliseconds(20),
            isReceivingSnapshot: false)
        let report = MemberReport(
            role: .leader, term: Term(3), appliedIndex: state.store.appliedIndex, followers: [follower],
            clientAddress: state.clientAddress, diskSync: .microseconds(210), version: identity.version)
        return MemberAccount(node: identity.id, report: report, age: .zero, isCurrent: true)
    }

    private func replica(_ state: State) -> ReplicaStatus {
        ReplicaStatus(
            node: identity.id, role: .leader, term: Term(3), leader: identity.id, election: .randomized, priority: 100,
            configuration: Configuration(members: [
                .init(name: "n1", peerAddress: "127.0.0.1:2380"), .init(name: "n2", peerAddress: "127.0.0.1:2480"),
                .init(name: "n3", peerAddress: "127.0.0.1:2580"),
            ]),
            commitIndex: state.store.appliedIndex, appliedIndex: state.store.appliedIndex,
            lastIndex: state.store.appliedIndex, firstIndex: LogIndex(1), revision: state.store.revision,
            compactedRevision: .zero, digest: 0xABC, keys: state.store.keyCount, leases: state.store.leaseCount,
            elections: state.store.electionCensus, watches: state.watches.count, storeBytes: state.store.storeBytes,
            pendingRequests: 0,
            explanation: ["n1 leads in term 3."])
    }
}
