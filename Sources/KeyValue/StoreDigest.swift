internal import Primitives

/// What kind of effect follows in the digest, so that no two sequences of effects read alike.
enum Effect: UInt8 {
    case put = 1
    case delete, granted, renewed, ended, compacted, remembered, campaigned, withdrawn, led, vacated
}

extension Digest {
    mutating func combine(_ events: RevisionEvents) {
        combine(events.revision.rawValue)
        for place in events.events.indices { events.events[place].combine(into: &self) }
    }

    mutating func combine(_ effect: Effect, lease id: LeaseID, deadline: ClusterTime, generation: UInt64) {
        combine(byte: effect.rawValue)
        combine(id.rawValue)
        combine(UInt64(bitPattern: deadline.nanoseconds))
        combine(generation)
    }

    mutating func combine(compactedThrough revision: Revision) {
        combine(byte: Effect.compacted.rawValue)
        combine(revision.rawValue)
    }

    /// A candidacy that began or changed; of one that ended, the reason is in the place of its priority.
    mutating func combine(_ effect: Effect, _ id: CandidacyID, priority: Int32, value: Bytes) {
        combine(byte: effect.rawValue)
        combine(byte: id.election.kind.rawValue)
        combine(id.election.name)
        combine(id.candidate)
        combine(UInt64(bitPattern: Int64(priority)))
        combine(value)
    }

    mutating func combine(_ event: ElectionEvent) {
        combine(byte: (event.leader == nil ? Effect.vacated : .led).rawValue)
        combine(byte: event.election.kind.rawValue)
        combine(event.election.name)
        combine(event.fence.rawValue)
        if let leader = event.leader { combine(leader.candidate) }
    }

    mutating func combine(_ key: IdempotencyKey) {
        combine(byte: Effect.remembered.rawValue)
        combine(Bytes(key.client.utf8))
        combine(key.number)
    }
}

extension Event {
    fileprivate func combine(into digest: inout Digest) {
        switch self {
        case .put(let record, _):
            digest.combine(byte: Effect.put.rawValue)
            digest.combine(record.key)
            digest.combine(record.value)
            digest.combine(record.createRevision.rawValue)
            digest.combine(record.version)
            digest.combine(record.lease?.rawValue ?? 0)
        case .delete(let key, _, let reason, _):
            digest.combine(byte: Effect.delete.rawValue)
            digest.combine(key)
            digest.combine(byte: reason.rawValue)
        }
    }
}
