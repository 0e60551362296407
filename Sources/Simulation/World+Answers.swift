internal import KeyValue
internal import Primitives
internal import ReplicaCore

// Every answer is held against the model.

extension World {
    mutating func check(_ reply: ClientReply, to call: Call, from node: SimulatedNode) throws(Violation) {
        trace.note(.answer(client: call.client, sentAt: call.sentAt, reply), at: now)
        switch (call.purpose, reply) {
        case (.write(let operation), .written(let result, let position)):
            if try history.lost(operation, result, position) {
                counters[.lostWithoutEntry] += 1
                try checkFloor(position, call)
                return try checkAnswered(position, node)
            }
            counters[.writeAcknowledged] += 1
            try history.acknowledged(operation, result, position)
            try checkPromise(result, call)
            try checkAnswered(position, node)
            if result.isDeletion, node.isLeader, node.isShortOfSpace { counters[.deletedWithoutSpace] += 1 }
        case (.write(let operation), .refused(let refusal, _)):
            try checkSpace(refusal, history.operations[operation].proposal.command)
            try history.refused(operation, mayBeApplied: refusal.mayBeApplied)
        case (.renewal(let leases), .renewed(let grants, let position)):
            try checkRenewal(call, leases, grants, in: position.term)
        case (.read(let query, let isStale), .read(let result, let position)):
            try checkIsFenced(node)
            try checkRead(query, result, position, isStale: isStale, call, node)
        case (.watch(let id), .watching(let records, let position)):
            guard case .watch(_, let request) = call.request else { return }
            // One that goes on where another ended has nothing to prove.
            if request.start == .now || request.start == .next { try checkFloor(position, call) }
            try opened(id, records, request.start, at: position.revision, node: node)
        case (.watch(let id), .refused(let refusal, _)):
            try checkRefused(refusal, id)
            watches[id] = nil
        case (.campaign(let id), .written(.candidacy(let result), _)): try checkCampaign(call, id, result)
        case (.campaign, .written(.failed, _)): break
        case (.observe(let id), .observing(let newest, _)): try opened(id, newest, call, node)
        case (.observe(let id), .refused): observations[id] = nil
        case (_, .refused(let refusal, _)):
            guard !refusal.mayBeApplied || isRenewal(call) else {
                throw Violation("reply", "\(call.purpose) is answered with \(refusal)")
            }
        default: throw Violation("reply", "\(call.purpose) is answered with \(reply)")
        }
    }

    /// What takes no space is carried out on a full disk, too (`invariants.md` 17).
    private mutating func checkSpace(_ refusal: Refusal, _ command: Command) throws(Violation) {
        guard refusal == .outOfSpace else { return }
        counters[.refusedForSpace] += 1
        switch command {
        case .delete, .revokeLease: throw Violation("17", "\(command) is refused for lack of space")
        default: break
        }
    }

    private mutating func isRenewal(_ call: Call) -> Bool {
        switch call.purpose {
        case .renewal, .campaign: true
        default: false
        }
    }

    /// A node never answers with less than before (`invariants.md` 14).
    private mutating func checkAnswered(_ position: ReplyPosition, _ node: SimulatedNode) throws(Violation) {
        let before = node.answered
        guard position.revision >= before, position.revision <= history.model.store.revision else {
            throw Violation(
                "14", "n\(node.number + 1) answers at revision \(position.revision.rawValue) after \(before.rawValue)")
        }
        node.answered = position.revision
    }

    /// A linearizable answer reflects everything committed before the request arrived (`invariants.md` 21–23).
    private mutating func checkFloor(_ position: ReplyPosition, _ call: Call) throws(Violation) {
        guard position.revision < call.floor else { return }
        throw Violation(
            "22",
            "n\(call.node + 1) answers \(call.purpose) at revision \(position.revision.rawValue), "
                + "but \(call.floor.rawValue) was committed before it arrived")
    }

    // MARK: Leases

