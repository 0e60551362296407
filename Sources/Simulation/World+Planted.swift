internal import Consensus
internal import KeyValue
internal import Primitives
internal import ReplicaCore

// Mistakes of the world around the core that take more than a condition.

extension World {
    /// Whether the opening of a log finds something missing.
    func findsDamage(on node: SimulatedNode) -> Bool {
        switch options.planted {
        case .takesDamageForTail: false
        case .takesTailForDamage where node.life > 1: true
        default: node.log.isDamaged
        }
    }

    mutating func plantInCrash(of node: SimulatedNode) {
        guard phase == .faults else { return }
        switch options.planted {
        case .losesDurableEntries:
            let lost = min(node.log.durable.entries.count, 1 + random.below(8))
            node.log.durable.entries.removeLast(lost)
        case .forgetsVote:
            node.log.durable.hardState = HardState(
                term: node.log.durable.entries.last?.term ?? node.log.durable.base?.term ?? .zero)
        default: break
        }
    }

    /// What a client gets of an answer that its node was right to give: a proxy between them may change it.
    mutating func asTold(_ reply: ClientReply, to call: Call) -> ClientReply {
        switch (options.planted, call.purpose, reply) {
        case (.answersFromCache, .read(let query, isStale: false), .read):
            if let cached = proxied[query], random.chance(1000) { return cached }
            proxied[query] = reply
        case (.answersRepetitionsAnew, .write(let operation), .written(.put(var put), let position)):
            guard call.client >= 0, clients[call.client].retry?.operation == operation else { break }
            let record = put.record
            put.record = KeyRecord(
                key: record.key, value: record.value, createRevision: record.createRevision,
                modRevision: position.revision, version: record.version, lease: record.lease)
            return .written(.put(put), position)
        case (.leadsFromCache, .campaign(let candidacy), .written(.candidacy, _)):
            if let cached = proxiedCampaigns[candidacy], random.chance(1000) { return cached }
            proxiedCampaigns[candidacy] = reply
        default: break
        }
        return reply
    }

    /// What reaches a node of what a client asked for.
    func asPassedOn(_ request: ClientRequest) -> ClientRequest {
        switch (options.planted, request) {
        case (.readsFromMemory, .read(let query, .linearizable)): return .read(query, .stale)
        case (.dropsFences, .write(var proposal)):
            proposal.fence = nil
            return .write(proposal)
        default: return request
        }
    }

    /// Whether a proxy loses a delivery.
    var losesOnTheWay: Bool {
        mutating get { options.planted == .losesEvents && random.chance(100) }
    }

    /// The error is overlooked: the page cache holds what the disk does not, and shows it until the process ends.
    mutating func believeFailedSync(_ node: SimulatedNode) throws(Violation) {
        node.log.failsNext = false
        let jobs = node.log.syncing
        node.log.syncing = []
        for case .write(let write, let thenSend, _) in jobs {
            input(.persisted(write.id), to: node)
            for (to, message) in thenSend { try send(message, from: node, to: to) }
        }
    }

    mutating func planted(in delta: StateDelta) -> StateDelta {
        guard options.planted == .savesIndexWithoutRows, random.chance(1000) else { return delta }
        return StateDelta(header: delta.header)
    }
}
