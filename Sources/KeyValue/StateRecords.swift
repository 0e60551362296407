internal import Primitives

extension Store {
    /// The whole state, piece by piece: the versions from before the history in the order of keys, the history in the order
    /// of revisions, the leases, the elections, the candidacies, the remembered requests. Holds a copy of the store as it is now.
    package func records() -> StateRecords { StateRecords(self) }
}

/// Lists a store that does not change any more, at the pace it is asked.
package struct StateRecords: Sequence, IteratorProtocol, Sendable {
    private let kept: Kept
    private var stage: Stage

    /// The store, behind a reference because it would be copied at every step.
    private final class Kept: Sendable {
        let store: Store
        init(_ store: Store) { self.store = store }
    }

    private var store: Store { _read { yield kept.store } }

    private enum Stage {
        case living(KeySpace.Keys.Position)
        case dead(KeySpace.Keys.Position)
        case history(place: Int, ordinal: Int)
        case leases(OrderedMap<LeaseID, LeaseState>.Position)
        case elections(OrderedMap<ElectionID, Election>.Position)
        /// In an election, the first of its candidacies if no place is given.
        case candidacies(OrderedMap<ElectionID, Election>.Position, OrderedMap<ByteKey, Candidate>.Position?)
        case remembered(place: Int)
    }

    init(_ store: Store) {
        kept = Kept(store)
        stage = .living(store.keys.living.startPosition)
    }

    package mutating func next() -> StateRecord? {
        while true {
            switch stage {
            case .living(let position):
                if let (version, next) = nextBase(in: store.keys.living, from: position) {
                    stage = .living(next)
                    return .version(version)
                }
                stage = .dead(store.keys.dead.startPosition)
            case .dead(let position):
                if let (version, next) = nextBase(in: store.keys.dead, from: position) {
                    stage = .dead(next)
                    return .version(version)
                }
                stage = .history(place: 0, ordinal: 0)
            case .history(let place, let ordinal):
                if let record = nextEvent(place, ordinal) { return record }
            case .leases(let position):
                guard position < store.leases.leases.endPosition else {
                    stage = .elections(store.elections.elections.startPosition)
                    continue
                }
                stage = .leases(store.leases.leases.position(after: position))
                let id = store.leases.leases.key(at: position)
                return .lease(StoredLease(id, store.leases.leases[position]))
            case .elections(let position):
                guard position < elections.endPosition else {
                    stage = .candidacies(elections.startPosition, nil)
                    continue
                }
                stage = .elections(elections.position(after: position))
                return .election(
                    StoredElection(id: elections.key(at: position), elections[position].record))
            case .candidacies(let position, let place):
                if let record = nextCandidacy(position, place) { return record }
            case .remembered(let place):
                guard place < store.requests.requests.count else { return nil }
                stage = .remembered(place: place + 1)
                return .remembered(store.requests.requests[place].request)
            }
        }
    }

    private var elections: OrderedMap<ElectionID, Election> { store.elections.elections }

    private mutating func nextCandidacy(
        _ position: OrderedMap<ElectionID, Election>.Position, _ place: OrderedMap<ByteKey, Candidate>.Position?
    ) -> StateRecord? {
        guard position < elections.endPosition else {
            stage = .remembered(place: 0)
            return nil
        }
        let candidates = elections[position].candidates
        let place = place ?? candidates.startPosition
        guard place < candidates.endPosition else {
            stage = .candidacies(elections.position(after: position), nil)
            return nil
        }
        stage = .candidacies(position, candidates.position(after: place))
        let id = CandidacyID(election: elections.key(at: position), candidate: candidates.key(at: place).bytes)
        return .candidacy(StoredCandidacy(id: id, candidates[place]))
    }

    /// The next version from before the history, of which a key has one at most, its oldest; and where to go on.
    private func nextBase(
        in keys: KeySpace.Keys, from start: KeySpace.Keys.Position
    ) -> (version: StoredVersion, next: KeySpace.Keys.Position)? {
        var position = start
        while position < keys.endPosition {
            let oldest = keys[position].oldest
            position = keys.position(after: position)
            if oldest.revision <= store.keys.compacted { return (StoredVersion(oldest), position) }
        }
        return nil
    }

    private mutating func nextEvent(_ place: Int, _ ordinal: Int) -> StateRecord? {
        guard place < store.keys.history.count else {
            stage = .leases(store.leases.leases.startPosition)
            return nil
        }
        let revision = store.keys.history[place]
        let isLast = ordinal + 1 == revision.events.events.count
        stage = .history(place: isLast ? place + 1 : place, ordinal: isLast ? 0 : ordinal + 1)
        let content: StoredVersion.Content =
            switch revision.events.events[ordinal] {
            case .put(let record, _): .put(record)
            case .delete(let key, _, let reason, _): .tombstone(key: key, reason: reason)
            }
        let position = VersionPosition(
            revision: revision.events.revision, ordinal: UInt32(truncatingIfNeeded: ordinal))
        return .version(StoredVersion(position: position, content: content, time: revision.time))
    }
}