    private mutating func checkPromise(_ result: CommandResult, _ call: Call) throws(Violation) {
        switch result {
        case .leaseGranted(let grant):
            counters[.leaseGranted] += 1
            try history.promised(grant, from: call.sentAt)
        case .put(let put): if let grant = put.lease { try history.promised(grant, from: call.sentAt) }
        case .leaseRevoked: counters[.leaseRevoked] += 1
        default: break
        }
    }

    private mutating func checkRenewal(
        _ call: Call, _ leases: [LeaseID], _ grants: [LeaseGrant?], in term: Term
    ) throws(Violation) {
        guard grants.count == leases.count else { throw Violation("reply", "a renewal answers not every lease") }
        for (id, grant) in zip(leases, grants) {
            guard let grant else { continue }
            counters[.leaseRenewed] += 1
            // Nothing but a committed renewal is acknowledged, and one that came before it was asked for does not count.
            guard let facts = history.leases[id], facts.renewedAt >= call.sentAt else {
                throw Violation("24", "a renewal of lease \(id.rawValue) is acknowledged before it is committed")
            }
            guard grant.id == id, grant.remaining == grant.ttl else {
                throw Violation("24", "lease \(id.rawValue) is renewed to \(grant)")
            }
            try history.promised(grant, from: call.sentAt)
            if facts.term < term { counters[.leaseOutlivedLeader] += 1 }
        }
    }

    // MARK: Reads

    private mutating func checkRead(
        _ query: Query, _ result: QueryResult, _ position: ReplyPosition, isStale: Bool, _ call: Call,
        _ node: SimulatedNode
    ) throws(Violation) {
        if isStale {
            counters[.staleRead] += 1
        } else {
            counters[.linearizableRead] += 1
            if !node.isLeader { counters[.followerRead] += 1 }
            try checkFloor(position, call)
        }
        try checkAnswered(position, node)
        guard case .range(let range) = query else {
            // What hangs on a lease is left to the history's checker.
            if !isStale { for grant in result.grants { try history.promised(grant, from: call.sentAt) } }
            return
        }
        let revision = range.at ?? position.revision
        if range.at != nil { counters[.pastRead] += 1 }
        switch result {
        case .range(let page):
            var expected = history.model.records(range.selection, at: revision)
            let count = expected.count
            if range.countOnly { expected = [] }
            if range.limit > 0 { expected = Array(expected.prefix(range.limit)) }
            if range.keysOnly { for place in expected.indices { expected[place] = expected[place].withoutValue } }
            guard page.records == expected, page.count == count else {
                throw Violation(
                    "linearizability", "a read at revision \(revision.rawValue) gets \(page.records), not \(expected)")
            }
        case .failed(.compacted): try checkCompacted(revision)
        case .failed(.futureRevision): try checkFuture(revision, position)
        default: throw Violation("reply", "\(query) is answered with \(result)")
        }
    }

    private mutating func checkCompacted(_ revision: Revision) throws(Violation) {
        guard revision > history.model.store.header.compactedRevision else { return }
        throw Violation("29", "revision \(revision.rawValue) is said to be compacted, and is not")
    }

    private mutating func checkFuture(_ revision: Revision, _ position: ReplyPosition) throws(Violation) {
        guard revision <= position.revision else { return }
        throw Violation(
            "14", "revision \(revision.rawValue) is said to be in the future of \(position.revision.rawValue)")
    }

    private mutating func checkRefused(_ refusal: Refusal, _ id: WatchID) throws(Violation) {
        guard case .compacted(let oldest) = refusal, let watch = watches[id] else { return }
        guard watch.cursor.next < oldest, oldest <= history.model.store.oldestRevision else {
            throw Violation("29", "watch \(id.rawValue) after \(watch.cursor.rawValue) is refused as compacted")
        }
        counters[.resumeCompacted] += 1
    }
}

extension QueryResult {
    /// The leases it tells of, with what is left of them.
    fileprivate var grants: [LeaseGrant] {
        switch self {
        case .lease(let status): status.map { [$0.grant] } ?? []
        case .leases(let page): page.grants
        default: []
        }
    }
}

extension CommandResult {
    fileprivate var isDeletion: Bool { if case .deleted = self { true } else { false } }
}
