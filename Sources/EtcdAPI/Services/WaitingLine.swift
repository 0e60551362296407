import Foundation
internal import KeyValue
internal import NIOCore
internal import Node
internal import Primitives
internal import ReplicaCore

/// A place in a line of keys under one prefix: whoever's key was created first is at the front, and a key goes with the
/// lease it hangs on. Locks and elections are such lines. Confined to the call's loop.
final class WaitingLine: WatchSink, @unchecked Sendable {
    /// A key in the line, with the revision that tells it from an earlier or later one of the same name.
    struct Place: Sendable {
        var key: Bytes
        var created: Revision
        /// The state in which it was found to be at the front.
        var position: ReplyPosition
    }

    let eventLoop: any EventLoop
    private let rpc: RPC
    private let prefix: Bytes
    private let lease: LeaseID
    private let value: Bytes?
    private let reached: (Place) -> Void
    private var place: Place?
    private var watch: WatchID?
    private var isOver = false

    /// - Parameters:
    ///   - name: of the line.
    ///   - lease: what the place hangs on; it is in the key's name, so that a lease has one place.
    ///   - value: to be published with the place; `nil` leaves what an earlier call of this lease published.
    ///   - reached: called once, when the place is at the front.
    init(_ rpc: RPC, name: Bytes, lease: LeaseID, value: Bytes?, reached: @escaping (Place) -> Void) {
        self.rpc = rpc
        self.lease = lease
        self.value = value
        self.reached = reached
        eventLoop = rpc.loop
        prefix = Self.prefix(name)
    }

    static func prefix(_ name: Bytes) -> Bytes { name + [UInt8(ascii: "/")] }
    static func key(_ prefix: Bytes, _ lease: LeaseID) -> Bytes {
        prefix + Array(String(lease.rawValue, radix: 16).utf8)
    }

    // MARK: - Lining up

    /// Takes the place, or finds the one this lease has.
    func enter() {
        let key = Self.key(prefix, lease)
        var otherwise: [Transaction.Operation] = [.get(RangeQuery(selection: .key(key)))]
        if let value { otherwise.append(.put(Put(key: key, value: value, lease: .existing(lease)))) }
        let transaction = Transaction(
            comparisons: [.init(key: key, target: .createRevision(0), relation: .equal)],
            then: [.put(Put(key: key, value: value ?? [], lease: .existing(lease)))], otherwise: otherwise)
        rpc.node.submit(
            .write(Proposal(command: .transaction(transaction))), timeout: rpc.timeout, on: rpc.loop
        ) { [self] reply in entered(key, reply) }
    }

    private func entered(_ key: Bytes, _ reply: ClientReply) {
        switch reply {
        case .written(.transaction(let result), let position):
            let created: Revision? =
                switch result.results.first {
                case .put(let put): put.record.createRevision
                case .get(let page): page.records.first?.createRevision
                default: nil
                }
            guard let created else { return rpc.end(.wrongAnswer) }
            // The client gave up while the place was taken.
            if isOver { return giveUp(key, created) }
            place = Place(key: key, created: created, position: position)
            watchLine(after: position.revision)
            look()
        case .written(.failed(let failure), _): rpc.end(RPCStatus(failure))
        case .refused(let refusal, _): rpc.refuse(refusal)
        default: rpc.end(.wrongAnswer)
        }
    }

    /// Everything that happens in the line from here on is a reason to look again.
    private func watchLine(after revision: Revision) {
        let request = WatchRequest(selections: [.prefix(prefix)], start: .after(revision))
        let id = rpc.node.openWatch(request, timeout: rpc.timeout, sink: self) { [self] reply in
            if case .refused(let refusal, _) = reply, !isOver { rpc.refuse(refusal) }
        }
        if isOver { rpc.node.closeWatch(id) } else { watch = id }
    }

    private func look() {
        rpc.submit(.read(.range(RangeQuery(selection: .prefix(prefix))), .linearizable)) { [self] reply in
            guard !isOver, var place else { return }
            guard case .read(.range(let page), let position) = reply else { return rpc.end(.wrongAnswer) }
            guard page.records.contains(where: { $0.key == place.key && $0.createRevision == place.created }) else {
                // The lease ended, or somebody took the place away.
                return rpc.end(.leaseNotFound)
            }
            let front = page.records.min { $0.createRevision < $1.createRevision }
            guard front?.key == place.key else { return }
            place.position = position
            leave()
            reached(place)
        }
    }

    // MARK: - WatchSink

    func deliver(_ batch: WatchBatch) {
        let somebodyLeft = batch.revisions.contains { revision in
            revision.events.contains { if case .delete = $0 { true } else { false } }
        }
        if somebodyLeft, !isOver { look() }
    }

    func ended(_ end: WatchEnd) {
        guard !isOver else { return }
        watch = nil
        rpc.end(.unhealthy)
    }

    func leaderKnown(_ known: Bool) {}

    private func leave() {
        guard !isOver else { return }
        isOver = true
        if let watch { rpc.node.closeWatch(watch) }
        watch = nil
    }
}

extension WaitingLine: WaitingCall {
    /// Who gives up waiting gives the place up, or it would hold up those behind until its lease ends.
    func cancelled() {
        let waited = !isOver
        leave()
        if waited, let place { giveUp(place.key, place.created) }
    }

    /// Takes the place away if it is still the same, and not a later one of the same name.
    private func giveUp(_ key: Bytes, _ created: Revision) {
        let transaction = Transaction(
            comparisons: [.init(key: key, target: .createRevision(created.rawValue), relation: .equal)],
            then: [.delete(.key(key))], otherwise: [])
        rpc.node.submit(
            .write(Proposal(command: .transaction(transaction))), timeout: Limits.requestTimeout, on: rpc.loop
        ) { _ in }
    }

    func writabilityChanged(_ writable: Bool) {}
}
